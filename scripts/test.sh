#!/bin/bash
# Installs what the tests need (as root), builds hpcc and runs every test. Asks nothing.
#
#   scripts/test.sh           release build, end-to-end suites, every unit test once: with the address
#                             and undefined-behaviour sanitizers, but for the rooms that speak gRPC
#   scripts/test.sh --long    also: every unit test with and without these sanitizers and with the
#                             thread sanitizer, everything built by clang and run, the suites
#                             labelled long, a minute of each fuzz program, and the long form of
#                             each test (HPCC_LONG_TESTS=1)
#
# The last line is "N passed, N failed", over everything; the exit status says the same.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
fail_loudly

long=
case "${1-}" in
  --long) long=1 ;;
  "") ;;
  *) die "usage: scripts/test.sh [--long]" ;;
esac
exec </dev/null
cd "$repository"
[[ -z $long ]] || export HPCC_LONG_TESTS=1

# The short form compiles each test program once: those of the rooms that speak gRPC, whose headers
# take most of a sanitizer build's time, without sanitizers.
grpc_rooms=(auth sandbox agent dispatch scheduler worker admin)
sanitized=(base config compiler store remote cache telemetry squashfs image client daemon cli)
release_targets=(programs "${grpc_rooms[@]/%/_test}") asan_targets=("${sanitized[@]/%/_test}")
if [[ -n $long ]]; then
  release_targets=(all) asan_targets=(unit_tests)
fi
# rooms <room...>: what ctest -R takes to run the tests of these rooms.
rooms() { local IFS='|'; printf '^(%s)$' "$*"; }

passed=0 failed=0 times=()

# step <name> <command...>: runs it, keeps its time, counts it as one test.
step() {
  local name=$1 start status=0
  shift
  say "$name"
  start=$(now)
  "$@" || status=$?
  times+=("$(printf '%8s s  %s' "$(seconds_since "$start")" "$name")")
  if [[ $status -eq 0 ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    say "FAILED: $name (status $status)"
  fi
  return 0
}

# build_beside <preset> [target...]: starts a build that takes only what others leave of the
# machine; the step await_build waits for it and shows what it printed.
build_beside() {
  beside_log=$repository/build/$1-build.log
  set -m  # a process group of its own, so that it can be ended whole
  (
    chrt --idle --pid 0 "$BASHPID"
    build_preset "$@"
  ) >"$beside_log" 2>&1 &
  beside=$!
  set +m
  trap 'kill -- "-$beside" 2>/dev/null || true' EXIT
}

await_build() {
  local status=0
  wait "$beside" || status=$?
  trap - EXIT
  cat "$beside_log"
  return "$status"
}

# tests <name> <preset> [ctest option...]: runs ctest and counts each test of it.
#
# A test program that prints "N passed, N failed", or is a GoogleTest program, counts with every
# case it has; any other counts as one.
tests() {
  local name=$1 preset=$2 start status=0 log
  shift 2
  say "$name"
  start=$(now)
  log=$repository/build/$preset/test-log.txt
  (cd "$repository/build/$preset" && ctest --verbose --no-tests=error "$@") >"$log" 2>&1 || status=$?
  times+=("$(printf '%8s s  %s' "$(seconds_since "$start")" "$name")")
  sed -nE '/^ *[0-9]+\/[0-9]+ Test +#/p' "$log"
  local counts
  counts=$(python3 scripts/count_tests.py "$log")
  say "$name: $counts"
  local step_passed=${counts%% passed*} step_failed=${counts#*, }
  step_failed=${step_failed%% failed*}
  if [[ $status -ne 0 ]]; then
    grep -E '^[0-9]+: (.*(FAIL|Failure|ERROR|Error|error:|Traceback).*)$' "$log" | head -n 200 || true
    say "the whole log: $log"
    [[ $step_failed -gt 0 ]] || step_failed=1
  fi
  passed=$((passed + step_passed)) failed=$((failed + step_failed))
}

install_packages "${build_packages[@]}" "${source_packages[@]}" "${test_packages[@]}"
mkdir -p build

step "release build, gcc" build_preset release "${release_targets[@]}"
if [[ -n $long ]]; then
  tests "unit tests" release -L unit
else
  tests "unit tests" release -R "$(rooms bench "${grpc_rooms[@]}")"
fi
# Many of these run alone, and mostly wait.
say "sanitizer build (address, undefined): started beside the end-to-end tests"
build_beside asan "${asan_targets[@]}"
tests "end-to-end tests" release -L e2e -j "$(nproc)"
[[ -z $long ]] || tests "long end-to-end tests" release -L long -j "$(nproc)"
step "sanitizer build (address, undefined): what was left of it" await_build
if [[ -n $long ]]; then
  tests "unit tests, address and undefined-behaviour sanitizers" asan -L unit
else
  tests "unit tests, address and undefined-behaviour sanitizers" asan -R "$(rooms "${sanitized[@]}")"
fi
if [[ -n $long ]]; then
  step "debug build, clang" build_preset clang
  tests "unit tests of the clang build" clang -L unit
  step "sanitizer build (thread)" build_preset tsan
  tests "unit tests, thread sanitizer" tsan -L unit
  step "fuzz programs, a minute each" scripts/fuzz.sh 60
fi

echo
say "times:"
printf '%s\n' "${times[@]}"
echo
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]] || exit 1
