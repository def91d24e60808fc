"""An origin that tells what reached it: PLAIN-PORT TLS-PORT CERTIFICATE KEY RECORD FOLDER.

Each request is a line of JSON in RECORD: its path, and what came, byte for byte in HTTP/1 and
frame for frame in HTTP/2. What is answered follows from the last word of the path.
"""

import asyncio
import gzip
import hashlib
import json
import pathlib
import ssl
import sys

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
TEXT = b"hello from the origin\n"
LARGE = bytes(range(256)) * 4096
FRAMES = ["DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING"]
FRAMES += ["GOAWAY", "WINDOW_UPDATE", "CONTINUATION"]

FOLDER = pathlib.Path(sys.argv[6])

record = open(sys.argv[5], "w")


def tell(path, got):
    record.write(json.dumps({"path": path, "got": got}) + "\n")
    record.flush()


def digest(body):
    return f"{len(body)} bytes {hashlib.sha256(body).hexdigest()[:16]}"


def answer(path, method, body):
    """Gives the interim fields, status, fields, pieces of the body, and trailers."""
    word = path.split("?")[0].rsplit("/", 1)[-1]
    plain = [("X-Odd", "a  b"), ("x-odd", "c"), ("Content-Type", "text/plain")]
    if "/repository.git/" in path:
        file = FOLDER / path.split("?")[0].split("/", 2)[2]
        if file.is_file():
            return None, 200, [], [file.read_bytes()], None
        return None, 404, [], [b""], None
    if word == "post":
        return None, 200, plain, [f"{method} {digest(body)}\n".encode()], None
    if word == "redirect":
        return None, 302, [("Location", path.replace("redirect", "get"))], [b""], None
    if word == "gzip":
        return None, 200, [("Content-Encoding", "gzip")], [gzip.compress(TEXT, mtime=0)], None
    if word == "stream":
        pieces = [b"one\n", b"two\n" * 1000, b"three\n"]
        return None, 200, plain, pieces, [("X-Sum", "3")]
    if word == "hints":
        return [("Link", "</style.css>; rel=preload")], 200, plain, [TEXT], None
    if word == "cookies":
        cookies = [("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; Path=/")]
        return None, 200, cookies, [TEXT], None
    if word == "large":
        return None, 200, plain, [LARGE], None
    if word == "nothing":
        return None, 204, [("X-Odd", "")], [], None
    if word == "missing":
        return None, 404, plain, [b"no such thing\n"], None
    return None, 200, plain, [TEXT], None


# HTTP/1


async def read_body(reader, head):
    fields = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
    fields = {name.strip().lower(): value.strip() for name, _, value in fields}
    if fields.get(b"transfer-encoding", b"").lower() != b"chunked":
        return await reader.readexactly(int(fields.get(b"content-length", b"0")))
    body = b""
    while True:
        size = await reader.readuntil(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if length == 0:
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass
            return body
        body += await reader.readexactly(length)
        await reader.readexactly(2)


async def http1(reader, writer, begun):
    while True:
        try:
            head = begun + await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        begun = b""
        method, path, _ = head.split(b"\r\n")[0].decode("latin-1").split(" ", 2)
        if b"expect: 100-continue" in head.lower():
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await read_body(reader, head)
        tell(path, head.decode("latin-1") + digest(body))
        hints, status, fields, pieces, trailers = answer(path, method, body)
        if hints:
            write_head(writer, "103 Early Hints", hints)
        if trailers and method != "HEAD":
            fields = fields + [("Transfer-Encoding", "chunked"), ("Trailer", "X-Sum")]
        elif status != 204:
            fields = fields + [("Content-Length", str(sum(map(len, pieces))))]
        write_head(writer, f"{status} As It Is", fields)
        for piece in pieces if method != "HEAD" else []:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if trailers else piece)
            await writer.drain()
        if trailers and method != "HEAD":
            write_head(writer, None, trailers)
        await writer.drain()


def write_head(writer, status, fields):
    first = f"HTTP/1.1 {status}\r\n" if status else "0\r\n"
    lines = [f"{name}: {value}\r\n" for name, value in fields]
    writer.write((first + "".join(lines) + "\r\n").encode("latin-1"))


# HTTP/2


