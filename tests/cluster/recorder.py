"""Somebody in the middle: passes gRPC calls on as they are, and keeps the bytes of all of them.

It shows the certificate of the server behind it, so clients and workers take it for that."""

from concurrent import futures
from dataclasses import dataclass, field

import grpc

ALL_SIZES = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
BOUND = 60  # seconds, of one call


@dataclass
class Call:
    method: str  # "/hpcc.worker.v1.Worker/Compile"
    bearer: str
    requests: list = field(default_factory=list)
    answers: list = field(default_factory=list)
    code: object = None


def stream_of(channel, method, requests, metadata):
    """On the wire every call is two streams, whatever the service says of it."""
    return channel.stream_stream(method)(iter(requests), timeout=BOUND, metadata=metadata)


class Front(grpc.GenericRpcHandler):
    """One address in place of another. `calls`: of all fronts of a recorder, as they ended."""

    def __init__(self, server, certificate, key, calls, altered=lambda method, answer: answer):
        self.channel = grpc.secure_channel(
            server, grpc.ssl_channel_credentials(certificate), ALL_SIZES)
        self.calls = calls
        self.altered = altered
        self.server = grpc.server(futures.ThreadPoolExecutor(max_workers=16), [self],
                                  options=ALL_SIZES)
        port = self.server.add_secure_port(
            "127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
        self.address = "127.0.0.1:%d" % port
        self.server.start()

    def service(self, details):
        return grpc.stream_stream_rpc_method_handler(
            lambda requests, context: self.relay(details.method, requests, context))

    def relay(self, method, requests, context):
        authorization = dict(context.invocation_metadata()).get("authorization", "")
        call = Call(method, authorization.removeprefix("Bearer "))

        def kept():
            for request in requests:
                call.requests.append(request)
                yield request

        metadata = [("authorization", authorization)] if authorization else []
        behind = stream_of(self.channel, method, kept(), metadata)
        try:
            for answer in behind:
                call.answers.append(answer)
                yield self.altered(method, answer)
            call.code = grpc.StatusCode.OK
        except grpc.RpcError as error:
            call.code = error.code()
            context.set_trailing_metadata(error.trailing_metadata())
            context.abort(error.code(), error.details())
        finally:
            self.calls.append(call)

    def stop(self):
        self.server.stop(0).wait(BOUND)
        self.channel.close()


class Recorder:
    """Stands between a client and a scheduler, and between that client and a worker."""

    def __init__(self, scheduler, worker, with_address):
        """Servers as (address, certificate, key). `with_address`: a RouteResponse with another
        address in it."""
        self.calls = []
        self.worker = Front(*worker, self.calls)
        self.scheduler = Front(*scheduler, self.calls, self.lead_here)
        self.with_address = with_address

    def lead_here(self, method, answer):
        return self.with_address(answer, self.worker.address) if method.endswith("/Route") else answer

    def stop(self):
        self.scheduler.stop()
        self.worker.stop()
