"""A WebSocket server that echoes: PORT."""

import asyncio
import logging
import sys

import websockets


async def echo(connection):
    async for message in connection:
        await connection.send(message)


async def main(port):
    # What the suite does wrong on purpose is not worth a line.
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    async with websockets.serve(echo, "127.0.0.1", port, max_size=None, ping_interval=None):
        await asyncio.Future()


asyncio.run(main(int(sys.argv[1])))
