#!/bin/bash
# Builds the kernel that hpcc's virtual machines boot, from Debian's linux-source-6.1 and
# deploy/guest/kernel.config, and prints the path of its vmlinux as the last line.
#
# usage: scripts/build-guest-kernel.sh [--output DIRECTORY] [--install-packages] [--path]
#
#   --output DIRECTORY   where kernels are kept; default: $XDG_CACHE_HOME/hpcc-guest. A kernel is
#                        named by the digest of its configuration, its source's version, the
#                        compiler and this script, so that it is built once per change.
#   --install-packages   first installs what is missing of the packages it needs (as root)
#   --path               prints where the kernel is or would be, and builds nothing
#
# Takes some four minutes on two cores, and 2 GB below DIRECTORY while it runs. CC and
# MAKEFLAGS are handed to make: CC="hpcc wrap gcc" makes a second build short.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
fail_loudly

source_archive=/usr/src/linux-source-6.1.tar.xz
configuration="$repository/deploy/guest/kernel.config"
output="${XDG_CACHE_HOME:-$HOME/.cache}/hpcc-guest"
install=no
only_path=no
while [[ $# -gt 0 ]]; do
  case "$1" in
    --output) [[ $# -ge 2 ]] || die "--output needs a directory"; output=$2; shift 2 ;;
    --install-packages) install=yes; shift ;;
    --path) only_path=yes; shift ;;
    -h|--help) sed -n '2,/^set -e/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) die "unknown argument $1 (see --help)" ;;
  esac
done

[[ $install == no ]] || install_packages "${guest_kernel_packages[@]}" >&2
[[ -e $source_archive ]] ||
    die "$source_archive is missing: install ${guest_kernel_packages[*]} (--install-packages does)"

key=$({
  dpkg-query -W -f '${Version}\n' linux-source-6.1
  "${HOSTCC:-gcc}" -dumpfullversion
  cat "$configuration" "${BASH_SOURCE[0]}"
} | sha256sum | cut -c 1-16)
kernel="$output/vmlinux-6.1-$key"
if [[ $only_path == yes || -e $kernel ]]; then
  printf '%s\n' "$kernel"
  exit 0
fi

# One build at a time, however many ask for it.
mkdir -p "$output"
exec 9>"$output/lock"
flock 9
if [[ ! -e $kernel ]]; then
  start=$(now)
  say "guest kernel: building $(basename "$kernel") (about 4 minutes on two cores)" >&2
  work=$(mktemp -d "$output/build.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  tar -xf "$source_archive" -C "$work"
  # Nothing of this machine or this moment goes into the kernel.
  export KBUILD_BUILD_USER=hpcc KBUILD_BUILD_HOST=hpcc KBUILD_BUILD_VERSION=1
  export KBUILD_BUILD_TIMESTAMP='1970-01-01 00:00:00 UTC'
  log="$output/build.log"
  build() {
    make -C "$work/linux-source-6.1" O="$work/build" ARCH=x86_64 ${CC:+CC="$CC"} \
        -j"$(nproc)" "$@" >>"$log" 2>&1 ||
        { tail -30 "$log" >&2; die "make $* failed; its messages are in $log"; }
  }
  : >"$log"
  build KCONFIG_ALLCONFIG="$configuration" allnoconfig
  # A line that no longer means anything to this version would be left out silently.
  while read -r line; do
    grep -qxF -- "$line" "$work/build/.config" ||
        die "$configuration: this kernel takes no '$line' (renamed, or something it needs is off)"
  done < <(grep '^CONFIG_' "$configuration")
  build vmlinux
  strip --strip-debug -o "$work/vmlinux" "$work/build/vmlinux"
  mv "$work/build/.config" "$kernel.config"
  chmod 644 "$work/vmlinux"
  mv "$work/vmlinux" "$kernel"
  say "guest kernel: built in $(seconds_since "$start") s," \
      "$(($(stat -c %s "$kernel") / 1000000)) MB" >&2
fi
printf '%s\n' "$kernel"
