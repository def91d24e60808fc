"""A service of gRPC and its client, by grpcio: `server`, or `client PORT FOLDER NAME`."""

import sys
from concurrent import futures

import grpc

METHOD = "/shop.v1.Shop/Order"


def order(request, _context):
    """Answers once as it should, and where that is asked for, with half a message."""
    yield b"\x08\x03"
    if b"broken" in request:
        yield b"\x08\x03\x08"


def serve():
    handlers = {"Order": grpc.unary_stream_rpc_method_handler(order)}
    server = grpc.server(futures.ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.v1.Shop", handlers),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    sys.stdin.read()
    server.stop(None)


def call(port, folder, name):
    sys.path.insert(0, folder)
    from shop.v1 import money_pb2, shop_pb2

    request = shop_pb2.OrderRequest(
        name=name,
        count=-5,
        sizes=[1, 2, 150],
        prices={"cup": money_pb2.Money(currency="EUR", units=7)},
        state=shop_pb2.STATE_SENT,
    )
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        asked = channel.unary_stream(METHOD, request_serializer=shop_pb2.OrderRequest.SerializeToString)
        print(len(list(asked(request, timeout=20))))


if sys.argv[1] == "server":
    serve()
else:
    call(*sys.argv[2:])
