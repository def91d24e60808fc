"""Servers that speak first, each on a port of its own: SMTP, IMAP, POP3, FTP, and dropbear's SSH.

Arguments: the key of an SSH host, or none for no SSH. It prints its ports, and ends with whoever
started it.
"""

import os
import socket
import subprocess
import sys
import threading
import time


def scripted(greeting, answers):
    """Greets, and answers each line by how its command begins."""

    def serve(connection):
        stream = connection.makefile("rwb", buffering=0)
        stream.write(greeting)
        for line in stream:
            words = line.split()
            for command, answer in answers:
                if command.encode() in words[:2]:
                    stream.write(answer.replace(b"TAG", words[0]))
                    break

    return serve


SMTP = scripted(b"220 mail.test ESMTP\r\n", [("ehlo", b"250 mail.test\r\n"), ("QUIT", b"221 bye\r\n")])
IMAP = scripted(
    b"* OK ready\r\n",
    [
        ("CAPABILITY", b"* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n"),
        ("NOOP", b"TAG OK done\r\n"),
        ("LOGOUT", b"* BYE\r\nTAG OK done\r\n"),
    ],
)
POP3 = scripted(b"+OK ready\r\n", [("NOOP", b"+OK\r\n"), ("QUIT", b"+OK bye\r\n")])
# It says no more than its code: the client's first command tells.
FTP = scripted(
    b"220 ready\r\n",
    [("USER", b"331 whose?\r\n"), ("PASS", b"230 fine\r\n"), ("QUIT", b"221 bye\r\n")],
)


def ssh(connection):
    """Has dropbear serve the connection."""
    command = ["/usr/sbin/dropbear", "-i", "-r", sys.argv[1]]
    subprocess.run(command, stdin=connection, stdout=connection, check=False)


def accept(listener, serve):
    def served(connection):
        with connection:
            serve(connection)

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=served, args=[connection], daemon=True).start()


servers = [SMTP, IMAP, POP3, FTP] + ([ssh] if len(sys.argv) > 1 else [])
listeners = [socket.create_server(("127.0.0.1", 0)) for _ in servers]
for listener, server in zip(listeners, servers):
    threading.Thread(target=accept, args=[listener, server], daemon=True).start()
print(*(listener.getsockname()[1] for listener in listeners), flush=True)
parent = os.getppid()
while os.getppid() == parent:
    time.sleep(1)
