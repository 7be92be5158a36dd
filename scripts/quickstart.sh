#!/bin/bash
# From a fresh Debian 12 to a cached build of a real program:
#
#   1. installs what hpcc is built with (as root),
#   2. builds hpcc (build/release/bin/hpcc),
#   3. builds Lua 5.4, from Debian's source package, three times in the same folder: plainly,
#      through a cold cache, through the now warm cache; and prints times and hits,
#   4. runs a development cluster (hpcc cluster dev) and builds Lua there: by a worker in a sandbox,
#      then, with nothing cached on this side, from the worker's cache; and prints the audit rows.
#
# The cache it uses is a temporary one: yours, and the machine's package sources, stay as they are.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
fail_loudly

say "hpcc quickstart"
install_packages "${build_packages[@]}" "${source_packages[@]}"

say "building hpcc (the first time takes some minutes)"
build_preset release hpcc hpcc-remote hpcc-cluster hpcc-scheduler hpcc-worker hpcc-agent \
    hpcc-audit
hpcc=$repository/build/release/bin/hpcc
[[ -x $hpcc ]] || die "the build did not make $hpcc"
"$hpcc" version

work=$(mktemp -d "${TMPDIR:-/tmp}/hpcc-quickstart.XXXXXX")
cluster=
clean_up() {
  if [[ -n $cluster ]]; then
    kill "$cluster" 2>/dev/null || true
    wait "$cluster" || true
  fi
  rm -rf "$work"
}
trap clean_up EXIT
export HPCC_CACHE_DIR=$work/cache
unset HPCC_DISABLE HPCC_READ_ONLY HPCC_MAX_SIZE HPCC_SOURCE_MODE

"$repository/scripts/fetch-source.sh" --upstream lua5.4 "$work/source"

# One counter of `hpcc stats --json`.
counter() { "$hpcc" stats --json | sed -nE "s/.*\"$1\": *([0-9]+).*/\1/p" | head -n 1; }

# build_lua <what> <compiler>: always in $work/lua, so that all three builds see the same paths.
build_lua() {
  local what=$1 compiler=$2 start
  rm -rf "$work/lua"
  cp -r "$work/source" "$work/lua"
  say "building Lua: $what"
  "$hpcc" stats --zero >/dev/null
  start=$(now)
  make -C "$work/lua/src" -j "$(nproc)" linux CC="$compiler" >"$work/make.log" 2>&1 || {
    cat "$work/make.log" >&2
    die "the $what build of Lua failed"
  }
  rows+=("$(printf '%-12s %8s s %8s %8s' "$what" "$(seconds_since "$start")" \
      "$(counter hits)" "$(counter misses)")")
  [[ "$("$work/lua/src/lua" -e 'print(6 * 7)')" == 42 ]] || die "the $what build's lua is broken"
  (cd "$work/lua/src" && sha256sum ./*.o lua luac) >"$work/$what.sums"
}

rows=()
build_lua plain "gcc -std=gnu99"
build_lua cold "$hpcc gcc -std=gnu99"
build_lua warm "$hpcc gcc -std=gnu99"
warm_misses=$(counter misses)

echo
printf '%-12s %10s %8s %8s\n' build time hits misses
printf '%s\n' "${rows[@]}"
echo
[[ $warm_misses -eq 0 ]] || die "the warm build missed $warm_misses times"
for what in cold warm; do
  diff "$work/plain.sums" "$work/$what.sums" >&2 || die "the $what build differs from the plain one"
done
say "every object and program of the three builds is the same, byte for byte"

say "starting a scheduler, a worker and an identity provider, for development only"
"$hpcc" cluster dev --dir "$work/cluster" >"$work/cluster.out" 2>"$work/cluster.err" &
cluster=$!
for ((i = 0; i < 600; ++i)); do
  grep -q ready "$work/cluster.out" && break
  kill -0 "$cluster" 2>/dev/null || break
  sleep 0.1
done
grep -q ready "$work/cluster.out" || {
  cat "$work/cluster.err" >&2
  die "the cluster did not start"
}
export HPCC_CONFIG=$work/cluster/client.toml
export HPCC_RUNTIME_DIR=$work/run
mkdir -m 700 "$HPCC_RUNTIME_DIR"

# The counters of `hpcc stats` for remote compiles.
remote_counter() { "$hpcc" stats --json | sed -n '/"remote_compiles"/,/}/p' | counter_of "$1"; }
counter_of() { sed -nE "s/.*\"$1\": *([0-9]+).*/\1/p" | head -n 1; }

# build_remotely <what>: with a local cache of its own, so that all has to come from the worker.
remote_rows=()
build_remotely() {
  HPCC_CACHE_DIR=$work/cache-$1
  build_lua "$1" "$hpcc gcc -std=gnu99"
  remote_rows+=("$(printf '%-12s %12s %14s %12s' "$1" "$(remote_counter compiled)" \
      "$(remote_counter hits)" "$(remote_counter fallbacks)")")
  diff "$work/plain.sums" "$work/$1.sums" >&2 || die "the $1 build differs from the plain one"
}
build_remotely remote
build_remotely remote-again

echo
printf '%-12s %12s %14s %12s\n' build "by a worker" "worker's cache" "here instead"
printf '%s\n' "${remote_rows[@]}"
echo
log=$work/cluster/worker/audit.db
say "the first and the last rows of the audit log"
"$hpcc" audit query --log "$log" >"$work/rows"
cut -c 1-150 "$work/rows" | sed -n '1,3p;$p'
say "is it whole?"
"$hpcc" audit verify --log "$log"
echo
say "objects and programs of all builds are the same, byte for byte"
say "use it: CC=\"$hpcc gcc\", or cmake -DCMAKE_C_COMPILER_LAUNCHER=$hpcc; README.md has more"
