"""Sends texts to an origin that answers with the same, and prints what comes back.

Arguments: the URL of the origin, and `none`, `alone` or `all` for how to compress.
"""

import asyncio
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

ALONE = ClientPerMessageDeflateFactory(
    server_no_context_takeover=True, client_no_context_takeover=True
)
COMPRESSION = {
    "none": {"compression": None},
    "alone": {"compression": None, "extensions": [ALONE]},
    "all": {},
}
TEXTS = ["one secret and more", "two words and more", "two words and more", "a secret", "two words and more"]


async def talk(path):
    options = COMPRESSION[sys.argv[2]]
    url = sys.argv[1] + path
    async with websockets.connect(url, ping_interval=None, **options) as socket:

        async def with_pings(text):
            middle = len(text) // 2
            for piece in (text[:middle], "", text[middle:]):
                yield piece
                await (await socket.ping())

        for text in TEXTS:
            await socket.send(with_pings(text))
            print(await socket.recv())


async def main():
    for path in ("/echo", "/fragments", "/ping"):
        await talk(path)


asyncio.run(main())
