"""A test double of Firecracker's jailer. It jails nothing: there is no chroot and no namespace here.

It takes the jailer's command line as strictly as the jailer does (docs/jailer.md of Firecracker),
lays the jail out the same way, gives up root for the user it is told, and runs fake_firecracker in
the child it leaves behind. Faults are injected as the settings say:

    jailer_refuses  "reason"   says so and fails
    jailer_hangs    true       never ends
    jailer_version  "1.16.0"
"""

import argparse
import json
import os
import re
import sys
import time

import fake_firecracker


class Arguments(argparse.ArgumentParser):
    def error(self, message):
        sys.exit(f"fake_jailer: {message}")


def parse(arguments):
    own, _, extra = arguments, None, []
    if "--" in arguments:
        at = arguments.index("--")
        own, extra = arguments[:at], arguments[at + 1 :]
    parser = Arguments(allow_abbrev=False, add_help=False)
    for name in ("--id", "--exec-file", "--uid", "--gid"):
        parser.add_argument(name, required=True)
    parser.add_argument("--chroot-base-dir", default="/srv/jailer")
    parser.add_argument("--parent-cgroup")
    parser.add_argument("--cgroup-version", choices=("1", "2"), default="1")
    parser.add_argument("--cgroup", action="append", default=[])
    parser.add_argument("--resource-limit", action="append", default=[])
    parser.add_argument("--new-pid-ns", action="store_true")
    return parser.parse_args(own), extra


def check(options):
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", options.id):
        sys.exit("fake_jailer: invalid instance id")
    if "firecracker" not in os.path.basename(options.exec_file):
        sys.exit("fake_jailer: the exec file's name has no firecracker in it")
    if not os.access(options.exec_file, os.X_OK):
        sys.exit("fake_jailer: the exec file can't be run")
    for limit in options.resource_limit:
        if not re.fullmatch(r"(fsize|no-file)=\d+", limit):
            sys.exit(f"fake_jailer: bad resource limit {limit}")
    for group in options.cgroup:
        if not re.fullmatch(r"(memory|cpu|pids|cpuset)\.[a-z_.]+=[\d ]+", group):
            sys.exit(f"fake_jailer: bad cgroup {group}")
    if not options.new_pid_ns:
        sys.exit("fake_jailer: this double only knows --new-pid-ns")


def lay_out(options):
    """The jail's root directory, as the jailer leaves it."""
    name = os.path.basename(options.exec_file)
    root = os.path.join(options.chroot_base_dir, name, options.id, "root")
    os.makedirs(root, exist_ok=True)
    user, group = int(options.uid), int(options.gid)
    with open(options.exec_file, "rb") as program, open(os.path.join(root, name), "wb") as copy:
        copy.write(program.read())
    for directory in ("", "dev", "run"):
        path = os.path.join(root, directory)
        os.makedirs(path, mode=0o700, exist_ok=True)
        os.chown(path, user, group)
    # Where the jailer makes the device it makes it once: a jail isn't used twice.
    os.close(os.open(os.path.join(root, "dev", "kvm"), os.O_CREAT | os.O_EXCL, 0o600))
    return root


def main(settings_path, arguments):
    with open(settings_path, encoding="utf-8") as file:
        settings = json.load(file)
    if arguments == ["--version"]:
        print(f"Jailer v{settings.get('jailer_version', '1.16.1')}")
        return
    options, extra = parse(arguments)
    check(options)
    if settings.get("jailer_hangs"):
        time.sleep(3600)
    if "jailer_refuses" in settings:
        sys.exit(f"fake_jailer: {settings['jailer_refuses']}")
    os.environ.clear()
    root = lay_out(options)
    fake_firecracker.Journal(settings["journal"]).write("jailer", arguments=arguments)
    child = os.fork()
    if child:
        pid_file = os.path.join(root, os.path.basename(options.exec_file) + ".pid")
        with open(pid_file, "w", encoding="utf-8") as file:
            file.write(str(child))
        return
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(int(options.gid))
        os.setuid(int(options.uid))
    times = ["--start-time-us", "1", "--start-time-cpu-us", "1"]
    fake_firecracker.main(["--id", options.id, *times, *extra], root, settings)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
