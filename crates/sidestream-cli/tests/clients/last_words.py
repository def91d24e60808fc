# A server that says something and resets its connection, and its client, with a proxy between
# them: python3 last_words.py HOW BEFORE
#
# HOW is `slow`, where the client reads only once the server has gone, or `upload`, where the proxy
# learns of the reset as it passes something on to the server. BEFORE is how many bytes are passed
# before. The first line printed is the server's port; then the proxy's port and process are read.
# The last line is how much the client heard, and how it ended.
import fcntl, os, signal, socket, struct, sys, termios, threading, time

how, before = sys.argv[1], int(sys.argv[2])
words = b'w' * (60000 if how == 'slow' else 10)
asked, gone = threading.Event(), threading.Event()


def unsent(sock):
    return struct.unpack('i', fcntl.ioctl(sock, termios.TIOCOUTQ, b'\0' * 4))[0]


def serve(listener):
    conn = listener.accept()[0]
    conn.sendall(b'b' * before)
    conn.recv(1)
    if how == 'upload':
        os.kill(proxy, signal.SIGSTOP)
        asked.set()
        gone.wait()
    conn.sendall(words)
    # What has not arrived is lost with a reset.
    while unsent(conn):
        time.sleep(0.001)
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    conn.close()
    if how == 'upload':
        os.kill(proxy, signal.SIGCONT)
    gone.set()


listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
port, proxy = map(int, sys.stdin.readline().split())
threading.Thread(target=serve, args=(listener,), daemon=True).start()

client = socket.socket()
client.settimeout(60)
# Less than is said, so that the rest waits in the proxy.
client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
client.connect(('127.0.0.1', port))
left = before
while left:
    left -= len(client.recv(left))
client.sendall(b'?')
if how == 'upload':
    asked.wait()
    client.sendall(b'more')
    while unsent(client):
        time.sleep(0.001)
    gone.set()
else:
    gone.wait()
heard = 0
try:
    while part := client.recv(65536):
        heard += len(part)
    print(heard, 'end')
except ConnectionResetError:
    print(heard, 'reset')
