"""Sends each message to a server, with another request behind it, and prints what it answered.

A line each: the message's name, then the status and what the server says it read, in turn.
"""

import pathlib, re, socket, sys

NEXT = b"GET /next HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
ANSWER = re.compile(rb"HTTP/1\.[01] (\d+)[^\r\n]*\r?\n(?:[^\r\n]+\r?\n)*\r?\n")
READ = re.compile(rb"^X-Read: *([^\r\n]*)", re.I | re.M)

port = int(sys.argv[1])
paths = pathlib.Path(sys.argv[2]).glob("request-*.http")
for path in sorted(paths, key=lambda path: path.stem):
    with socket.create_connection(("127.0.0.1", port), 20) as peer:
        heard = b""
        try:
            peer.sendall(path.read_bytes() + NEXT)
            peer.shutdown(socket.SHUT_WR)
            while got := peer.recv(65536):
                heard += got
        except ConnectionError:
            pass  # What came before counts.
    answers = []
    for answer in ANSWER.finditer(heard):
        status = answer[1].decode()
        if status[0] == "1":
            continue
        read = READ.search(answer[0])
        answers.append(status + " " + read[1].decode("utf-8", "replace").strip() if read else status)
    print(path.stem, "|".join(answers), sep="\t", flush=True)
