#include "base/mounted_file_system.h"

#include <sys/statfs.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstdio>
#include <string_view>

#include "base/status.h"

namespace hpcc {

namespace {

enum class Place { kLocal, kNetwork, kMemory };

struct KnownType {
  uint32_t magic;  // as in <linux/magic.h>, and in the sources of those that aren't listed there
  std::string_view name;
  Place place;
};

constexpr KnownType kKnownTypes[] = {
    {0x0000ef53, "ext4", Place::kLocal},      {0x58465342, "xfs", Place::kLocal},
    {0x9123683e, "btrfs", Place::kLocal},     {0x2fc12fc1, "zfs", Place::kLocal},
    {0xf2f52010, "f2fs", Place::kLocal},      {0xca451a4e, "bcachefs", Place::kLocal},
    {0x794c7630, "overlay", Place::kLocal},   {0x73717368, "squashfs", Place::kLocal},
    {0x00004d44, "vfat", Place::kLocal},      {0x2011bab0, "exfat", Place::kLocal},
    {0x7366746e, "ntfs", Place::kLocal},      {0x01021994, "tmpfs", Place::kMemory},
    {0x858458f6, "ramfs", Place::kMemory},    {0x00006969, "nfs", Place::kNetwork},
    {0xff534d42, "cifs", Place::kNetwork},    {0xfe534d42, "smb2", Place::kNetwork},
    {0x65735546, "fuse", Place::kNetwork},    {0x01021997, "9p", Place::kNetwork},
    {0x00c36400, "ceph", Place::kNetwork},    {0x47504653, "gpfs", Place::kNetwork},
    {0x0bd00bd0, "lustre", Place::kNetwork},  {0x5346414f, "afs", Place::kNetwork},
    {0x6a656a63, "virtiofs", Place::kNetwork}};

}  // namespace

absl::StatusOr<MountedFileSystem> DescribeFileSystem(const std::string& path) {
  struct statfs stat {};
  if (statfs(path.c_str(), &stat) != 0) return ErrnoStatus(errno, "statfs", path);
  MountedFileSystem mounted;
  const auto block = static_cast<uint64_t>(stat.f_bsize);
  mounted.free_bytes = stat.f_bavail * block;
  mounted.total_bytes = stat.f_blocks * block;
  mounted.read_only = (stat.f_flags & ST_RDONLY) != 0;
  const auto magic = static_cast<uint32_t>(stat.f_type);
  for (const KnownType& known : kKnownTypes) {
    if (known.magic != magic) continue;
    mounted.type = std::string(known.name);
    mounted.is_network = known.place == Place::kNetwork;
    mounted.is_memory = known.place == Place::kMemory;
    return mounted;
  }
  char hex[16];
  std::snprintf(hex, sizeof(hex), "0x%08x", magic);
  mounted.type = hex;
  return mounted;
}

}  // namespace hpcc
