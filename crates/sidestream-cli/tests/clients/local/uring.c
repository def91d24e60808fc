/* Fetches a page with every call of the network made by io_uring: by the program itself
 * ("inline"), by a worker thread of the kernel's ("worker"), or by the kernel's thread that polls
 * the queue ("poller"). Tells on its first line which threads it has. */
#include <arpa/inet.h>
#include <dirent.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct io_uring ring;
static unsigned flags;

/* Has the kernel do what was prepared, and returns what came of it. */
static int done(struct io_uring_sqe *sqe)
{
	struct io_uring_cqe *cqe;
	int result;

	io_uring_sqe_set_flags(sqe, flags);
	io_uring_submit(&ring);
	io_uring_wait_cqe(&ring, &cqe);
	result = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	if (result < 0) {
		fprintf(stderr, "%s\n", strerror(-result));
		exit(1);
	}
	return result;
}

static void tell_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	char path[300], name[32];

	while ((task = readdir(tasks))) {
		snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
		FILE *file = fopen(path, "r");
		if (file && fgets(name, sizeof name, file))
			printf("%.*s ", (int)strcspn(name, "\n"), name);
		if (file)
			fclose(file);
	}
	puts("");
	closedir(tasks);
}

int main(int argc, char **argv)
{
	const char *request = "GET / HTTP/1.0\r\n\r\n";
	struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(atoi(argv[2])) };
	struct io_uring_params params = { 0 };
	struct io_uring_sqe *sqe;
	char bytes[4096];
	int fd, len;

	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!strcmp(argv[1], "worker"))
		flags = IOSQE_ASYNC;
	if (!strcmp(argv[1], "poller"))
		params.flags = IORING_SETUP_SQPOLL;
	if ((len = io_uring_queue_init_params(4, &ring, &params)) < 0) {
		fprintf(stderr, "%s\n", strerror(-len));
		return 1;
	}
	fd = socket(AF_INET, SOCK_STREAM, 0);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_connect(sqe, fd, (struct sockaddr *)&server, sizeof server);
	done(sqe);
	tell_threads();
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_send(sqe, fd, request, strlen(request), 0);
	done(sqe);
	shutdown(fd, SHUT_WR);
	do {
		sqe = io_uring_get_sqe(&ring);
		io_uring_prep_recv(sqe, fd, bytes, sizeof bytes, 0);
		len = done(sqe);
		fwrite(bytes, 1, len, stdout);
	} while (len > 0);
	return 0;
}