class Frames:
    """Reads the frames of a client on their way into the library, and keeps how they looked."""

    def __init__(self):
        self.pending, self.decoder, self.block, self.opened = b"", hpack.Decoder(), b"", []
        self.is_begun, self.heads = False, {}

    def feed(self, data):
        self.pending += data
        while len(self.pending) >= 9:
            length = int.from_bytes(self.pending[:3], "big")
            if len(self.pending) < 9 + length:
                return
            kind, flags = self.pending[3], self.pending[4]
            stream = int.from_bytes(self.pending[5:9], "big")
            self.frame(kind, flags, stream, self.pending[9 : 9 + length])
            self.pending = self.pending[9 + length :]

    def frame(self, kind, flags, stream, payload):
        name = FRAMES[kind] if kind < len(FRAMES) else f"type {kind:#x}"
        if name in ("HEADERS", "CONTINUATION"):
            self.head(name, flags, stream, payload)
        elif not self.is_begun and (name != "SETTINGS" or not flags):
            # What browsers are known by: everything that comes before the first request.
            self.opened.append(f"{name} flags {flags:#x} stream {stream} {payload.hex()}")

    def head(self, name, flags, stream, payload):
        said = f"{name} flags {flags:#x}"
        if name == "HEADERS":
            self.block = b""
            if flags & 0x20:
                said += f" priority {payload[:5].hex()}"
                payload = payload[5:]
        self.block += payload
        if flags & 0x4:
            fields = self.decoder.decode(self.block, raw=True)
            said += "".join(f"\n{n.decode()}: {v.decode('latin-1')}" for n, v in fields)
        self.heads.setdefault(stream, []).append(said)
        self.is_begun = True


class Http2:
    """One connection of HTTP/2."""

    def __init__(self, reader, writer):
        config = h2.config.H2Configuration(
            client_side=False, header_encoding="latin-1", validate_inbound_headers=False
        )
        self.reader, self.writer = reader, writer
        self.connection, self.frames = h2.connection.H2Connection(config), Frames()
        self.requests, self.bodies, self.waiting = {}, {}, {}
        self.is_first = True

    async def run(self, begun):
        self.connection.initiate_connection()
        data = begun
        while data or not self.reader.at_eof():
            self.frames.feed(data[len(PREFACE) :] if data.startswith(PREFACE) else data)
            for event in self.connection.receive_data(data):
                self.handle(event)
            for stream in list(self.waiting):
                self.send(stream)
            self.writer.write(self.connection.data_to_send())
            await self.writer.drain()
            data = await self.reader.read(65536)

    def handle(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.requests[event.stream_id] = dict(event.headers)
            self.bodies[event.stream_id] = b""
        elif isinstance(event, h2.events.DataReceived):
            self.bodies[event.stream_id] += event.data
            length = event.flow_controlled_length
            self.connection.acknowledge_received_data(length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.respond(event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.waiting.pop(event.stream_id, None)

    def respond(self, stream):
        request, body = self.requests.pop(stream), self.bodies.pop(stream)
        path, method = request[":path"], request[":method"]
        got = "\n".join(self.frames.heads.pop(stream)) + "\n" + digest(body)
        if self.is_first:
            self.is_first, got = False, "\n".join(self.frames.opened + [got])
        tell(path, got)
        hints, status, fields, pieces, trailers = answer(path, method, body)
        if hints:
            self.head(stream, 103, hints, False)
        body = b"".join(pieces) if method != "HEAD" else b""
        self.head(stream, status, fields, not body and not trailers)
        if body or trailers:
            self.waiting[stream] = (body, trailers)

    def head(self, stream, status, fields, is_end):
        fields = [(name.lower(), value) for name, value in fields]
        self.connection.send_headers(stream, [(":status", str(status))] + fields, is_end)

    def send(self, stream):
        body, trailers = self.waiting[stream]
        while body:
            window = self.connection.local_flow_control_window(stream)
            size = min(window, self.connection.max_outbound_frame_size, len(body))
            if size == 0:
                self.waiting[stream] = (body, trailers)
                return
            self.connection.send_data(stream, body[:size], len(body) == size and not trailers)
            body = body[size:]
        if trailers:
            fields = [(name.lower(), value) for name, value in trailers]
            self.connection.send_headers(stream, fields, end_stream=True)
        del self.waiting[stream]


async def serve(reader, writer):
    try:
        begun = await reader.readexactly(4)
        if begun == PREFACE[:4]:
            await Http2(reader, writer).run(begun + await reader.readexactly(len(PREFACE) - 4))
        else:
            await http1(reader, writer, begun)
    except (asyncio.IncompleteReadError, ConnectionError, h2.exceptions.ProtocolError):
        pass
    finally:
        writer.close()


async def main(plain, tls, certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    await asyncio.start_server(serve, "127.0.0.1", int(tls), ssl=context)
    await asyncio.start_server(serve, "127.0.0.1", int(plain))
    await asyncio.Future()


asyncio.run(main(*sys.argv[1:5]))
