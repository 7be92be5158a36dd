"""What the tests of the daemon share: a daemon of their own, and units that compile slowly."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness  # noqa: E402

LONG = os.environ.get("HPCC_LONG_TESTS") == "1"
SOURCE = "int value(void) { return 7; }\n"
COMPILE = ["gcc", "-O1", "-c", "unit.c", "-o", "unit.o"]

# An assembler that says it was called, takes its time, and does what else it is told: by files,
# which hpcc does not see. The environment of a script would be a part of every key.
SLOW_ASSEMBLER = """\
#!/bin/sh
echo "$$" >>"$CONTROL/compiles"
sleep "$(cat "$CONTROL/seconds")"
. "$CONTROL/behaviour"
exec /usr/bin/as "$@"
"""
# Facts about a compiler are remembered when its programs have been what they are for two seconds.
SETTLED = 2.1


def wait_until(condition, what, seconds=30):
    """The first true value of condition()."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("waited %d seconds in vain: %s" % (seconds, what))


def is_alive(pid):
    """Whether a process of that number runs; a zombie does not."""
    try:
        status = Path("/proc/%d/stat" % pid).read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


class DaemonTest(harness.CacheTest):
    """A test with a runtime directory of its own, in which it starts daemons."""

    def setUp(self):
        super().setUp()
        self.runtime = self.folder / "run"
        self.runtime.mkdir(mode=0o700)
        self.log = self.folder / "log"
        self.environment["HPCC_RUNTIME_DIR"] = str(self.runtime)
        self.started = []
        self.addCleanup(self.end_daemons)
        self.write("unit.c", SOURCE)
        harness.settle()

    def start_daemon(self, before=(), environment=None, **options):
        """A daemon that is ready. `before`: words in front of the command."""
        process = subprocess.Popen(
            [*before, harness.HPCC, "start"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, cwd=self.folder,
            env=dict(self.environment, HPCC_LOG_FILE=str(self.log), **(environment or {})),
            **options)
        self.started.append(process)
        line = process.stdout.readline().decode()
        if "ready" not in line:
            process.kill()
            self.fail("hpcc start: %r, %r" % (line, process.stderr.read()))
        return process

    def stop_daemon(self, process, number=signal.SIGTERM):
        process.send_signal(number)
        self.assertEqual(0, process.wait(30), "the daemon's exit status")

    def end_daemons(self):
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.communicate()

    def start_in_background(self, argv, environment=None, cwd=None):
        """A command whose end nobody waits for yet, in a process group of its own."""
        process = subprocess.Popen(
            [str(word) for word in argv], cwd=cwd or self.tree, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            env=dict(self.environment, **(environment or {})))
        self.addCleanup(self.end_group, process)
        return process

    def end_group(self, process):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.communicate()

    def daemon_report(self):
        """What `hpcc stats --json` says of the daemon: None where there is none."""
        outcome = self.run_command([harness.HPCC, "stats", "--json"])
        self.assertEqual(0, outcome.status, outcome.stderr)
        return json.loads(outcome.stdout)["daemon"]

    def requests(self):
        return self.daemon_report()["requests"]

    def logged(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def security_events(self):
        return [line for line in self.logged().splitlines() if "security:" in line]

    def take_object(self, name="unit.o"):
        path = self.tree / name
        content = path.read_bytes()
        path.unlink()
        return content

    def plain_object(self, command=None):
        outcome = self.run_command(command or COMPILE)
        self.assertEqual(0, outcome.status, outcome.stderr)
        return self.take_object()

    def check_compiles(self, wanted=None, command=None, environment=None, timeout=60):
        """Through hpcc: the plain object and silence. Returns the seconds it took."""
        wanted = wanted or self.plain_object(command)
        start = time.monotonic()
        outcome = self.run_command([harness.HPCC, *(command or COMPILE)], environment,
                                   timeout=timeout)
        took = time.monotonic() - start
        self.assertEqual((0, b"", b""), (outcome.status, outcome.stdout, outcome.stderr))
        self.assertTrue(self.take_object() == wanted, "the object differs from the plain one")
        return took


class SlowUnitTest(DaemonTest):
    """The same unit in two copies of a project, so that two builds can ask for it at once."""

    @classmethod
    def setUpClass(cls):
        cls.tools = Path(tempfile.mkdtemp(prefix="hpcc-tools."))
        cls.addClassCleanup(shutil.rmtree, cls.tools, ignore_errors=True)
        (cls.tools / "as").write_text(SLOW_ASSEMBLER)
        (cls.tools / "as").chmod(0o755)
        time.sleep(SETTLED)

    def command(self, source="unit.c", output="unit.o"):
        return ["gcc", "-B%s/" % self.tools, "-c", source, "-o", output]

    def setUp(self):
        super().setUp()
        control = self.folder / "control"
        control.mkdir()
        self.compiles = control / "compiles"
        self.seconds = control / "seconds"
        self.behaviour = control / "behaviour"
        self.compiles.touch()
        self.behaviour.touch()
        self.seconds.write_text("0")
        self.copies = [self.tree / "first", self.tree / "second"]
        for copy in self.copies:
            copy.mkdir()
            (copy / ".hpcc").touch()
            (copy / "unit.c").write_text(SOURCE)
        self.environment["CONTROL"] = str(control)
        self.wanted = self.compile_plainly()
        harness.settle()

    def compile_plainly(self):
        self.seconds.write_text("0")
        prefix_map = "-ffile-prefix-map=%s=." % self.copies[0]
        outcome = self.run_command([*self.command(), prefix_map], cwd=self.copies[0])
        self.assertEqual(0, outcome.status, outcome.stderr)
        self.compiles.write_text("")
        path = self.copies[0] / "unit.o"
        content = path.read_bytes()
        path.unlink()
        return content

    def compile_in(self, copy, slow, output="unit.o"):
        """A compile that takes `slow` seconds, should there be one."""
        if self.seconds.read_text() != str(slow):  # an assembler may be reading it
            self.seconds.write_text(str(slow))
        return self.start_in_background([harness.HPCC, *self.command(output=output)],
                                        cwd=self.copies[copy])

    def times_compiled(self):
        return len(self.compiles.read_text().splitlines())

    def latest_assembler(self):
        return int(self.compiles.read_text().splitlines()[-1])

    def wait_for_compile(self, count=1):
        wait_until(lambda: self.times_compiled() >= count, "compile number %d" % count)

    def check_finished(self, process, copy, timeout=60):
        stdout, stderr = process.communicate(timeout=timeout)
        self.assertEqual((0, b"", b""), (process.returncode, stdout, stderr))
        content = (self.copies[copy] / "unit.o").read_bytes()
        self.assertTrue(content == self.wanted, "the object differs from the plain one")
