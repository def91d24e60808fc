"""Prints what was asked for in a session, by its published messages."""

import sqlite3
import sys

import zstandard

sys.path.insert(0, sys.argv[2])
from sidestream.session.v1 import session_pb2

blocks = sqlite3.connect(sys.argv[1]).execute("SELECT payload, size FROM block ORDER BY first")
for payload, size in blocks:
    if size and len(payload) < size:
        payload = zstandard.decompress(payload, max_output_size=size)
    for entry in session_pb2.Block.FromString(payload).entries:
        if entry.WhichOneof("event") == "request":
            print(entry.request.method.decode(), entry.request.url)
