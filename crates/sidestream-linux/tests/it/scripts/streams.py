"""Connects in every way, and asks who is at both ends."""
import ctypes, errno, os, select, socket, sys, threading

port = int(sys.argv[1])
to = ("127.0.0.1", port)
libc = ctypes.CDLL(None, use_errno=True)


def check(what, got, expected):
    print(what, "as without" if got == expected else f"{got} and not {expected}")


def echoes(s):
    s.settimeout(20)
    s.sendall(b"echo")
    return s.recv(4)


s = socket.socket()
s.setblocking(False)
check("not waiting", s.connect_ex(to), errno.EINPROGRESS)
check("writable", select.select([], [s], [], 20)[1], [s])
check("error", s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), 0)
check("peer", s.getpeername(), to)
check("again", {s.connect_ex(to), s.connect_ex(to)} <= {0, errno.EISCONN}, True)
check("echo", echoes(s), b"echo")

s = socket.socket()
check("fast open", s.sendto(b"fast", socket.MSG_FASTOPEN, to), 4)
check("echo", s.recv(4), b"fast")
s = socket.socket()
s.setsockopt(socket.IPPROTO_TCP, 30, 1)
s.connect(to)
check("fast open by option", (echoes(s), s.getpeername()), (b"echo", to))

if len(sys.argv) > 2:
    s = socket.socket()
    s.bind((sys.argv[2], 0))
    bound = s.getsockname()
    s.connect(to)
    check("bound", (s.getsockname(), s.getpeername(), echoes(s)), (bound, to, b"echo"))

s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) if os.access("/proc/sys/net/mptcp/enabled", 0) else socket.socket()
s.connect(to)
check("multipath", (echoes(s), s.getpeername()), (b"echo", to))

one, two = socket.socketpair()
one.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, (s.fileno()).to_bytes(4, "little"))])
passed = socket.recv_fds(two, 9, 1)[1][0]
check("passed", (socket.socket(fileno=passed).getpeername(), one.getpeername()), (to, two.getsockname()))

for wrong, number in [(b"\2\0", errno.EINVAL), (b"\377\0" + bytes(14), errno.EAFNOSUPPORT)]:
    s = socket.socket()
    libc.connect(s.fileno(), wrong, len(wrong))
    check("wrong", ctypes.get_errno(), number)
try:
    socket.socket(socket.AF_UNIX).connect("/nowhere/at/all")
except FileNotFoundError:
    check("unix", True, True)

wrong = []


def many():
    for _ in range(20):
        try:
            s = socket.create_connection(to, 20)
            if echoes(s) != b"echo" or s.getpeername() != to or open("/etc/passwd").read(1) == "":
                wrong.append("lies")
            s.close()
        except OSError as error:
            wrong.append(error)


threads = [threading.Thread(target=many) for _ in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
check("many", wrong, [])
