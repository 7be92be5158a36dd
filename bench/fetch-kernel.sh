#!/bin/bash
# Unpacks Linux 6.1 from Debian's package linux-source-6.1, and installs (as root) what building its
# tinyconfig needs.
#
#   bench/fetch-kernel.sh <directory>
#
# The package is downloaded from where the machine gets its packages, but not installed; it is kept
# in ${HPCC_TEST_SOURCES:-${XDG_CACHE_HOME:-~/.cache}/hpcc-test-sources} and not fetched again.
# <directory> must not exist yet.
set -euo pipefail
. "$(dirname "$0")/../scripts/lib.sh"
fail_loudly

[[ $# -eq 1 ]] || die "usage: bench/fetch-kernel.sh <directory>"
directory=$1 package=linux-source-6.1
[[ ! -e $directory ]] || die "$directory exists; name a directory to be made"
install_packages flex bison bc make gcc xz-utils

store=${HPCC_TEST_SOURCES:-${XDG_CACHE_HOME:-$HOME/.cache}/hpcc-test-sources}/$package
mkdir -p "$store"
(
  flock 9
  [[ -e $store/linux.tar.xz ]] && exit
  say "fetching $package"
  apt_get update
  download=$(mktemp -d "$store/.download.XXXXXX")
  cd "$download"
  apt_get -o APT::Sandbox::User=root download "$package"
  dpkg-deb --fsys-tarfile ./*.deb | tar -x --to-stdout ./usr/src/linux-source-6.1.tar.xz >linux.tar.xz
  mv linux.tar.xz ..  # whole or not at all
  rm -rf "$download"
) 9>"$store/.lock"

say "unpacking $package into $directory"
unpacked=$(mktemp -d "$directory.XXXXXX")
tar -xJf "$store/linux.tar.xz" -C "$unpacked" --strip-components=1
mv "$unpacked" "$directory"
