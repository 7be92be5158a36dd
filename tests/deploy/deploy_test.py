#!/usr/bin/env python3
"""What is deployed beside the programs: systemd takes the units, and there is a man page, which groff
takes, for every program."""

import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness  # noqa: E402

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PROGRAMS = Path(harness.HPCC).parent if harness.HPCC else None


class Units(unittest.TestCase):
    @unittest.skipUnless(shutil.which("systemd-analyze"), "no systemd-analyze here")
    def test_systemd_takes_each_unit(self):
        with tempfile.TemporaryDirectory(prefix="hpcc-units.") as folder:
            # The programs stand elsewhere than where they are installed.
            units = []
            for unit in sorted((REPOSITORY / "deploy/systemd").glob("hpcc-*.s*")):
                if unit.suffix not in (".service", ".socket"):
                    continue
                text = unit.read_text().replace("/usr/bin/hpcc", str(PROGRAMS / "hpcc"))
                (Path(folder) / unit.name).write_text(re.sub("(?m)^Documentation=.*\n", "", text))
                units.append(str(Path(folder) / unit.name))
            self.assertGreaterEqual(len(units), 4)
            said = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True,
                                  text=True, timeout=60)
            named = [line for line in (said.stdout + said.stderr).splitlines()
                     if "hpcc-" in line]
            self.assertEqual((0, []), (said.returncode, named), said.stderr)

    def test_units_of_the_network_have_no_privileges(self):
        for name in ("hpcc-scheduler.service", "hpcc-worker.service"):
            lines = (REPOSITORY / "deploy/systemd" / name).read_text().splitlines()
            for line in ("NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict",
                         "ProtectHome=yes", "LimitCORE=0", "UMask=0077"):
                self.assertIn(line, lines, name)


class ManPages(unittest.TestCase):
    def test_each_program_has_one(self):
        programs = {path.name for path in PROGRAMS.glob("hpcc*") if path.is_file()}
        pages = {path.stem for path in (REPOSITORY / "docs/man").glob("*.1")}
        # hpcc-agent is nobody's to call: it runs in sandboxes.
        self.assertEqual(set(), programs - pages - {"hpcc-agent"})

    @unittest.skipUnless(shutil.which("groff"), "no groff here")
    def test_groff_has_no_objection(self):
        for page in sorted((REPOSITORY / "docs/man").glob("*.1")):
            said = subprocess.run(["groff", "-man", "-Tascii", "-ww", "-z", str(page)],
                                  capture_output=True, text=True, timeout=60)
            self.assertEqual((0, ""), (said.returncode, said.stderr), page.name)


if __name__ == "__main__":
    harness.require_program()
    harness.main()
