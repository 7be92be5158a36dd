#!/bin/bash
# Fetches a Debian source package and unpacks it, without touching the machine's package sources.
#
#   scripts/fetch-source.sh [--upstream] <package> <directory>
#
# The package comes from the mirrors the machine already uses for Debian itself (deb.debian.org
# when it uses none), through an apt state of its own: own sources list, lists, caches. apt checks
# the archive's signature. With --upstream, Debian's patches are left out.
#
# What was fetched is kept in ${HPCC_TEST_SOURCES:-${XDG_CACHE_HOME:-~/.cache}/hpcc-test-sources}
# and not fetched again. <directory> must not exist yet. Two calls at once wait for each other.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
fail_loudly

skip_patches=()
if [[ ${1-} == --upstream ]]; then
  skip_patches=(--skip-patches)
  shift
fi
[[ $# -eq 2 ]] || die "usage: scripts/fetch-source.sh [--upstream] <package> <directory>"
package=$1 directory=$2
[[ ! -e $directory ]] || die "$directory exists; name a directory to be made"

store=${HPCC_TEST_SOURCES:-${XDG_CACHE_HOME:-$HOME/.cache}/hpcc-test-sources}
mkdir -p "$store"
store=$(cd "$store" && pwd)

# The machine's own Debian entries, as deb-src lines: "<uri> <suite> <components>". Reads both
# forms of sources file; an entry of another archive (no "debian" in its address, or a suite of
# another release) is left out.
debian_entries() {
  local codename
  codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:?}")
  {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
      sed -nE 's/^deb(-src)?[[:space:]]+(\[[^]]*\][[:space:]]+)?//p' || true
    cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '
      function flush(   u, s, i, j) {
        n = split(uris, u, " "); m = split(suites, s, " ")
        if (enabled != "no")
          for (i = 1; i <= n; i++) for (j = 1; j <= m; j++) print u[i], s[j], components
        uris = suites = components = enabled = ""
      }
      /^#/ { next }
      /^[[:space:]]*$/ { flush(); next }
      { key = tolower($1); value = $0; sub(/^[^:]*:[[:space:]]*/, "", value) }
      key == "uris:" { uris = value }
      key == "suites:" { suites = value }
      key == "components:" { components = value }
      key == "enabled:" { enabled = tolower(value) }
      END { flush() }' || true
  } | awk -v codename="$codename" '
      $1 ~ /debian/ && ($2 == codename || index($2, codename "-") == 1) && / main( |$)/ {
        print $1, $2, "main" }' | sort -u
}

private_apt() {
  local state=$1
  shift
  apt_get -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=- \
      -o Dir::State="$state/state" -o Dir::Cache="$state/cache" \
      -o Dir::State::status=/var/lib/dpkg/status -o APT::Sandbox::User=root \
      -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

fetch() {
  local target=$1 state entries
  rm -rf "$store"/.apt.*  # of a call that was cut off; the caller holds the lock
  state=$(mktemp -d "$store/.apt.XXXXXX")
  mkdir -p "$state/state/lists/partial" "$state/cache/archives/partial" "$state/files"
  entries=$(debian_entries)
  if [[ -z $entries ]]; then
    entries="http://deb.debian.org/debian $(. /etc/os-release && printf '%s' "$VERSION_CODENAME") main"
  fi
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  [[ -e $keyring ]] || die "$keyring is missing: apt-get install debian-archive-keyring"
  sed "s|^|deb-src [signed-by=$keyring] |" <<<"$entries" >"$state/sources.list"
  say "fetching the source of $package from: $(cut -d' ' -f1,2 <<<"$entries" | tr '\n' ';')"
  private_apt "$state" update
  (cd "$state/files" && private_apt "$state" source --download-only "$package")
  rm -rf "$target"
  mv "$state/files" "$target"  # whole or not at all: a cut-off download is never taken for done
  rm -rf "$state"
}

files=$store/$package
(
  flock 9
  compgen -G "$files/*.dsc" >/dev/null || fetch "$files"
) 9>"$store/.lock"

mkdir -p "$(dirname "$directory")"
dsc=$(compgen -G "$files/*.dsc")
say "unpacking $(basename "$dsc" .dsc) into $directory"
dpkg-source --no-check --no-copy ${skip_patches[@]+"${skip_patches[@]}"} -x "$dsc" "$directory" \
    >/dev/null 2>"$store/.unpack.$$" || {
  cat "$store/.unpack.$$" >&2
  rm -f "$store/.unpack.$$"
  die "dpkg-source could not unpack $dsc"
}
rm -f "$store/.unpack.$$"
