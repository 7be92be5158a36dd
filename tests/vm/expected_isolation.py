#!/usr/bin/env python3
"""What sandboxes of the driver qemu must be labelled here: qemu-kvm where a stock guest runs on KVM,
else qemu-tcg. Found out with QEMU alone, and nothing of hpcc but its kernel.

usage: expected_isolation.py KERNEL
"""

import os
import subprocess
import sys

QEMU = "/usr/bin/qemu-system-x86_64"
MACHINE = "microvm,x-option-roms=off,acpi=off,pit=on,pic=on,rtc=on,isa-serial=on"
# Without a root the kernel gets as far as missing it.
AS_FAR_AS_IT_GOES = b"Kernel panic - not syncing: VFS"
PATIENCE = 10  # seconds; the driver's own


def expected_isolation(kernel):
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except OSError:
        return "qemu-tcg"
    command = [QEMU, "-M", MACHINE, "-accel", "kvm", "-cpu", "host", "-m", "64", "-nodefaults",
               "-no-user-config", "-nographic", "-no-reboot", "-serial", "stdio", "-kernel",
               str(kernel), "-append", "console=ttyS0 panic=-1 reboot=t"]
    try:
        said = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=PATIENCE).stdout
    except subprocess.TimeoutExpired:
        return "qemu-tcg"
    return "qemu-kvm" if AS_FAR_AS_IT_GOES in said else "qemu-tcg"


if __name__ == "__main__":
    print(expected_isolation(sys.argv[1]))
