"""Writes one flow as a dump of each version that mitmproxy reads, by its own converters."""

import copy
import sys

from mitmproxy import version
from mitmproxy.io import compat, tnetstring

FOLDER = sys.argv[1]


def connection(**more):
    address = {b"address": [b"192.0.2.1", 443], b"use_ipv6": False}
    times = {b"timestamp_start": 1000.5, b"timestamp_ssl_setup": 1000.75, b"timestamp_end": 1009.0}
    more = {key.encode(): value for key, value in more.items()}
    return {b"address": address, b"ssl_established": True, **times, **more}


def message(**more):
    head = {b"httpversion": [1, 1], b"headers": [[b"X-One", b"1"], [b"X-One", b"2"]]}
    return {**head, **{key.encode(): value for key, value in more.items()}}


CLIENT = {b"address": [b"10.0.0.2", 4000], b"use_ipv6": False}
FLOW = {
    b"version": (0, 11),
    b"id": b"11111111-2222-4333-8444-555555555555",
    b"type": b"http",
    b"error": None,
    b"intercepted": False,
    b"client_conn": {**connection(clientcert=None), b"address": CLIENT},
    b"server_conn": connection(
        cert=None, sni=b"a.test", source_address=CLIENT, state=[], timestamp_tcp_setup=1000.6
    ),
    b"request": message(
        form_in=b"relative", form_out=b"relative", method=b"POST", scheme=b"https", host=b"a.test",
        port=443, path=b"/x?y", content=b"ask", timestamp_start=1001.0, timestamp_end=1002.0,
        is_replay=True, stickyauth=False, stickycookie=False,
    ),
    b"response": message(
        code=201, msg=b"Made", content=b"the answer", timestamp_start=1003.0, timestamp_end=1004.0
    ),
}

flow = FLOW
while True:
    number = flow.get(b"version", flow.get("version"))
    name = number if isinstance(number, int) else ".".join(map(str, number[:2]))
    with open(f"{FOLDER}/{name}.flows", "wb") as file:
        file.write(tnetstring.dumps(copy.deepcopy(flow)))
    print(name)
    if number == version.FLOW_FORMAT_VERSION:
        break
    step = compat.converters[number if isinstance(number, int) else tuple(number[:2])]
    flow = step(copy.deepcopy(flow))
    # From then on a flow can be marked, and noted of.
    if flow.get("version") == (0, 18):
        flow["marked"] = True
    if flow.get("version") == (0, 19):
        flow["metadata"] = {"key": "value"}
