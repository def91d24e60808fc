"""Does one ask of the lab, which comes as JSON on standard input, and prints the answer as JSON."""

import json
import os
import socket
import ssl
import struct
import sys
import time

PATIENCE = 60
PERIOD = 251
STRETCH = 16384


class CutShort(Exception):
    pass


def trouble(error):
    """Finds the lab's word for what went wrong."""
    if isinstance(error, socket.gaierror):
        return "no-name"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "untrusted"
    if isinstance(error, ssl.SSLEOFError):
        return "tls"
    if isinstance(error, ssl.SSLError):
        return "tls"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return "reset"
    if isinstance(error, TimeoutError):
        return "timed-out"
    if isinstance(error, (CutShort, EOFError)):
        return "cut-short"
    if isinstance(error, OSError) and error.errno in (101, 113):
        return "unreachable"
    return "other"


def tls():
    return ssl.create_default_context(cafile=os.environ["LAB_ROOTS"])


def http(ask, answer):
    import http.client
    import urllib.error
    import urllib.request

    body = ask["body"]
    request = urllib.request.Request(
        ask["url"], data=None if body is None else bytes(body), method=ask["method"]
    )
    request.add_header("User-Agent", "lab")
    for name, value in ask["fields"]:
        request.add_header(name, value)
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=tls()))
    try:
        try:
            response = opener.open(request, timeout=PATIENCE)
        except urllib.error.HTTPError as error:
            response = error
        answer["version"] = "HTTP/1.1" if response.version == 11 else "HTTP/1.0"
        answer["status"] = response.status
        answer["fields"] = [[name, value] for name, value in response.headers.items()]
        answer["content"] += response.read()
    except urllib.error.URLError as error:
        raise error.reason if isinstance(error.reason, Exception) else error
    except http.client.IncompleteRead as error:
        answer["content"] += error.partial
        raise CutShort(str(error))
    except http.client.RemoteDisconnected as error:
        raise CutShort(str(error))


def connect(ask):
    connection = socket.create_connection((ask["host"], ask["port"]), timeout=PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


class Talk:
    """A conversation over TCP, which takes in what comes while it sends."""

    def __init__(self, connection, came):
        self.connection = connection
        self.came = came
        self.ended = False

    def fill(self):
        if self.ended:
            return False
        data = self.connection.recv(65536)
        self.came.extend(data)
        self.ended = not data
        return not self.ended

    def send(self, data):
        import select

        data = memoryview(data)
        while data:
            wants = [] if self.ended else [self.connection]
            readable, writable, _ = select.select(wants, [self.connection], [], PATIENCE)
            if not readable and not writable:
                raise TimeoutError()
            if readable:
                self.fill()
            if writable:
                data = data[self.connection.send(data[:STRETCH]) :]

    def step(self, step):
        (kind, value), = step.items() if isinstance(step, dict) else [(step, None)]
        if kind == "send":
            self.send(bytes(value))
        elif kind == "send-many":
            pattern = bytes(range(PERIOD)) * (STRETCH // PERIOD + 2)
            for at in range(0, value, STRETCH):
                count = min(STRETCH, value - at)
                self.send(pattern[at % PERIOD : at % PERIOD + count])
        elif kind == "await":
            while len(self.came) < value:
                if not self.fill():
                    raise CutShort("the end came too early")
        elif kind == "await-end":
            while self.fill():
                pass
        elif kind == "end":
            self.connection.shutdown(socket.SHUT_WR)
        elif kind == "reset":
            off = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, off)
        elif kind == "pause":
            time.sleep(value["secs"] + value["nanos"] / 1e9)


def tcp(ask, answer):
    with connect(ask) as connection:
        talk = Talk(connection, answer["content"])
        for step in ask["steps"]:
            talk.step(step)
            if step == "reset":
                break


def udp(ask, answer):
    patience = ask["patience"]["secs"] + ask["patience"]["nanos"] / 1e9
    found = socket.getaddrinfo(ask["host"], ask["port"], type=socket.SOCK_DGRAM)
    family, kind, _, _, address = found[0]
    came = 0
    with socket.socket(family, kind) as connection:
        connection.connect(address)
        connection.settimeout(patience)
        for datagram in ask["datagrams"]:
            connection.send(bytes(datagram))
            try:
                answer["content"] += connection.recv(65535)
                came += 1
            except TimeoutError:
                # One that is lost is missing in what came.
                pass
    if came == 0:
        raise TimeoutError("no answer")


def web_socket(ask, answer):
    import asyncio

    asyncio.run(talk(ask, answer))


async def talk(ask, answer):
    import asyncio
    import inspect

    import websockets

    options = {"ssl": tls()} if ask["url"].startswith("wss:") else {}
    options.update(compression=None, open_timeout=PATIENCE, max_size=None)
    # Newer ones look for a proxy in the environment.
    if "proxy" in inspect.signature(websockets.connect).parameters:
        options["proxy"] = None
    try:
        async with websockets.connect(ask["url"], **options) as connection:
            answer.update(status=101, version="HTTP/1.1")
            for frame in ask["frames"]:
                ((kind, value),) = frame.items()
                await connection.send(value if kind == "text" else bytes(value))
                came = await asyncio.wait_for(connection.recv(), PATIENCE)
                answer["content"] += came.encode() if isinstance(came, str) else came
            await connection.close(code=ask["close"])
    except websockets.exceptions.ConnectionClosed as error:
        raise CutShort(str(error))


def main():
    ((kind, ask),) = json.load(sys.stdin).items()
    answer = {"fields": [], "content": bytearray(), "trouble": None, "said": ""}
    answer.update(status=None, version=None)
    try:
        does = {"http": http, "tcp": tcp, "udp": udp, "web-socket": web_socket}
        does[kind](ask, answer)
    except Exception as error:
        answer["trouble"] = trouble(error)
        answer["said"] = f"{type(error).__name__}: {error}"
    answer["content"] = answer["content"].hex()
    print(json.dumps(answer))


main()
