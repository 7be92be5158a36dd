"""A test double of Firecracker. It boots nothing: there is no kernel, no guest and no KVM here.

It checks every request against Firecracker's own description of its API
(firecracker_api_excerpt.json): method, path, schema, and that nothing is said that the description
doesn't know. It keeps Firecracker's order: what only a fresh VMM may be told, what only a running or
a paused one may. Files are looked for in the jail. Behind its vsock socket stands a real hpcc-agent
as the `process` driver would start it; each CONNECT gets a new one. That agent has its host's clock,
so the time and entropy that a guest's agent would take from its worker are taken here, written down,
and made unreadable for the agent.

All that happened is in the journal, a JSON object a line. Faults are injected as the settings say:

    refuse       {"PUT /vsock": "reason"}   answered with 400 and the reason
    exit_at      "PUT /actions"             ends instead of answering
    hang_at      "PATCH /vm"                never answers
    exit_at_once true                       before there is an API
    no_api       true                       runs, and has none
    version      "1.15.0"                   what it says it is, over the API
    handshake    "half", "garbage", "silent", "break" for every CONNECT
    booting      3                          so many CONNECTs are refused first

SIGUSR1 breaks every stream to the guest.
"""

import json
import os
import re
import signal
import socket
import struct
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
MAX_BODY = 51200  # Firecracker's own
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HTTP2_DATA = 0
MEMORY = "a guest's memory"


class Refusal(Exception):
    """What is wrong with a request."""


class Api:
    """The description: which requests there are, and what they may hold."""

    def __init__(self):
        with open(os.path.join(HERE, "firecracker_api_excerpt.json"), encoding="utf-8") as file:
            self.description = json.load(file)

    def check(self, method, path, body):
        """Returns the path's template and the parsed body."""
        template, values = self._template(path)
        operation = self.description["paths"][template].get(method.lower())
        if operation is None:
            raise Refusal(f"no {method} of {template}")
        parsed = None
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                self._check(values[parameter["name"]], parameter, parameter["name"])
            elif not body:
                if parameter.get("required"):
                    raise Refusal("the body is missing")
            else:
                parsed = json.loads(body)
                self._check(parsed, parameter["schema"], "body")
        if body and parsed is None:
            raise Refusal("a body where none is expected")
        if template == "/drives/{drive_id}" and parsed["drive_id"] != values["drive_id"]:
            raise Refusal("the drive's id is another one than the path's")
        return template, parsed

    def _template(self, path):
        for template in self.description["paths"]:
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[A-Za-z0-9_]+)", template)
            match = re.fullmatch(pattern, path)
            if match:
                return template, match.groupdict()
        raise Refusal(f"{path} is not in the description")

    def _check(self, value, schema, where):
        if "$ref" in schema:
            schema = self.description["definitions"][schema["$ref"].rsplit("/", 1)[-1]]
        kinds = {"object": dict, "string": str, "integer": int, "boolean": bool, "array": list}
        kind = kinds[schema["type"]]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise Refusal(f"{where}: not of type {schema['type']}")
        if "enum" in schema and value not in schema["enum"]:
            raise Refusal(f"{where}: {value!r} is none of {schema['enum']}")
        if kind is int:
            least, most = schema.get("minimum", value), schema.get("maximum", value)
            if not least <= value <= most:
                raise Refusal(f"{where}: {value} is not within {least} and {most}")
        if kind is dict:
            for name in schema.get("required", []):
                if name not in value:
                    raise Refusal(f"{where}: {name} is missing")
            for name, member in value.items():
                # Firecracker denies unknown fields.
                if name not in schema.get("properties", {}):
                    raise Refusal(f"{where}: unknown field {name}")
                self._check(member, schema["properties"][name], f"{where}.{name}")
        if kind is list:
            for member in value:
                self._check(member, schema["items"], where)


API = Api()  # read while this is still root


class Journal:
    def __init__(self, path):
        self._path = path
        self._lock = threading.Lock()

    def write(self, what, **details):
        line = json.dumps({"what": what, "process": os.getpid(), **details}) + "\n"
        with self._lock, open(self._path, "a", encoding="utf-8") as file:
            file.write(line)


