#!/bin/bash
# Builds the libFuzzer programs and runs each for a while. Asks nothing.
#
#   scripts/fuzz.sh [seconds]    of each program; 10 unless told
#
# A program starts from its seeds, if it has a <program>.seeds beside its source: inputs in hex, one
# a line, "#" in front of a comment. What was learnt stays in build/fuzz/corpus/<program>/ for the next time. An input that breaks a
# program is kept as build/fuzz/<program>-crash-… (or -timeout-…, -oom-…) and the script fails.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
fail_loudly

seconds=${1-10}
[[ $# -le 1 && $seconds =~ ^[1-9][0-9]*$ ]] || die "usage: scripts/fuzz.sh [seconds]"
exec </dev/null

install_packages "${build_packages[@]}" "${test_packages[@]}"
mkdir -p "$repository/build"
build_preset fuzz

# seed <program> <folder>: writes the program's seeds as files of the folder.
seed() {
  local line number=0
  for file in "$repository"/src/*/"$1".seeds; do
    [[ -e $file ]] || return 0
    while IFS= read -r line; do
      [[ $line == \#* ]] && continue
      number=$((number + 1))
      python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.argv[1]))' "$line" \
          >"$2/seed-$number"
    done <"$file"
  done
}

failed=()
for program in "$repository"/build/fuzz/fuzz/*_fuzz; do
  name=$(basename "$program")
  corpus=$repository/build/fuzz/corpus/$name
  log=$repository/build/fuzz/$name.log
  mkdir -p "$corpus"
  seed "$name" "$corpus"
  say "$name, for $seconds s"
  if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
      -artifact_prefix="$repository/build/fuzz/$name-" "$corpus" >"$log" 2>&1; then
    tail -n 1 "$log"
  else
    failed+=("$name")
    tail -n 40 "$log"
  fi
done
[[ ${#failed[@]} -eq 0 ]] || die "broken inputs were found for: ${failed[*]}"
