# shellcheck shell=bash
# Functions the scripts share. Sourced, never run. The caller has set -euo pipefail.

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# The packages of each purpose, one list each: nothing else in scripts/ names a package to install.
build_packages=(
  g++-12 g++ cmake ninja-build pkg-config
  libabsl-dev libzstd-dev librust-blake3-dev libtomlplusplus-dev nlohmann-json3-dev
  libcli11-dev libfmt-dev libgtest-dev libgmock-dev libprotobuf-dev protobuf-compiler
  libcurl4-openssl-dev libssl-dev libtinyxml2-dev
  libgrpc++-dev protobuf-compiler-grpc libsqlite3-dev libseccomp-dev libmicrohttpd-dev
  zlib1g-dev
)
# To fetch and build a Debian source package.
source_packages=(ca-certificates debian-archive-keyring dpkg-dev make)
# clang-14 is the second compiler everything is tested with; clang-tools-14 holds clang-cl; ccache
# and distcc are wrappers to stand in a chain with; tcl makes SQLite's amalgamation; libclang-rt is
# what the sanitizers of clang need; procps and strace are what the tests look at processes with.
# radosgw with its two daemons is a real S3 server and nginx a real WebDAV server, both on loopback
# and from temporary directories; openssl makes their certificates; curl asks them as anybody would;
# python3-grpcio speaks to schedulers and workers as no client of ours would, and python3-protobuf
# reads in proto/ what there is to say. glewlwyd is a real identity provider (with SQLite, or its
# package brings MySQL); rnbyc makes its keys. docker-registry is a real registry of images, and skopeo
# reads and writes them as others do; systemd runs the daemon's units.
test_packages=(
  python3 clang-14 clang-tools-14 clang-format-14 libclang-rt-14-dev lld-14 bash-completion zsh
  man-db ccache distcc tcl strace systemd
  radosgw ceph-mon ceph-osd nginx openssl curl python3-grpcio python3-protobuf
  glewlwyd dbconfig-sqlite3 rnbyc sqlite3 squashfs-tools docker-registry skopeo
)
# To build the kernel of hpcc's virtual machines (scripts/build-guest-kernel.sh).
guest_kernel_packages=(linux-source-6.1 gcc make bc flex bison libelf-dev xz-utils)
# A hypervisor, and what makes a root file system from Debian's packages for its tests.
vm_packages=(qemu-system-x86 squashfs-tools)
test_packages+=("${guest_kernel_packages[@]}" "${vm_packages[@]}")
# What bench/ compares hpcc with and no test needs; installed by hand.
bench_packages=(ccache sccache)

say() { printf '==> %s\n' "$*"; }

die() {
  printf '%s: error: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# Makes any failing command end the script with the place it failed at.
fail_loudly() {
  set -E
  trap 'status=$?; printf "%s: line %s failed with status %s: %s\n" \
      "$(basename "$0")" "$LINENO" "$status" "$BASH_COMMAND" >&2; exit "$status"' ERR
}

# install_packages <package...>: installs those that are missing, and nothing they only recommend.
# No service is started by an installation.
install_packages() {
  local missing=() package
  for package in "$@"; do
    if [[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" != installed ]]
    then
      missing+=("$package")
    fi
  done
  if [[ ${#missing[@]} -eq 0 ]]; then
    say "packages: all ${#} are installed"
    return
  fi
  [[ $EUID -eq 0 ]] || die "these packages are missing and only root can install them: ${missing[*]}"
  say "packages: installing ${missing[*]}"
  local policy=/usr/sbin/policy-rc.d own_policy=
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    own_policy=$policy
  fi
  local status=0
  {
    apt_get update && apt_get install --yes --no-install-recommends "${missing[@]}"
  } || status=$?
  [[ -z $own_policy ]] || rm -f "$own_policy"
  [[ $status -eq 0 ]] || die "apt-get failed (status $status); its messages are above"
}

# Waits for another apt on the machine instead of failing, asks nothing, and is quiet when all is well.
apt_get() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 \
      -o APT::Get::List-Cleanup=false -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# Seconds since the epoch with three decimals, and the difference of two such.
now() { printf '%s' "${EPOCHREALTIME:0:-3}"; }
seconds_since() {
  local start_ms=${1/[.,]/} end
  end=$(now)
  local span=$(( ${end/[.,]/} - start_ms ))
  printf '%d.%01d' $((span / 1000)) $((span % 1000 / 100))
}

# build_preset <preset> [target...]: configures and builds below build/<preset>.
build_preset() {
  local preset=$1
  shift
  (
    cd "$repository"
    cmake --preset "$preset" -Wno-dev >"$repository/build-$preset.log" 2>&1 || {
      cat "$repository/build-$preset.log" >&2
      die "cmake --preset $preset failed"
    }
    rm -f "$repository/build-$preset.log"
    cmake --build --preset "$preset" ${1:+--target "$@"}
  )
}