def take_gift(message):
    """The time and entropy of a HealthRequest, and the message with both in fields nobody knows."""
    message = bytearray(message)
    time_ns, entropy, at = 0, b"", 0
    while at < len(message):
        tag_at, tag = at, message[at]
        at += 1
        number, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        if tag == 0x08:  # field 1, a number
            time_ns, message[tag_at] = number, 0x48
        elif tag == 0x12:  # field 2, bytes
            entropy, message[tag_at] = bytes(message[at : at + number]), 0x52
            at += number
        else:
            raise ValueError(f"not a HealthRequest: tag {tag}")
    return time_ns, entropy, bytes(message)


class FirstMessage:
    """Passes on what a worker sends, and takes the gift out of the first gRPC message."""

    def __init__(self, journal):
        self._journal = journal
        self._held = b""
        self._began = False
        self._done = False

    def pass_on(self, data):
        if self._done:
            return data
        self._held += data
        out = b""
        if not self._began:
            if len(self._held) < len(PREFACE):
                return out
            if not self._held.startswith(PREFACE):
                raise ValueError("no HTTP/2")
            out, self._held, self._began = PREFACE, self._held[len(PREFACE) :], True
        while len(self._held) >= 9 and not self._done:
            length = int.from_bytes(self._held[:3], "big")
            if len(self._held) < 9 + length:
                break
            frame, self._held = self._held[: 9 + length], self._held[9 + length :]
            if frame[3] == HTTP2_DATA and length >= 5:
                frame = frame[:9] + self._gift(frame[9:])
                self._done = True
            out += frame
        if self._done:
            out, self._held = out + self._held, b""
        return out

    def _gift(self, payload):
        compressed, size = struct.unpack(">BI", payload[:5])
        if compressed or size != len(payload) - 5:
            raise ValueError("the first message is not a whole HealthRequest")
        time_ns, entropy, message = take_gift(payload[5:])
        self._journal.write("gift", time_ns=time_ns, entropy=entropy.hex())
        return payload[:5] + message


class Guest:
    """A vsock socket with a real agent behind it."""

    def __init__(self, settings, journal):
        self._settings = settings
        self._journal = journal
        self._lock = threading.Lock()
        self._streams = []
        self._refusals = settings.get("booting", 0)

    def listen(self, path):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(short(path))
        listener.listen()
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def break_streams(self):
        with self._lock:
            for stream in self._streams:
                try:
                    stream.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _accept(self, listener):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        line = b""
        while not line.endswith(b"\n") and len(line) < 32:
            byte = connection.recv(1)
            if not byte:
                return
            line += byte
        match = re.fullmatch(rb"CONNECT (\d+)\n", line)
        port = int(match[1]) if match else -1
        fault = self._settings.get("handshake")
        self._journal.write("connect", port=port, fault=fault or "")
        if port != self._settings["port"] or self._refuse():
            connection.close()
        elif fault == "half":
            connection.sendall(b"OK 10737")
            self._hold(connection)
        elif fault == "break":
            connection.sendall(b"OK 10737")
            connection.close()
        elif fault == "garbage":
            connection.sendall(b"NO 1\n")
            self._hold(connection)
        elif fault == "silent":
            self._hold(connection)
        else:
            self._bridge(connection)

    def _refuse(self):
        with self._lock:
            self._refusals -= 1
            return self._refusals >= 0

    def _hold(self, connection):
        with self._lock:
            self._streams.append(connection)

    def _bridge(self, connection):
        agent = start_agent(self._settings)
        self._hold(connection)
        connection.sendall(b"OK 1073741824\n")
        threading.Thread(target=pump, args=(agent, connection), daemon=True).start()
        first = FirstMessage(self._journal)
        try:
            pump(connection, agent, first.pass_on)
        except ValueError as error:
            self._journal.write("wrong", reason=str(error))
            connection.shutdown(socket.SHUT_RDWR)


