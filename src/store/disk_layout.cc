#include "store/disk_layout.h"

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

std::string_view ShardName(int shard, char (&name)[2]) {
  constexpr char kDigits[] = "0123456789abcdef";
  name[0] = kDigits[shard >> 4];
  name[1] = kDigits[shard & 15];
  return {name, 2};
}

}  // namespace

std::string DiskLayout::NamespaceDirectory(StoreNamespace ns) const {
  return StrCat(root, "/", StoreNamespaceName(ns));
}

std::string DiskLayout::ShardDirectory(StoreNamespace ns, int shard) const {
  char name[2];
  return StrCat(root, "/", StoreNamespaceName(ns), "/", ShardName(shard, name));
}

std::string DiskLayout::ValuePath(const StoreKey& key) const {
  const std::string hex = key.digest.ToHex();
  return StrCat(root, "/", StoreNamespaceName(key.ns), "/", std::string_view(hex).substr(0, 2), "/",
                hex);
}

std::string DiskLayout::TemporaryDirectory() const {
  return StrCat(root, "/tmp");
}

std::string DiskLayout::TemporaryPath() const {
  return TemporaryNameBeside(StrCat(root, "/tmp/value"));
}

std::string DiskLayout::UsagePath() const {
  return StrCat(root, "/usage");
}

std::string DiskLayout::EvictionLockPath() const {
  return StrCat(root, "/evict.lock");
}

absl::StatusOr<std::vector<StoreKey>> ListShardDirectory(FileSystem& fs, const DiskLayout& layout,
                                                         StoreNamespace ns, int shard) {
  std::vector<StoreKey> keys;
  const absl::StatusOr<std::vector<std::string>> names = fs.List(layout.ShardDirectory(ns, shard));
  if (absl::IsNotFound(names.status())) return keys;
  HPCC_RETURN_IF_ERROR(names.status());
  keys.reserve(names->size());
  for (const std::string& name : *names) {
    const std::optional<Digest> digest = Digest::FromHex(name);
    // Upper-case digits or another shard's digest: no Get() would ever find it here.
    if (!digest || ShardOf(*digest) != shard || digest->ToHex() != name) continue;
    keys.push_back({ns, *digest});
  }
  return keys;
}

absl::StatusOr<std::vector<StoredFile>> ScanShard(FileSystem& fs, const DiskLayout& layout,
                                                  int shard) {
  std::vector<StoredFile> files;
  for (int i = 0; i < kStoreNamespaceCount; ++i) {
    HPCC_ASSIGN_OR_RETURN(const std::vector<StoreKey> keys,
                          ListShardDirectory(fs, layout, static_cast<StoreNamespace>(i), shard));
    for (const StoreKey& key : keys) {
      FileStat stat;
      const std::string path = layout.ValuePath(key);
      // Gone since it was listed, most likely; what can't be looked at can't be evicted either.
      if (fs.Stat(path.c_str(), /*follow_symlinks=*/false, &stat) != 0 || !stat.is_regular()) {
        continue;
      }
      files.push_back({key, AllocatedBytes(stat.size), stat.modified_ns});
    }
  }
  return files;
}

}  // namespace hpcc
