"""A WebSocket client that echoes, for each case of a server that judges it: URL."""

import asyncio
import sys

import websockets

URL = sys.argv[1]


def connect(path):
    return websockets.connect(URL + path, max_size=None, ping_interval=None)


async def run(path):
    try:
        async with connect(path) as connection:
            async for message in connection:
                await connection.send(message)
    except websockets.exceptions.ConnectionClosed:
        pass


async def main():
    async with connect("/getCaseCount") as connection:
        count = int(await connection.recv())
    for case in range(1, count + 1):
        try:
            await run(f"/runCase?case={case}&agent=client")
        except (OSError, EOFError, websockets.exceptions.WebSocketException) as error:
            print(case, type(error).__name__, error)
    await run("/updateReports?agent=client")


asyncio.run(main())