def pump(source, target, change=lambda data: data):
    try:
        while data := source.recv(1 << 16):
            target.sendall(change(data))
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def start_agent(settings):
    """The stream to a new agent. It ends with this process: that holds the life line's other end."""
    ours, theirs = socket.socketpair()
    life, its_life = socket.socketpair()
    start_agent.lives.append(life)
    setup = os.open(settings["setup"], os.O_RDONLY)
    if os.fork() == 0:
        for number, descriptor in enumerate((theirs.fileno(), its_life.fileno(), setup)):
            os.dup2(descriptor, 100 + number)
        for number in range(3):
            os.dup2(100 + number, 3 + number)
        os.closerange(6, 1 << 16)
        os.execv("/usr/bin/unshare", ["unshare", "--user", "--map-root-user", "--mount", "--pid",
                                      "--net", "--ipc", "--uts", "--cgroup", "--fork",
                                      "--kill-child", settings["agent"], "--process"])
    theirs.close()
    its_life.close()
    os.close(setup)
    return ours


start_agent.lives = []


def short(path):
    """A name of the socket `path` that fits into an address."""
    directory = os.open(os.path.dirname(path), os.O_PATH)
    return f"/proc/self/fd/{directory}/{os.path.basename(path)}"


class Vmm:
    """What Firecracker is: fresh, running or paused."""

    def __init__(self, settings, jail):
        self.settings = settings
        self.jail = jail
        self.journal = Journal(settings["journal"])
        self.guest = Guest(settings, self.journal)
        self.state = "Not started"
        self.config = {}

    def handle(self, method, path, body):
        """The status and body of the answer."""
        name = f"{method} {path}"
        if self.settings.get("exit_at") == name:
            sys.stderr.write(f"fake_firecracker: told to end at {name}\n")
            sys.stderr.flush()
            os._exit(7)
        if self.settings.get("hang_at") == name:
            self.journal.write("hang", request=name)
            threading.Event().wait()
        try:
            template, parsed = API.check(method, path, body)
        except (Refusal, ValueError) as error:
            # Nothing hpcc says may be outside the description.
            self.journal.write("wrong", request=name, body=body, reason=str(error))
            return 400, {"fault_message": f"not as described: {error}"}
        try:
            if name in self.settings.get("refuse", {}):
                raise Refusal(self.settings["refuse"][name])
            answer = self.perform(method, template, parsed)
        except Refusal as error:
            self.journal.write("request", request=name, body=parsed, status=400)
            return 400, {"fault_message": str(error)}
        self.journal.write("request", request=name, body=parsed, status=200 if answer else 204)
        return (200, answer) if answer else (204, None)

    def perform(self, method, template, body):
        if template == "/version":
            return {"firecracker_version": self.settings.get("version", "1.16.1")}
        if template in ("/vm", "/snapshot/create"):
            if self.state == "Not started":
                raise Refusal("not supported before starting the microVM")
            return self.set_state(body) if template == "/vm" else self.create_snapshot(body)
        if self.state != "Not started":
            raise Refusal("not supported after starting the microVM")
        if template == "/snapshot/load":
            return self.load_snapshot(body)
        if template == "/actions":
            return self.start(body)
        if template == "/boot-source":
            self.need(body["kernel_image_path"])
        if template == "/drives/{drive_id}":
            if "path_on_host" not in body or "is_read_only" not in body:
                raise Refusal("a drive without a file, or without a word on writing to it")
            self.need(body["path_on_host"], os.R_OK if body["is_read_only"] else os.R_OK | os.W_OK)
        self.config[template] = body
        return None

    def need(self, path, access=os.R_OK):
        if not path.startswith("/") or not os.access(self.inside(path), access):
            raise Refusal(f"{path}: No such file or directory, or not allowed")

    def can_change(self, path):
        try:
            os.close(os.open(self.inside(path), os.O_WRONLY))
            return True
        except PermissionError:
            pass
        try:
            os.chmod(self.inside(path), 0o666)
            return True
        except PermissionError:
            return False

    def inside(self, path):
        return self.jail + path

    def start(self, body):
        if body["action_type"] != "InstanceStart":
            raise Refusal("another action than InstanceStart")
        if "/boot-source" not in self.config:
            raise Refusal("Cannot start microvm without kernel configuration.")
        if not self.config.get("/drives/{drive_id}", {}).get("is_root_device"):
            raise Refusal("no root device")
        self.run()

    def run(self):
        path = self.inside(self.config["/vsock"]["uds_path"])
        if os.path.lexists(path):
            raise Refusal("vsock: Address in use")
        self.guest.listen(path)
        self.state = "Running"

    def set_state(self, body):
        wanted = {"Paused": "Running", "Resumed": "Paused"}[body["state"]]
        if self.state != wanted:
            raise Refusal(f"the microVM is {self.state}")
        self.state = "Paused" if body["state"] == "Paused" else "Running"

    def create_snapshot(self, body):
        if self.state != "Paused":
            raise Refusal("the microVM is not paused")
        for path, content in ((body["snapshot_path"], json.dumps(self.config)),
                              (body["mem_file_path"], MEMORY)):
            if os.path.lexists(self.inside(path)):
                raise Refusal(f"{path} is there already")  # and may be what this VM's memory is
            with open(self.inside(path), "w", encoding="utf-8") as file:
                file.write(content)

    def load_snapshot(self, body):
        if self.config:
            raise Refusal("Loading a microVM snapshot not allowed after configuring resources.")
        if "mem_file_path" in body or "mem_backend" not in body:
            raise Refusal("memory comes by mem_backend")
        self.need(body["mem_backend"]["backend_path"])
        self.need(body["snapshot_path"])
        with open(self.inside(body["mem_backend"]["backend_path"]), encoding="utf-8") as file:
            if file.read() != MEMORY:
                raise Refusal("Failed to restore guest memory")
        with open(self.inside(body["snapshot_path"]), encoding="utf-8") as file:
            try:
                self.config = json.load(file)
            except ValueError as error:
                raise Refusal("Failed to deserialize the snapshot") from error
        # A copy of another machine must not be able to change what it is a copy of.
        self.journal.write("load", changes=[path for path in (body["snapshot_path"],
                           body["mem_backend"]["backend_path"]) if self.can_change(path)])
        self.need(self.config["/drives/{drive_id}"]["path_on_host"])
        self.run()
        if not body.get("resume_vm"):
            self.state = "Paused"


