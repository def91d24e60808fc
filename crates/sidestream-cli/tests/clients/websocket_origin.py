"""An origin that answers each WebSocket message with the same, as the `websockets` package does.

Arguments: a key and a certificate in DER, or none for an origin without TLS. It prints its port.
"""

import asyncio
import base64
import os
import ssl
import sys
import tempfile

import websockets


def tls(key, certificate):
    """Makes a context; Python reads PEM, and only from files."""
    pem = "".join(
        f"-----BEGIN {label}-----\n{base64.encodebytes(open(path, 'rb').read()).decode()}"
        f"-----END {label}-----\n"
        for label, path in (("PRIVATE KEY", key), ("CERTIFICATE", certificate))
    )
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(pem)
        file.flush()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file.name)
    return context


def halves(message):
    """Cuts a message in three, one of them empty."""
    middle = len(message) // 2
    return iter((message[:middle], message[:0], message[middle:]))


async def answer(socket, path):
    if path.startswith("/close/"):
        await socket.close(int(path.removeprefix("/close/")), "as you asked")
        return
    try:
        async for message in socket:
            if path == "/ping":
                await (await socket.ping(b"from the origin"))
            await socket.send(halves(message) if path == "/fragments" else message)
    except websockets.ConnectionClosed:
        # However it was closed: the client checks that.
        pass


async def main():
    context = tls(*sys.argv[1:3]) if len(sys.argv) > 1 else None
    async with websockets.serve(
        answer, "127.0.0.1", 0, ssl=context, max_size=None, ping_interval=None
    ) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        # Ends with whoever started it, at the latest.
        parent = os.getppid()
        while os.getppid() == parent:
            await asyncio.sleep(1)


asyncio.run(main())
