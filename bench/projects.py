"""The projects whose builds are measured: how each is fetched, configured, built and cleaned."""

import os
import re
import shutil
import subprocess
import sys

import lib

JOBS = str(len(os.sched_getaffinity(0)))


def fetch_upstream(package, tree):
    """Upstream's sources of the Debian package, without Debian's patches, as `tree`."""
    script = lib.ROOT / "scripts/fetch-source.sh"
    subprocess.run(
        [script, "--upstream", package, tree], check=True, timeout=600, stdout=sys.stderr
    )


class Project:
    """Its tree stands at `tree` whenever a method is called."""

    package = None
    env = {}  # what builds need beside the launcher's environment
    has_objects_part = True  # whether the build can stop before the links
    uncacheable = 0  # units that no cache may keep
    ccache_answers_tests = False  # of what the compiler can, beside the units
    # What one copy of the tree is made with.
    copy_file = staticmethod(shutil.copy2)

    def __init__(self, tree, jobs=JOBS):
        self.tree = tree
        self.jobs = jobs

    def fetch(self):
        fetch_upstream(self.package, self.tree)

    def units(self, tree):
        """How many compiles of a built tree went through the launcher."""
        return sum(1 for _ in tree.rglob("*.o"))


class Lua(Project):
    """Upstream's own Makefile: no dependency files, the links go through the launcher too."""

    package = "lua5.4"

    def configure(self, launcher, base):
        pass

    def command(self, launcher, objects_only):
        words = " ".join([*launcher.words, "gcc -std=gnu99"])
        make = ["/usr/bin/make", "-C", "src", "-j", self.jobs, f"CC={words}"]
        if objects_only:
            return [*make, "o", "SYSCFLAGS=-DLUA_USE_LINUX"]
        return [*make, "linux"]

    def clean(self):
        for pattern in ("*.o", "*.a"):
            for path in self.tree.glob(f"src/{pattern}"):
                path.unlink()
        for name in ("lua", "luac"):
            (self.tree / "src" / name).unlink(missing_ok=True)


class Googletest(Project):
    """CMake with Ninja and CMake's own flags (so -MD), googletest's and googlemock's tests on."""

    package = "googletest"

    def configure(self, launcher, base):
        word = ";".join(launcher.words)
        argv = ["cmake", "-S", self.tree, "-B", self.tree / "build", "-G", "Ninja"]
        argv += ["-Dgtest_build_tests=ON", "-Dgmock_build_tests=ON"]
        argv += [f"-DCMAKE_C_COMPILER_LAUNCHER={word}", f"-DCMAKE_CXX_COMPILER_LAUNCHER={word}"]
        env = launcher.environment(base, recording=True)
        subprocess.run(argv, env=env, check=True, timeout=300, stdout=subprocess.DEVNULL)

    def command(self, launcher, objects_only):
        ninja = [shutil.which("ninja"), "-C", "build", "-j", self.jobs]
        return [*ninja, *self.objects] if objects_only else ninja

    def clean(self):
        # Before the first build there is nothing to clean, and the names aren't known.
        build = self.tree / "build"
        self.objects = sorted(str(path.relative_to(build)) for path in build.rglob("*.o"))
        subprocess.run(
            ["ninja", "-C", build, "-t", "clean"],
            check=True,
            timeout=60,
            stdout=subprocess.DEVNULL,
        )


def link_or_copy(source, target):
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target)


class Kernel(Project):
    """Linux 6.1, tinyconfig, up to vmlinux: -Wp,-MMD dependency files, and hundreds of tests of
    what the compiler can. Host programs are compiled without the launcher."""

    package = "linux-source-6.1"
    env = {
        "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970",
        "KBUILD_BUILD_USER": "bench",
        "KBUILD_BUILD_HOST": "bench",
        "KBUILD_BUILD_VERSION": "1",
    }
    has_objects_part = False
    uncacheable = 1  # arch/x86/realmode/rmpiggy.S embeds a file
    ccache_answers_tests = True
    # A build never writes into a source, and 1.5 GB are not copied for every launcher.
    copy_file = staticmethod(link_or_copy)

    def fetch(self):
        subprocess.run(
            [lib.ROOT / "bench/fetch-kernel.sh", self.tree],
            check=True,
            timeout=1200,
            stdout=sys.stderr,
        )

    def make(self, launcher, *words):
        compiler = " ".join([*launcher.words, "gcc"])
        return ["/usr/bin/make", "-j", self.jobs, f"CC={compiler}", *words]

    def configure(self, launcher, base):
        env = {**launcher.environment(base, recording=True), **self.env}
        subprocess.run(
            self.make(launcher, "tinyconfig"),
            cwd=self.tree,
            env=env,
            check=True,
            timeout=300,
            stdout=subprocess.DEVNULL,
        )

    def command(self, launcher, objects_only):
        return self.make(launcher, "vmlinux")

    def clean(self):
        subprocess.run(
            ["make", "clean"], cwd=self.tree, check=True, timeout=300, stdout=subprocess.DEVNULL
        )

    def units(self, tree):
        # kbuild keeps the command line of each target; those of host programs lack __KERNEL__.
        compile_of_kernel = re.compile(r"^(saved)?cmd_.* -D__KERNEL__ .* -[cS] -o ")
        return sum(
            1
            for path in [*tree.rglob(".*.o.cmd"), *tree.rglob(".*.s.cmd")]
            if compile_of_kernel.match(path.read_text().partition("\n")[0])
        )


PROJECTS = {"lua": Lua, "googletest": Googletest, "kernel": Kernel}
