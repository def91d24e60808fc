"""Sends and receives datagrams in every way that names the peer."""
import ctypes, errno, signal, socket, struct, sys, threading, time

port = int(sys.argv[1])
to = ("127.0.0.1", port)
libc = ctypes.CDLL(None, use_errno=True)


def check(what, got, expected):
    print(what, "as without" if got == expected else f"{got} and not {expected}")


class iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


class msghdr(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_void_p), ("name_len", ctypes.c_uint),
        ("parts", ctypes.POINTER(iovec)), ("parts_len", ctypes.c_size_t),
        ("control", ctypes.c_void_p), ("control_len", ctypes.c_size_t), ("flags", ctypes.c_int),
    ]


class mmsghdr(ctypes.Structure):
    _fields_ = [("header", msghdr), ("len", ctypes.c_uint)]


def batch(names, bodies):
    all, kept = (mmsghdr * len(bodies))(), []
    for index, body in enumerate(bodies):
        name, room = ctypes.create_string_buffer(names, 16), ctypes.create_string_buffer(body, 99)
        part = iovec(ctypes.addressof(room), len(body))
        all[index].header = msghdr(ctypes.addressof(name), 16, ctypes.pointer(part), 1, None, 0, 0)
        kept += [(name, room, part)]
    return all, kept


# One thread waits already when the other sends.
u = socket.socket(type=socket.SOCK_DGRAM)
u.bind(("", 0))
got = []
thread = threading.Thread(target=lambda: got.append(u.recvfrom(99)))
thread.start()
time.sleep(0.2)
u.sendto(b"waited", to)
thread.join(20)
check("recvfrom", got, [(b"waited", to)])
u.settimeout(20)

u.sendmsg([b"a", b"b"], [], 0, to)
data, control, flags, sender = u.recvmsg(99, 100)
check("recvmsg", (data, sender), (b"ab", to))

own = u.getsockname()[1]
u.connect(to)
check("getpeername", u.getpeername(), to)
check("getsockname", u.getsockname(), ("127.0.0.1", own))
u.send(b"x")
check("connected", u.recvfrom(9), (b"x", to))
u.send(b"x")
check("read", u.recv(9), b"x")

nobody = ctypes.create_string_buffer(16)
check("unspecified", libc.connect(u.fileno(), nobody, 16), 0)
try:
    check("getpeername", u.getpeername(), None)
except OSError as error:
    check("getpeername", error.errno, errno.ENOTCONN)
u.sendto(b"again", to)
check("sendto", u.recvfrom(9), (b"again", to))

name = struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, socket.inet_aton(to[0]))
w = socket.socket(type=socket.SOCK_DGRAM)
many, kept = batch(name, [b"m0", b"m1", b"m2"])
check("sendmmsg", (libc.sendmmsg(w.fileno(), many, 3, 0), [one.len for one in many]), (3, [2] * 3))
seen = []
while len(seen) < 3:
    many, kept = batch(b"", [b"??"] * 3)
    count = libc.recvmmsg(w.fileno(), many, 3, 0x10000, None)
    if count <= 0:
        break
    seen += [(kept[n][1].raw[:2], kept[n][0].raw[:8] == name[:8]) for n in range(count)]
check("recvmmsg", sorted(seen), [(b"m0", True), (b"m1", True), (b"m2", True)])

if len(sys.argv) > 2:
    m = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    m.settimeout(20)
    m.sendto(b"mapped", ("::ffff:127.0.0.1", port))
    check("mapped", m.recvfrom(99), (b"mapped", ("::ffff:127.0.0.1", port, 0, 0)))


class Interrupted(Exception):
    pass


def interrupt(*_):
    raise Interrupted


signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.2)
u.settimeout(None)
try:
    check("signal", u.recvfrom(9), None)
except Interrupted:
    check("signal", True, True)
time_limit = (ctypes.c_long * 2)(0, 100_000)
libc.setsockopt(u.fileno(), socket.SOL_SOCKET, socket.SO_RCVTIMEO, time_limit, 16)
try:
    check("time limit", u.recvfrom(9), None)
except OSError as error:
    check("time limit", error.errno, errno.EAGAIN)
