#!/bin/sh
# Runs the tests of the process sandbox as a user who has no right that every user hasn't.
#
#   as_nobody.sh <process_sandbox_test> <hpcc-agent> <sandbox_probe>
#
# Exit status 77: only root can become nobody.
set -eu
[ "$(id -u)" = 0 ] || exit 77
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cp "$1" "$place/test"
cp "$2" "$place/hpcc-agent"
cp "$3" "$place/probe"
mkdir "$place/tmp"
chmod 755 "$place" "$place"/test "$place"/hpcc-agent "$place"/probe
chmod 1777 "$place/tmp"
HPCC_AGENT=$place/hpcc-agent HPCC_SANDBOX_PROBE=$place/probe TEST_TMPDIR=$place/tmp \
    setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all \
    "$place/test"
