#!/usr/bin/env python3
"""The daemon comes and goes: start, a second start, stop, signals, what a dead one left behind,
autostart, socket activation; and what it holds is the same as without it."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import daemon_case  # noqa: E402
import wire  # noqa: E402
from daemon_case import harness  # noqa: E402


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


class Start(daemon_case.DaemonTest):
    def test_ready_line_names_the_socket_and_only_the_owner_may_use_it(self):
        self.runtime.rmdir()
        process = subprocess.Popen([harness.HPCC, "start"], env=self.environment, cwd=self.folder,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.started.append(process)
        line = process.stdout.readline().decode().rstrip("\n")
        self.assertEqual("hpcc-daemon: ready, %s" % (self.runtime / "daemon.sock"), line)
        self.assertEqual(0o700, mode_of(self.runtime))
        self.assertEqual(0o600, mode_of(self.runtime / "daemon.json"))
        self.assertTrue(stat.S_ISSOCK((self.runtime / "daemon.sock").stat().st_mode))

    def test_daemon_file_says_how_to_reach_it(self):
        process = self.start_daemon()
        about = json.loads((self.runtime / "daemon.json").read_text())
        self.assertEqual(process.pid, about["process"])
        self.assertIn(about["port"], range(1, 65536))
        self.assertGreaterEqual(len(about["token"]), 32)
        self.assertEqual(wire.VERSION, about["protocol"])

    def test_second_start_says_that_one_is_running(self):
        first = self.start_daemon()
        second = self.run_command([harness.HPCC, "start"], timeout=20)
        self.assertNotEqual(0, second.status)
        self.assertIn(b"running", second.stderr)
        self.assertIsNone(first.poll())
        self.assertEqual(first.pid, self.daemon_report()["pid"])

    def test_many_starts_at_once_leave_one_daemon(self):
        starts = [self.start_in_background([harness.HPCC, "start", "--background"])
                  for _ in range(6)]
        statuses = [process.wait(60) for process in starts]
        self.assertIn(0, statuses)
        pid = self.daemon_report()["pid"]
        self.addCleanup(self.kill_quietly, pid)
        running = [entry for entry in Path("/proc").glob("[0-9]*") if self.is_ours(entry)]
        self.assertEqual([str(pid)], [entry.name for entry in running])

    def is_ours(self, process):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            variables = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            return False
        return (words[0].endswith(b"hpcc-daemon")
                and b"HPCC_RUNTIME_DIR=" + os.fsencode(self.runtime) in variables)

    def kill_quietly(self, pid):
        if daemon_case.is_alive(pid):
            os.kill(pid, signal.SIGKILL)

    def test_background_start_returns_when_the_daemon_answers(self):
        outcome = self.run_command([harness.HPCC, "start", "--background"], timeout=30)
        self.assertEqual(0, outcome.status, outcome.stderr)
        report = self.daemon_report()
        self.assertIsNotNone(report)
        self.addCleanup(self.kill_quietly, report["pid"])
        stopped = self.run_command([harness.HPCC, "stop"], timeout=30)
        self.assertEqual(0, stopped.status, stopped.stderr)
        daemon_case.wait_until(lambda: not daemon_case.is_alive(report["pid"]), "its end")
        self.assertIsNone(self.daemon_report())

    def test_background_daemon_holds_no_stream_and_no_folder_of_the_caller(self):
        """A pipe that a build waits for must end with the build."""
        outcome = self.run_command(["sh", "-c", '"$0" start --background', harness.HPCC],
                                   timeout=30)
        self.assertEqual(0, outcome.status, outcome.stderr)
        pid = self.daemon_report()["pid"]
        self.addCleanup(self.kill_quietly, pid)
        self.assertNotEqual(str(self.tree), os.readlink("/proc/%d/cwd" % pid))

    def test_runtime_directory_that_others_may_write_is_refused(self):
        self.runtime.chmod(0o777)
        outcome = self.run_command([harness.HPCC, "start"], timeout=20)
        self.assertNotEqual(0, outcome.status)
        self.assertIn(os.fsencode(self.runtime), outcome.stderr)
        self.check_compiles()

    def test_without_a_variable_it_lives_beside_the_cache_or_in_the_session(self):
        del self.environment["HPCC_RUNTIME_DIR"]
        process = self.start_daemon()
        self.assertTrue((self.cache / "daemon/daemon.sock").exists())
        self.stop_daemon(process)
        session = self.folder / "session"
        session.mkdir(mode=0o700)
        self.environment["XDG_RUNTIME_DIR"] = str(session)
        self.start_daemon()
        self.assertTrue((session / "hpcc/daemon.sock").exists())

    def test_socket_activation_answers_on_the_socket_it_was_given(self):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.runtime / "daemon.sock"))
        os.chmod(self.runtime / "daemon.sock", 0o600)
        listener.listen(64)

        script = 'exec 3<&%d; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$0" start' % (
            listener.fileno())
        self.start_daemon(before=["bash", "-c", script], pass_fds=[listener.fileno()])
        listener.close()
        self.check_compiles()
        before = self.requests()
        self.check_compiles()
        self.assertGreater(self.requests(), before)


class Stop(daemon_case.SlowUnitTest):
    def test_each_way_to_stop_it_leaves_nothing_behind(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.stop_daemon(self.start_daemon(), number)
            self.assertFalse((self.runtime / "daemon.sock").exists())
            self.assertFalse((self.runtime / "daemon.json").exists())
        process = self.start_daemon()
        outcome = self.run_command([harness.HPCC, "stop"], timeout=30)
        self.assertEqual(0, outcome.status, outcome.stderr)
        self.assertEqual(0, process.wait(30))
        self.assertFalse((self.runtime / "daemon.sock").exists())

    def test_stop_without_a_daemon_says_so(self):
        outcome = self.run_command([harness.HPCC, "stop"], timeout=30)
        self.assertIn(b"no daemon", outcome.stdout + outcome.stderr)

    def test_compile_in_flight_is_finished_before_it_leaves(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                self.copies[0].joinpath("unit.c").write_text("int of_%d;\n" % number)
                harness.settle()
                self.wanted = self.compile_plainly()
                daemon = self.start_daemon()
                before = self.statistics()
                compile_ = self.compile_in(0, slow=2)
                self.wait_for_compile()
                daemon.send_signal(number)
                time.sleep(0.3)
                self.check_finished(compile_, 0)
                self.assertEqual(0, daemon.wait(30))
                self.assertEqual(1, (self.statistics() - before).misses)
                again = self.compile_in(0, slow=0)
                self.check_finished(again, 0)
                self.assertEqual(1, (self.statistics() - before).hits, "the result was not kept")

    def test_new_requests_find_no_daemon_while_it_leaves(self):
        daemon = self.start_daemon()
        compile_ = self.compile_in(0, slow=3)
        self.wait_for_compile()
        daemon.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        self.assertLess(self.check_compiles(), 2.5)
        self.check_finished(compile_, 0)


class LeftBehind(daemon_case.DaemonTest):
    def leave_a_dead_one(self):
        process = self.start_daemon()
        process.kill()
        process.wait()
        self.assertTrue((self.runtime / "daemon.sock").exists())
        self.assertTrue((self.runtime / "daemon.json").exists())

    def test_dead_daemon_is_no_hindrance_to_compiles(self):
        self.leave_a_dead_one()
        self.check_compiles()
        self.assertLess(self.check_compiles(), 2)
        self.assertEqual(1, self.statistics().hits)
        self.assertIsNone(self.daemon_report())

    def test_start_takes_over_from_a_dead_daemon(self):
        self.leave_a_dead_one()
        process = self.start_daemon()
        self.assertEqual(process.pid, self.daemon_report()["pid"])
        self.check_compiles()

    def test_number_of_the_dead_daemon_taken_by_another_process_deceives_nobody(self):
        self.leave_a_dead_one()
        about = json.loads((self.runtime / "daemon.json").read_text())
        about["process"] = os.getpid()
        (self.runtime / "daemon.json").write_text(json.dumps(about))
        self.assertIsNone(self.daemon_report())
        self.check_compiles()
        process = self.start_daemon()
        self.assertEqual(process.pid, self.daemon_report()["pid"])

    def test_damaged_daemon_file_is_no_hindrance(self):
        for content in (b"", b"{", b"[]", b'{"process": "x", "port": -1}', os.urandom(4096)):
            self.leave_a_dead_one()
            (self.runtime / "daemon.json").write_bytes(content)
            self.check_compiles()
            self.assertIsNone(self.daemon_report())
            self.stop_daemon(self.start_daemon())

    def test_port_of_the_dead_daemon_taken_by_another_program_is_no_hindrance(self):
        self.leave_a_dead_one()
        about = json.loads((self.runtime / "daemon.json").read_text())
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen(8)
            about["port"] = other.getsockname()[1]
            (self.runtime / "daemon.json").write_text(json.dumps(about))
            (self.runtime / "daemon.sock").unlink()
            wanted = self.plain_object()
            self.assertLess(self.check_compiles(wanted), 10)

    def test_results_outlive_the_daemon(self):
        process = self.start_daemon()
        self.check_compiles()
        self.stop_daemon(process)
        self.check_compiles()
        self.start_daemon()
        self.check_compiles()
        seen = self.statistics()
        self.assertEqual((2, 1), (seen.hits, seen.misses))


class Tcp(daemon_case.DaemonTest):
    def test_without_the_socket_the_wrapper_comes_by_tcp(self):
        self.start_daemon()
        (self.runtime / "daemon.sock").unlink()
        self.check_compiles()
        before = self.requests()
        self.check_compiles()
        self.assertGreater(self.requests(), before)
        seen = self.statistics()
        self.assertEqual((1, 1), (seen.hits, seen.misses))


class Autostart(daemon_case.DaemonTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(lambda: self.run_command([harness.HPCC, "stop"], timeout=30))

    def test_variable_makes_the_wrapper_start_one(self):
        self.check_compiles(environment={"HPCC_DAEMON_AUTOSTART": "1"})
        self.assertIsNotNone(daemon_case.wait_until(self.daemon_report, "a daemon"))
        self.check_compiles()
        self.assertEqual(1, self.statistics().hits)

    def test_configuration_makes_the_wrapper_start_one(self):
        config = self.folder / "config.toml"
        config.write_text("[daemon]\nautostart = true\n")
        self.check_compiles(environment={"HPCC_CONFIG": str(config)})
        self.assertIsNotNone(daemon_case.wait_until(self.daemon_report, "a daemon"))

    def test_eight_wrappers_at_once_start_one_and_no_compile_suffers(self):
        for number in range(8):
            self.write("unit%d.c" % number, "int of_%d;\n" % number)
        compiles = [
            self.start_in_background(
                [harness.HPCC, "gcc", "-c", "unit%d.c" % number],
                {"HPCC_DAEMON_AUTOSTART": "1"})
            for number in range(8)
        ]
        for process in compiles:
            stdout, stderr = process.communicate(timeout=60)
            self.assertEqual((0, b"", b""), (process.returncode, stdout, stderr))
        self.assertIsNotNone(daemon_case.wait_until(self.daemon_report, "a daemon"))
        self.assertEqual(8, self.statistics().misses)

    def test_off_is_stronger(self):
        self.check_compiles(environment={"HPCC_DAEMON_AUTOSTART": "1", "HPCC_DAEMON": "off"})
        time.sleep(0.5)
        self.assertIsNone(self.daemon_report())


class SameAnswers(daemon_case.DaemonTest):
    """The files are the same with and without the daemon, and so is what is said about them."""

    def settle_and_compile(self, *commands):
        harness.settle()
        for command in commands:
            self.cached(command)

    def history(self, name, off):
        """Statistics and explanations after the same compiles in a cache of its own."""
        self.cache = self.folder / name
        self.environment["HPCC_CACHE_DIR"] = str(self.cache)
        self.environment["HPCC_DAEMON"] = "off" if off else "on"
        answers = []

        def explain():
            outcome = self.run_command([harness.HPCC, "explain", "unit.c"])
            text = re.sub(r"\d{4}-\d\d-\d\d .*", "<time>", outcome.stdout.decode())
            answers.append((outcome.status, text))

        compile_ = ["gcc", "-MD", "-c", "unit.c", "-o", "unit.o"]
        self.write("unit.h", "int a;\n")
        self.write("unit.c", '#include "unit.h"\n')
        self.settle_and_compile(compile_, compile_)
        explain()
        self.write("unit.h", "int b;\n")
        self.settle_and_compile(compile_)
        explain()
        self.settle_and_compile([*compile_, "-O2"], [*compile_, "-O2"])
        explain()
        self.write("unit.c", '#include "unit.h"\nconst char* now = __TIME__;\n')
        self.settle_and_compile(compile_)
        explain()
        self.write("unit.c", "int broken\n")
        self.settle_and_compile(compile_, ["gcc", "-E", "unit.c"], ["gcc", "--version"])
        explain()
        statistics = json.loads(self.run_command([harness.HPCC, "stats", "--json"]).stdout)
        counted = ("hits", "misses", "not_cacheable", "errors", "direct_hits", "preprocessed_hits",
                   "not_cacheable_by_reason")
        return answers, {key: statistics[key] for key in counted}

    def test_statistics_and_explanations_do_not_depend_on_the_daemon(self):
        alone = self.history("alone", off=True)
        self.start_daemon()
        with_daemon = self.history("with-daemon", off=False)
        self.assertGreater(self.requests(), 0)
        self.assertEqual(alone, with_daemon)

    def test_what_one_learned_the_other_knows(self):
        self.start_daemon()
        self.check_compiles()
        self.check_compiles(environment={"HPCC_DAEMON": "off"})
        self.write("unit.c", "int later;\n")
        harness.settle()
        self.check_compiles(environment={"HPCC_DAEMON": "off"})
        self.check_compiles()
        seen = self.statistics()
        self.assertEqual((2, 2), (seen.hits, seen.misses))

    def test_one_daemon_serves_several_caches(self):
        self.start_daemon()
        for name in ("one", "two"):
            cache = {"HPCC_CACHE_DIR": str(self.folder / name)}
            self.check_compiles(environment=cache)
            self.check_compiles(environment=cache)
            seen = harness.read_statistics(dict(self.environment, **cache))
            self.assertEqual((1, 1), (seen.hits, seen.misses))
        self.assertFalse(self.cache.exists() and list(self.cache.glob("result/*/*")))

    def test_report_tells_of_the_memo_and_the_requests(self):
        self.assertIsNone(self.daemon_report())
        self.start_daemon()
        empty = self.daemon_report()
        self.write("unit.c", "#include <stdio.h>\n")  # the system's headers are old enough
        harness.settle()
        for _ in range(3):
            self.check_compiles()
        report = self.daemon_report()
        self.assertGreaterEqual(report["memo_files"], empty["memo_files"] + 2)
        self.assertGreater(report["memo_bytes"], empty["memo_bytes"])
        self.assertGreaterEqual(report["requests"], empty["requests"] + 3)
        self.assertEqual(0, report["compiles_in_flight"])
        text = self.run_command([harness.HPCC, "stats"]).stdout.decode()
        self.assertIn("aemon", text)

    def test_watch_redraws_each_second_until_interrupted(self):
        self.start_daemon()
        self.check_compiles()
        watch = self.start_in_background([harness.HPCC, "stats", "--watch"])
        time.sleep(3.5)
        watch.send_signal(signal.SIGINT)
        stdout, stderr = watch.communicate(timeout=10)
        self.assertEqual(b"", stderr)
        drawn = stdout.lower().count(b"in flight")
        self.assertIn(drawn, range(3, 6), stdout)


if __name__ == "__main__":
    harness.main()
