"""Asks by the clients of Python: URL in the clear, URL over TLS."""

import asyncio
import hashlib
import os
import ssl
import sys
import urllib.request

import aiohttp
import httpx
import requests

WORDS = ["get", "gzip", "redirect", "stream", "hints", "cookies", "large", "nothing", "missing"]
UPLOAD = b"x" * 500_000
TRUST = os.environ["SSL_CERT_FILE"]


def pieces():
    for _ in range(5):
        yield b"piece" * 1000


def show(status, fields, body):
    fields = "".join(f"\n{name}: {value}" for name, value in fields)
    print(f"{status}{fields}\n{len(body)} bytes {hashlib.sha256(body).hexdigest()[:16]}")


def say(name, base, ask):
    """Asks for each word, with nothing, with a body, and with one of unknown length."""
    name = f"{name} {base.split(':')[0]}"
    folder = f"{base}/python-{name.replace(' ', '-').replace('/', '-')}"
    for word, body in [(word, None) for word in WORDS] + [("post", UPLOAD), ("post", pieces)]:
        print(f"== python {name} {word}{'' if body is not pieces else ' in pieces'}")
        try:
            show(*ask(f"{folder}/{word}", body() if callable(body) else body))
        except Exception as error:
            print(type(error).__name__, error)


def by_requests(base):
    with requests.Session() as session:
        def ask(url, body):
            response = session.request("POST" if body else "GET", url, data=body, timeout=60)
            return response.status_code, response.headers.items(), response.content

        say("requests", base, ask)


def by_httpx(base, http2):
    with httpx.Client(http2=http2, verify=ssl.create_default_context(cafile=TRUST)) as client:
        def ask(url, body):
            method = "POST" if body else "GET"
            response = client.request(method, url, content=body, follow_redirects=True, timeout=60)
            status = f"{response.http_version} {response.status_code}"
            return status, response.headers.multi_items(), response.content

        say("httpx http/2" if http2 else "httpx http/1.1", base, ask)


def by_urllib(base):
    def ask(url, body):
        request = urllib.request.Request(url, data=body, headers={"Content-Type": "text/x"})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.getheaders(), response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers.items(), error.read()

    say("urllib", base, ask)


async def by_aiohttp(base):
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=TRUST))
    async with aiohttp.ClientSession(connector=connector) as session:
        async def ask(url, body):
            body = b"".join(body) if body and not isinstance(body, bytes) else body
            async with session.request("POST" if body else "GET", url, data=body) as response:
                return response.status, response.headers.items(), await response.read()

        loop = asyncio.get_running_loop()

        def wait(url, body):
            return asyncio.run_coroutine_threadsafe(ask(url, body), loop).result(60)

        await asyncio.to_thread(say, "aiohttp", base, wait)


for url in sys.argv[1:3]:
    by_requests(url)
    by_httpx(url, False)
    by_urllib(url)
    asyncio.run(by_aiohttp(url))
by_httpx(sys.argv[2], True)
