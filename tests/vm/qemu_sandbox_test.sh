#!/bin/bash
# Runs the sandbox tests on virtual machines of QEMU: hpcc's own guest kernel, and a root made of this
# machine's own packages. The kernel is built when there is none yet (minutes; kept from then on).
#
#   qemu_sandbox_test.sh <sandbox test program> <hpcc-agent> <sandbox_probe> <directory for roots>
#
# Exit status 77: there is no QEMU, or no kernel and nothing to build it from.
set -euo pipefail
[[ -x /usr/bin/qemu-system-x86_64 ]] || { echo "qemu-system-x86 is not installed"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
test_program=$1 agent=$2 probe=$3 roots=$4
shift 4

builder="$here/../../scripts/build-guest-kernel.sh"
[[ -e /usr/src/linux-source-6.1.tar.xz ]] || { echo "linux-source-6.1 is not installed"; exit 77; }
HPCC_GUEST_KERNEL=$("$builder")
# A time zone of nine hours (RFC 8536), for the image to be in.
mkdir -p "$roots"
{
  printf 'TZif\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
  printf '\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4'
  printf '\0\0\176\220\0\0JST\0'
} > "$roots/localtime"
"$here/make_test_root.py" --output "$roots/toolchain.sqfs" --agent "$agent" \
  --add "$probe:/opt/probe" --add "$roots/localtime:/etc/localtime"
"$here/make_test_root.py" --output "$roots/bare.sqfs" --agent "$probe" --no-packages
HPCC_EXPECTED_ISOLATION=$("$here/expected_isolation.py" "$HPCC_GUEST_KERNEL")
export HPCC_GUEST_KERNEL HPCC_EXPECTED_ISOLATION
export HPCC_SANDBOX_DRIVER=qemu
export HPCC_TEST_ROOT=$roots/toolchain.sqfs
export HPCC_TEST_BARE_ROOT=$roots/bare.sqfs
# What differs little from another test, or takes long when emulated, is for the long form.
left_out=ProcessRuntimeTest.*
if [[ ${HPCC_LONG_TESTS-} != 1 ]]; then
  left_out+=:SandboxTest.Hostile*:LimitTest.ABombOf*:LimitTest.AMemoryBombOfMany*
  left_out+=:LimitTest.EndlessOutput*:VirtualMachineTest.ACloneIs*
fi
exec "$test_program" --gtest_filter="-$left_out" "$@"
