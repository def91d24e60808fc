// Runs a command and kills it, or what it started, right before one of its steps: the Nth system
// call of all its processes together that changes something outside of them.
//
//     killat REPORT STEP self|root|all COMMAND...
//
// The report says `root PID` at once, and at the end `killed CALL PID`, or `steps COUNT` where the
// command ended before. What is left of the command then runs on untraced.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEP(name) {SYS_##name, #name}
static const struct { long number; const char *name; } STEPS[] = {
    STEP(accept4), STEP(bind), STEP(bpf), STEP(chdir), STEP(clone), STEP(clone3), STEP(connect),
    STEP(execve), STEP(fchdir), STEP(fchmod), STEP(fchmodat), STEP(fchown), STEP(fchownat),
    STEP(fdatasync), STEP(flock), STEP(fsconfig), STEP(fsmount), STEP(fsopen), STEP(fsync),
    STEP(ftruncate), STEP(ioctl), STEP(kill), STEP(linkat), STEP(listen), STEP(memfd_create),
    STEP(mkdirat), STEP(mount), STEP(mount_setattr), STEP(move_mount), STEP(open_tree),
    STEP(openat), STEP(pidfd_send_signal), STEP(pivot_root), STEP(prctl), STEP(renameat),
    STEP(renameat2), STEP(seccomp), STEP(sendmsg), STEP(sendto), STEP(setgroups), STEP(setns),
    STEP(setresgid), STEP(setresuid), STEP(setsid), STEP(setsockopt), STEP(shutdown), STEP(socket),
    STEP(socketpair), STEP(symlinkat), STEP(umount2), STEP(unlinkat), STEP(unshare), STEP(wait4),
#ifdef SYS_mkdir
    STEP(chmod), STEP(chown), STEP(fork), STEP(lchown), STEP(link), STEP(mkdir), STEP(open),
    STEP(rename), STEP(rmdir), STEP(symlink), STEP(unlink), STEP(vfork),
#endif
    STEP(exit_group),
};

static FILE *report;
static pid_t tracees[4096];
static int tracee_count;

static void fail(const char *what) {
    perror(what);
    exit(125);
}

static void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(report, format, arguments);
    va_end(arguments);
    fflush(report);
}

// The process of a thread.
static pid_t process_of(pid_t thread) {
    char path[64], line[256];
    pid_t found = thread;
    snprintf(path, sizeof path, "/proc/%d/status", thread);
    FILE *status = fopen(path, "r");
    if (!status) return thread;
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "Tgid: %d", &found) == 1) break;
    fclose(status);
    return found;
}

// The name of a step that is being entered, or nothing.
static const char *step_of(const struct __ptrace_syscall_info *info) {
    if (info->op != PTRACE_SYSCALL_INFO_ENTRY) return NULL;
    long number = (long)info->entry.nr;
    // What is only read is no step.
    if (number == SYS_openat && !(info->entry.args[2] & (O_WRONLY | O_RDWR | O_CREAT))) return NULL;
    for (size_t at = 0; at < sizeof STEPS / sizeof *STEPS; at++)
        if (STEPS[at].number == number) return STEPS[at].name;
    return NULL;
}

static void remember(pid_t pid) {
    for (int at = 0; at < tracee_count; at++)
        if (tracees[at] == pid) return;
    if (tracee_count < (int)(sizeof tracees / sizeof *tracees)) tracees[tracee_count++] = pid;
}

static void forget(pid_t pid) {
    for (int at = 0; at < tracee_count; at++)
        if (tracees[at] == pid) tracees[at] = tracees[--tracee_count];
}

static void kill_victims(const char *victim, pid_t root, pid_t self) {
    if (!strcmp(victim, "root")) kill(root, SIGKILL);
    else if (!strcmp(victim, "self")) kill(process_of(self), SIGKILL);
    else for (int at = 0; at < tracee_count; at++) kill(process_of(tracees[at]), SIGKILL);
}

int main(int count, char **words) {
    if (count < 5) return 125;
    report = fopen(words[1], "w");
    if (!report) fail("report");
    fcntl(fileno(report), F_SETFD, FD_CLOEXEC);
    const long wanted = atol(words[2]);
    const char *victim = words[3];
    const pid_t root = fork();
    if (root < 0) fail("fork");
    if (root == 0) {
        raise(SIGSTOP);
        execvp(words[4], words + 4);
        _exit(127);
    }
    int status;
    waitpid(root, &status, WUNTRACED);
    const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                         PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
    if (ptrace(PTRACE_SEIZE, root, 0, options)) fail("seize");
    remember(root);
    say("root %d\n", root);
    kill(root, SIGCONT);
    long steps = 0;
    for (;;) {
        const pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0) {
            if (errno == EINTR) continue;
            break;
        }
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            forget(pid);
            continue;
        }
        remember(pid);
        const int signal = WSTOPSIG(status), event = status >> 16;
        long pass = 0;
        if (signal == (SIGTRAP | 0x80)) {
            struct __ptrace_syscall_info info;
            const long got = ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info);
            const char *step = got > 0 ? step_of(&info) : NULL;
            if (step && ++steps == wanted) {
                kill_victims(victim, root, pid);
                say("killed %s %d\n", step, pid);
                return 0;
            }
        } else if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
            ptrace(PTRACE_LISTEN, pid, 0, 0);
            continue;
        } else if (!event) {
            pass = signal;
        }
        ptrace(PTRACE_SYSCALL, pid, 0, pass);
    }
    say("steps %ld\n", steps);
    return 0;
}