def serve_api(vmm, listener):
    """One exchange a connection, as strict as Firecracker's small HTTP server."""
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve_one, args=(vmm, connection), daemon=True).start()


def serve_one(vmm, connection):
    with connection:
        head = b""
        while b"\r\n\r\n" not in head:
            data = connection.recv(4096)
            if not data or len(head) > MAX_BODY:
                return
            head += data
        head, body = head.split(b"\r\n\r\n", 1)
        lines = head.decode("utf-8").split("\r\n")
        method, path, version = lines[0].split(" ")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        length = int(headers.get("content-length", "0"))
        assert version == "HTTP/1.1" and length <= MAX_BODY and "expect" not in headers
        while len(body) < length:
            body += connection.recv(length - len(body))
        status, answer = vmm.handle(method, path, body.decode("utf-8"))
        text = json.dumps(answer).encode() if answer else b""
        reason = {200: "OK", 204: "No Content", 400: "Bad Request"}[status]
        head = [f"HTTP/1.1 {status} {reason}", "Server: Firecracker API", "Connection: keep-alive"]
        if text:
            head += ["Content-Type: application/json", f"Content-Length: {len(text)}"]
        connection.sendall("\r\n".join(head + ["", ""]).encode() + text)


def main(arguments, jail, settings):
    """`arguments` are Firecracker's own; `jail` is the directory the VMM would see as /."""
    journal = Journal(settings["journal"])
    journal.write("vmm", arguments=arguments, user=os.getuid(), group=os.getgid())
    if settings.get("exit_at_once"):
        sys.stderr.write("fake_firecracker: told to end at once\n")
        sys.exit(9)
    if settings.get("no_api"):
        threading.Event().wait()
    options = dict(zip(arguments[::2], arguments[1::2]))
    if set(options) != {"--id", "--start-time-us", "--start-time-cpu-us", "--api-sock"}:
        sys.exit(f"fake_firecracker: unexpected arguments: {arguments}")
    vmm = Vmm(settings, jail)
    signal.signal(signal.SIGUSR1, lambda *_: vmm.guest.break_streams())
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(short(jail + options["--api-sock"]))
    listener.listen()
    serve_api(vmm, listener)


if __name__ == "__main__":
    if sys.argv[2:] == ["--version"]:
        with open(sys.argv[1], encoding="utf-8") as settings_file:
            says = json.load(settings_file).get("program_version", "1.16.1")
        print(f"Firecracker v{says}\n\nSupported snapshot data format versions: v8.0.0")
    else:
        sys.exit("fake_firecracker: started by fake_jailer only")
