"""An HTTP proxy in front of a real server that passes everything on, and lets chosen answers fail.

    with FaultProxy(port_of_the_server) as proxy:
        proxy.set_fault("reset", rate=0.1, seed=7)
        ... proxy.endpoint ...
        proxy.set_fault(None)

Each request that is read whole draws from one random sequence (the seed's) whether it meets the fault
and how, so a single client that asks one after the other meets the same again. What goes over the
wire to and from clients is counted. It runs in a thread of its own; all its methods are for the
thread that made it.

FAULTS names them. A fault of an answer happens after the server did what it was asked for.
"""

import asyncio
import datetime
import random
import re
import socket
import struct
import threading
from collections import Counter
from dataclasses import dataclass, field

HUGE = 3 << 30  # bytes of a body no client may want
LONG = 3600  # seconds: never, as far as a client is concerned
DRIP = 0.2  # seconds between two bytes
SLOW_ANSWER = (0.1, 2.0)  # seconds, from and to
MAX_HEAD = 1 << 16
MAX_BODY = 1 << 30


@dataclass
class Message:
    """A request or an answer, whole in memory."""

    start: str
    headers: list = field(default_factory=list)  # pairs, in order, as they were spelled
    body: bytes = b""

    def get(self, name):
        return next((value for key, value in self.headers if key.lower() == name), None)

    def put(self, name, value):
        self.headers = [(key, old) for key, old in self.headers if key.lower() != name.lower()]
        self.headers.append((name, value))

    def head(self):
        lines = [self.start, *("%s: %s" % pair for pair in self.headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")


def answer(status, reason, code="", **headers):
    """An answer as S3 gives it: the reason stands in XML."""
    body = b""
    if code:
        body = ('<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code>'
                "<Message>by the fault proxy</Message></Error>" % code).encode()
    message = Message("HTTP/1.1 %d %s" % (status, reason), list(headers.items()), body)
    message.put("Content-Length", str(len(body)))
    return message


class Gone(Exception):
    """The connection has served its purpose."""


async def _read_message(reader, has_body):
    """The next message; None at the end of the stream. `has_body(message)`: None for "none"."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise Gone from error
        return None
    lines = head[:-4].decode("latin-1").split("\r\n")
    message = Message(lines[0], [tuple(re.split(r":\s*", line, maxsplit=1)) for line in lines[1:]])
    if not has_body(message):
        return message
    if (message.get("transfer-encoding") or "").lower() == "chunked":
        chunks = []
        while True:
            size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
            chunk = await reader.readexactly(size + 2)
            if size == 0:
                break
            chunks.append(chunk[:-2])
        message.body = b"".join(chunks)
        message.headers = [pair for pair in message.headers
                           if pair[0].lower() != "transfer-encoding"]
        message.put("Content-Length", str(len(message.body)))
    elif message.get("content-length"):
        length = int(message.get("content-length"))
        if length > MAX_BODY:
            raise Gone
        message.body = await reader.readexactly(length)
    return message


class Exchange:
    """One request of a client on its way to the server and back; `wire` is the client's writer."""

    def __init__(self, proxy, request, wire, forward):
        self.proxy = proxy
        self.request = request
        self.wire = wire
        self.forward = forward  # request -> the server's answer
        self.chance = random.Random(proxy.chance.random())

    async def send(self, data):
        self.proxy.bytes_to_clients += len(data)
        self.wire.write(data)
        await self.wire.drain()

    async def whole(self, message):
        body = b"" if self.request.start.startswith("HEAD ") else message.body
        await self.send(message.head() + body)

    def reset(self):
        """Ends the connection with RST: what was sent may be lost, too."""
        self.wire.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.wire.transport.abort()
        raise Gone

    async def no_fault(self):
        await self.whole(await self.forward(self.request))

    async def slow_first_byte(self):
        message = await self.forward(self.request)
        await asyncio.sleep(LONG)
        await self.whole(message)

    async def slow_answer(self):
        """Right, and within what a client allows, mostly: 0.1 to 2 s late."""
        message = await self.forward(self.request)
        await asyncio.sleep(self.chance.uniform(*SLOW_ANSWER))
        await self.whole(message)

    async def slow_drip(self):
        message = await self.forward(self.request)
        for byte in message.head() + message.body:
            await self.send(bytes([byte]))
            await asyncio.sleep(DRIP)

    async def drip_body(self):
        """The head at once, so that only the body is slow."""
        message = await self.forward(self.request)
        await self.send(message.head())
        for byte in message.body:
            await self.send(bytes([byte]))
            await asyncio.sleep(DRIP)

    async def half(self):
        """Half of the body; where there is none, half of the head."""
        message = await self.forward(self.request)
        if message.body:
            await self.send(message.head() + message.body[:len(message.body) // 2])
        else:
            await self.send(message.head()[:len(message.head()) // 2])

    async def truncated(self):
        await self.half()
        raise Gone

    async def reset_in_body(self):
        await self.half()
        await asyncio.sleep(0.01)
        self.reset()

    async def reset_at_once(self):
        self.reset()

    async def garbage(self):
        """Nothing of HTTP."""
        await self.send(self.chance.randbytes(self.chance.randrange(1, 4096)))
        raise Gone

    async def garbage_body(self):
        """A correct answer with another body of the same length."""
        message = await self.forward(self.request)
        message.body = self.chance.randbytes(len(message.body))
        await self.whole(message)

    async def tampered(self):
        """One byte of the body is another."""
        message = await self.forward(self.request)
        if message.body:
            body = bytearray(message.body)
            body[self.chance.randrange(len(body))] ^= self.chance.randrange(1, 256)
            message.body = bytes(body)
        await self.whole(message)

    async def longer_than_said(self):
        message = await self.forward(self.request)
        message.put("Content-Length", str(len(message.body) // 2))
        await self.whole(message)
        raise Gone

    async def shorter_than_said(self):
        message = await self.forward(self.request)
        message.put("Content-Length", str(len(message.body) + 1 + self.chance.randrange(1 << 20)))
        await self.whole(message)
        raise Gone

    async def huge_body(self):
        """Announces more than anybody may take, and goes on for as long as somebody takes it."""
        message = answer(200, "OK")
        message.put("Content-Length", str(HUGE))
        await self.send(message.head())
        await self.endless(lambda block: block)

    async def endless_body(self):
        """The same without saying how much: in chunks."""
        message = answer(200, "OK")
        message.headers = [("Transfer-Encoding", "chunked")]
        await self.send(message.head())
        await self.endless(lambda block: b"%x\r\n%s\r\n" % (len(block), block))

    async def endless(self, framed):
        block = framed(bytes(1 << 16))
        for _ in range(HUGE // (1 << 16)):
            await self.send(block)

    async def forbidden(self):
        await self.whole(answer(403, "Forbidden", "AccessDenied"))

    async def not_found(self):
        await self.whole(answer(404, "Not Found", "NoSuchKey"))

    async def server_error(self):
        await self.whole(answer(500, "Internal Server Error", "InternalError"))

    async def slow_down(self):
        await self.whole(answer(503, "Slow Down", "SlowDown"))

    async def expired_token(self):
        await self.whole(answer(400, "Bad Request", "ExpiredToken"))

    async def redirect(self):
        """To a place that records who follows: a client must not carry its signature elsewhere."""
        target = "http://127.0.0.1:%d/elsewhere" % self.proxy.port
        await self.whole(answer(self.chance.choice([301, 302, 307, 308]), "Moved",
                                "PermanentRedirect", Location=target))

    async def clock_skew(self):
        """As if the client's clock were an hour slow: the server sees a date of an hour ago, and
        the client one of an hour ahead. (The date is signed; it is looked at before that.)"""
        now, hour = datetime.datetime.now(datetime.timezone.utc), datetime.timedelta(hours=1)
        if self.request.get("x-amz-date"):
            self.request.put("x-amz-date", (now - hour).strftime("%Y%m%dT%H%M%SZ"))
        message = await self.forward(self.request)
        message.put("Date", (now + hour).strftime("%a, %d %b %Y %H:%M:%S GMT"))
        await self.whole(message)

    async def black_hole(self):
        await asyncio.sleep(LONG)


FAULTS = {
    "slow first byte": Exchange.slow_first_byte,
    "slow answer": Exchange.slow_answer,
    "slow drip": Exchange.slow_drip,
    "slow drip of the body": Exchange.drip_body,
    "reset": Exchange.reset_at_once,
    "reset in mid-body": Exchange.reset_in_body,
    "truncated": Exchange.truncated,
    "garbage": Exchange.garbage,
    "garbage body": Exchange.garbage_body,
    "tampered": Exchange.tampered,
    "403": Exchange.forbidden,
    "404": Exchange.not_found,
    "500": Exchange.server_error,
    "503 SlowDown": Exchange.slow_down,
    "expired token": Exchange.expired_token,
    "redirect": Exchange.redirect,
    "longer than said": Exchange.longer_than_said,
    "shorter than said": Exchange.shorter_than_said,
    "huge body": Exchange.huge_body,
    "endless body": Exchange.endless_body,
    "clock skew": Exchange.clock_skew,
    "black hole": Exchange.black_hole,
}


class FaultProxy:
    """See above. `requests` counts by method, `faults` by name; `asked` is every request line."""

    def __init__(self, server_port, server_host="127.0.0.1"):
        self.server = (server_host, server_port)
        self.chance = random.Random(0)
        self.fault, self.rate, self.matching = None, 0.0, re.compile("")
        self.forget()

    def forget(self):
        """Counts from here on."""
        self.requests, self.faults, self.asked = Counter(), Counter(), []
        self.bytes_to_clients = self.bytes_from_clients = self.connections = 0

    def set_fault(self, name, rate=1.0, seed=0, matching=""):
        """Requests whose first line `matching` (a pattern) is found in meet it at this rate."""
        self.fault = FAULTS[name] if name else None
        self.name, self.rate, self.matching = name, rate, re.compile(matching)
        self.chance = random.Random(seed)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.loop = asyncio.new_event_loop()
        listening = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(listening,), daemon=True)
        self.thread.start()
        if not listening.wait(10):
            raise RuntimeError("the fault proxy does not start")
        self.endpoint = "http://127.0.0.1:%d" % self.port

    def stop(self):
        self.loop.call_soon_threadsafe(self.ended.set)
        self.thread.join(10)

    def _run(self, listening):
        self.loop.run_until_complete(self._listen(listening))
        self.loop.close()

    async def _listen(self, listening):
        self.ended = asyncio.Event()
        self.conversations = set()
        # Read as fast as clients send, so that counting is the only thing this adds.
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20, backlog=256)
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        await self.ended.wait()
        server.close()
        for task in list(self.conversations):
            task.cancel()
        await asyncio.gather(*self.conversations, return_exceptions=True)

    async def _serve(self, reader, writer):
        task = asyncio.current_task()
        self.conversations.add(task)
        self.connections += 1
        upstream = []
        try:
            await self._converse(reader, writer, upstream)
        except (Gone, OSError, EOFError, ValueError, asyncio.CancelledError,
                asyncio.LimitOverrunError):
            pass
        finally:
            self.conversations.discard(task)
            for stream in (writer, *upstream[1:]):
                stream.close()

    async def _converse(self, reader, writer, upstream):
        while True:
            request = await _read_message(reader, self._wants_body(writer))
            if request is None:
                return
            self.bytes_from_clients += len(request.head()) + len(request.body)
            self.requests[request.start.partition(" ")[0]] += 1
            self.asked.append(request.start)

            async def forward(message):
                if not upstream:
                    upstream.extend(await asyncio.open_connection(*self.server, limit=1 << 20))
                return await self._ask(upstream, message)

            exchange = Exchange(self, request, writer, forward)
            if self.fault and self.matching.search(request.start) \
                    and self.chance.random() < self.rate:
                self.faults[self.name] += 1
                await self.fault(exchange)
            else:
                await exchange.no_fault()
            if (request.get("connection") or "").lower() == "close":
                return

    def _wants_body(self, writer):
        def wants(message):
            if (message.get("expect") or "").lower() == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return True
        return wants

    async def _ask(self, upstream, request):
        reader, writer = upstream
        request = Message(request.start, [pair for pair in request.headers
                                          if pair[0].lower() != "expect"], request.body)
        writer.write(request.head() + request.body)
        await writer.drain()
        without_body = request.start.startswith("HEAD ")

        def has_body(message):
            status = int(message.start.split()[1])
            return not without_body and status not in (204, 304) and status >= 200

        while True:
            message = await _read_message(reader, has_body)
            if message is None:
                raise Gone
            if not message.start.split()[1].startswith("1"):
                return message


class BlackHole:
    """A socket that listens and never answers: connections are made (by the kernel), and that is
    all. With `accepting` false not even that, once its queue of one is full."""

    def __init__(self, accepting=True):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(1024 if accepting else 0)
        self.port = self.listener.getsockname()[1]
        self.endpoint = "http://127.0.0.1:%d" % self.port
        self.fillers = []
        for _ in range(0 if accepting else 4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self.fillers.append(filler)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in (self.listener, *self.fillers):
            one.close()


def refusing_endpoint():
    """An endpoint where nothing listens: connections are refused."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "http://127.0.0.1:%d" % probe.getsockname()[1]
