"""Sends all kinds and sizes of WebSocket frames to an origin that answers with the same.

Argument: the URL of the origin. It prints how many messages came back right.
"""

import asyncio
import os
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 65537, 300_000]
CODES = [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999]

ALONE = [
    ClientPerMessageDeflateFactory(
        server_no_context_takeover=True,
        client_no_context_takeover=True,
        client_max_window_bits=9,
        server_max_window_bits=9,
    )
]
COMPRESSIONS = [
    {},
    {"compression": None},
    {"compression": None, "extensions": ALONE},
]


def open_at(path, **options):
    return websockets.connect(
        sys.argv[1] + path, max_size=None, ping_interval=None, **options
    )


async def check(socket, message, sent=None):
    await socket.send(message if sent is None else sent)
    back = await socket.recv()
    assert back == message, (len(back), len(message))
    return 1


async def sizes(path, options):
    count = 0
    async with open_at(path, **options) as socket:
        for size in SIZES:
            text = ("grüße, " * (size // 8 + 1))[:size]
            count += await check(socket, text)
            count += await check(socket, os.urandom(size))
            count += await check(socket, bytes(size))
            pieces = [text[at : at + 1000] for at in range(0, len(text), 1000)]
            count += await check(socket, text, iter(pieces or [""]))
    return count


async def pings():
    async with open_at("/ping") as socket:

        async def with_pings():
            for piece in ("one ", "two ", "", "three"):
                yield piece
                await (await socket.ping(piece.encode()))

        await (await socket.ping(bytes(125)))
        await socket.pong(b"unasked")
        return await check(socket, "one two three", with_pings())


async def closes():
    for code in CODES:
        async with open_at("/echo") as socket:
            await socket.close(code, f"with {code} ünï")
            assert socket.close_code == code, (socket.close_code, code)
        async with open_at(f"/close/{code}") as socket:
            await socket.wait_closed()
            assert (socket.close_code, socket.close_reason) == (code, "as you asked")


async def main():
    count = 0
    for options in COMPRESSIONS:
        count += await sizes("/echo", options)
        count += await sizes("/fragments", options)
    count += await pings()
    await closes()
    print(count)


asyncio.run(main())
