#include "image/root_catalog.h"

#include <algorithm>
#include <set>

#include "auth/strict_json.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::chrono::milliseconds kLockBound{30'000};
constexpr size_t kMaxEntryBytes = 4 << 10;
constexpr uint64_t kMaxAgentBytes = 256 << 20;
constexpr int kFormat = 1;
constexpr std::string_view kRoot = ".squashfs";
constexpr std::string_view kEntry = ".json";
constexpr std::string_view kBuilding = ".building";
constexpr std::string_view kUse = ".use";
constexpr std::string_view kLockName = "catalog.lock";

std::string EntryText(std::string_view image, const Digest& agent, uint64_t bytes) {
  return JsonDocument({{"format", kFormat},
                       {"image", std::string(image)},
                       {"agent", agent.ToHex()},
                       {"bytes", bytes}});
}

}  // namespace

RootCatalog::RootCatalog(FileSystem& fs, Clock& clock, ImageStore& store,
                         RootCatalogOptions options, RootBuilder builder)
    : fs_(fs),
      clock_(clock),
      store_(store),
      options_(std::move(options)),
      builder_(std::move(builder)),
      directory_(path::Join(store.directory(), "roots")) {}

absl::StatusOr<std::unique_ptr<RootCatalog>> RootCatalog::Open(FileSystem& fs, Clock& clock,
                                                               ImageStore& store,
                                                               RootCatalogOptions options,
                                                               RootBuilder builder) {
  auto catalog = std::unique_ptr<RootCatalog>(
      new RootCatalog(fs, clock, store, std::move(options), std::move(builder)));
  HPCC_RETURN_IF_ERROR(MakeDirectories(fs, catalog->directory_));
  return catalog;
}

std::string RootCatalog::PathOf(std::string_view key, std::string_view extension) const {
  return path::Join(directory_, StrCat(key, extension));
}

absl::StatusOr<std::unique_ptr<File>> RootCatalog::Lock() {
  return WaitForLock(fs_, clock_, path::Join(directory_, kLockName), kLockBound);
}

absl::StatusOr<RootCatalog::Key> RootCatalog::MakeKey(std::string_view image_digest) const {
  HPCC_RETURN_IF_ERROR(CheckOciDigest(image_digest));
  const absl::StatusOr<std::string> agent = ReadFile(fs_, options_.agent_path, kMaxAgentBytes);
  if (!agent.ok()) {
    return absl::Status(agent.status().code(), StrCat("the agent that belongs into every root: ",
                                                      std::string(agent.status().message())));
  }
  const Digest agent_digest = Digest::Of(*agent);
  const Digest key = Hasher("hpcc.root-key.v1").Field(image_digest).Field(agent_digest).Finish();
  return Key{key.ToHex(), std::string(image_digest), agent_digest};
}

absl::StatusOr<RootEntry> RootCatalog::ReadEntryLocked(std::string_view key) {
  const std::string path = PathOf(key, kEntry);
  HPCC_ASSIGN_OR_RETURN(const std::string text, ReadFile(fs_, path, kMaxEntryBytes));
  HPCC_ASSIGN_OR_RETURN(const nlohmann::json json, ReadJsonObject(text, path));
  RootEntry entry{JsonText(json, "image"), JsonText(json, "agent"), PathOf(key, kRoot)};
  const auto bytes = json.find("bytes");
  const auto format = json.find("format");
  if (format == json.end() || *format != kFormat || bytes == json.end() ||
      !bytes->is_number_unsigned() || !IsOciDigest(entry.image_digest)) {
    return absl::DataLossError(StrCat(path, ": is no entry of a root"));
  }
  entry.bytes = bytes->get<uint64_t>();
  HPCC_ASSIGN_OR_RETURN(const FileStat root, StatFile(fs_, entry.path));
  if (!root.is_regular() || root.size != entry.bytes) {
    return absl::DataLossError(
        StrCat(entry.path, ": has ", root.size, " bytes, not ", entry.bytes));
  }
  HPCC_ASSIGN_OR_RETURN(const FileStat stat, StatFile(fs_, path));
  entry.last_used_ns = stat.modified_ns;
  return entry;
}

absl::StatusOr<RootInUse> RootCatalog::TakeLocked(const Key& key) {
  HPCC_ASSIGN_OR_RETURN(const RootEntry entry, ReadEntryLocked(key.name));
  if (entry.image_digest != key.image_digest || entry.agent_digest != key.agent_digest.ToHex()) {
    return absl::DataLossError(StrCat(entry.path, ": is the root of something else"));
  }
  RootInUse root{entry.path, key.image_digest, key.agent_digest, entry.bytes};
  HPCC_ASSIGN_OR_RETURN(root.hold, Hold::Take(fs_, directory_, StrCat(key.name, kUse)));
  // Only the order of eviction depends on it.
  fs_.SetModified(PathOf(key.name, kEntry), clock_.NowNanoseconds()).IgnoreError();
  return root;
}

absl::StatusOr<RootInUse> RootCatalog::Take(const Key& key) {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> lock, Lock());
  return TakeLocked(key);
}

absl::StatusOr<RootInUse> RootCatalog::Acquire(std::string_view image_digest) {
  HPCC_ASSIGN_OR_RETURN(const Key key, MakeKey(image_digest));
  absl::StatusOr<RootInUse> root = Take(key);
  if (root.ok()) return root;
  // NotFound and DataLoss: there is none, or none that is whole.
  if (!absl::IsNotFound(root.status()) && !absl::IsDataLoss(root.status()) &&
      !absl::IsInvalidArgument(root.status())) {
    return root;
  }
  root = Build(key);
  if (root.ok() && root->built) Trim().status().IgnoreError();
  return root;
}

absl::StatusOr<RootInUse> RootCatalog::Build(const Key& key) {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> building,
                        WaitForLock(fs_, clock_, PathOf(key.name, kBuilding), options_.patience));
  // Another may have built it while this one waited.
  if (absl::StatusOr<RootInUse> root = Take(key); root.ok()) return root;
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<Hold> blobs, store_.HoldBlobs());
  HPCC_ASSIGN_OR_RETURN(const std::vector<LayerBlob> layers, store_.Layers(key.image_digest));
  const std::string aside = TemporaryNameBeside(PathOf(key.name, kRoot));
  absl::Status status = builder_(layers, aside);
  if (status.ok()) {
    absl::StatusOr<RootInUse> root = Publish(key, aside);
    if (root.ok()) return root;
    status = root.status();
  } else {
    status = RemoveDamaged(layers, status);
  }
  fs_.Remove(aside).IgnoreError();
  return status;
}

// No root could be made of `layers`. A damaged one breaks any rule, long before it is read to its
// end and its digest is known: where that may be the reason, all are looked at, and what is damaged
// is removed.
absl::Status RootCatalog::RemoveDamaged(const std::vector<LayerBlob>& layers,
                                        const absl::Status& failure) const {
  if (!absl::IsDataLoss(failure) && !absl::IsInvalidArgument(failure) &&
      !absl::IsFailedPrecondition(failure) && !absl::IsResourceExhausted(failure)) {
    return failure;
  }
  bool removed = false;
  for (const LayerBlob& layer : layers) {
    removed |= store_.RemoveIfDamaged(layer.digest).value_or(false);
  }
  if (!removed) return failure;
  return absl::DataLossError(
      StrCat("a layer was damaged, and is removed; hpcc image pull fetches it anew: ",
             std::string(failure.message())));
}

// Under one lock with the taking: else it might be evicted in between.
absl::StatusOr<RootInUse> RootCatalog::Publish(const Key& key, const std::string& built_path) {
  HPCC_ASSIGN_OR_RETURN(const FileStat stat, StatFile(fs_, built_path));
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> lock, Lock());
  // The old entry, if there is one, speaks of another file than the one that comes now.
  if (FileExists(fs_, PathOf(key.name, kEntry))) {
    HPCC_RETURN_IF_ERROR(fs_.Remove(PathOf(key.name, kEntry)));
  }
  HPCC_RETURN_IF_ERROR(fs_.Rename(built_path, PathOf(key.name, kRoot)));
  HPCC_RETURN_IF_ERROR(WriteFileAtomically(
      fs_, PathOf(key.name, kEntry), EntryText(key.image_digest, key.agent_digest, stat.size)));
  HPCC_ASSIGN_OR_RETURN(RootInUse root, TakeLocked(key));
  root.built = true;
  return root;
}

absl::Status RootCatalog::RemoveLocked(const std::string& key) {
  HPCC_RETURN_IF_ERROR(fs_.Remove(PathOf(key, kEntry)));
  return fs_.Remove(PathOf(key, kRoot));
}

// The keys of all entries. Removes what belongs to none, unless somebody is at work on it.
absl::StatusOr<std::vector<std::string>> RootCatalog::SweepLocked() {
  HPCC_ASSIGN_OR_RETURN(const std::vector<std::string> names, fs_.List(directory_));
  std::set<std::string> keys;
  for (const std::string& name : names) {
    if (name.size() == Digest::kHexSize + kEntry.size() && name.ends_with(kEntry)) {
      keys.insert(name.substr(0, Digest::kHexSize));
    }
  }
  std::set<std::string> being_built;
  for (const std::string& name : names) {
    if (!name.ends_with(kBuilding)) continue;
    const std::string path = path::Join(directory_, name);
    const absl::StatusOr<std::unique_ptr<File>> file = fs_.OpenForReading(path);
    if (absl::IsNotFound(file.status())) continue;
    // Whoever waits for this lock sees that its file is gone, and makes another.
    if (file.ok() && (*file)->TryLock().ok()) {
      fs_.Remove(path).IgnoreError();
    } else {
      being_built.insert(name.substr(0, name.size() - kBuilding.size()));
    }
  }
  for (const std::string& name : names) {
    const std::string key = name.substr(0, Digest::kHexSize);
    const bool is_root = name.substr(key.size()).starts_with(kRoot);
    const bool has_entry = keys.contains(key) && name == StrCat(key, kRoot);
    if (is_root && !has_entry && !being_built.contains(key)) {
      fs_.Remove(path::Join(directory_, name)).IgnoreError();
    }
  }
  return std::vector<std::string>(keys.begin(), keys.end());
}

absl::StatusOr<std::vector<std::pair<std::string, RootEntry>>> RootCatalog::EntriesLocked() {
  HPCC_ASSIGN_OR_RETURN(const std::vector<std::string> keys, SweepLocked());
  std::vector<std::pair<std::string, RootEntry>> entries;
  for (const std::string& key : keys) {
    HPCC_ASSIGN_OR_RETURN(const bool in_use, IsHeld(fs_, directory_, StrCat(key, kUse)));
    absl::StatusOr<RootEntry> entry = ReadEntryLocked(key);
    if (!entry.ok()) {
      if (!in_use) RemoveLocked(key).IgnoreError();
      continue;
    }
    entry->in_use = in_use;
    entries.emplace_back(key, *std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return a.second.last_used_ns < b.second.last_used_ns;
  });
  return entries;
}

absl::StatusOr<uint64_t> RootCatalog::Trim() {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> lock, Lock());
  HPCC_ASSIGN_OR_RETURN(const auto entries, EntriesLocked());
  uint64_t total = 0;
  for (const auto& [key, entry] : entries) total += entry.bytes;
  const int64_t oldest = clock_.NowNanoseconds() - std::chrono::nanoseconds(options_.idle).count();
  uint64_t freed = 0;
  for (const auto& [key, entry] : entries) {
    const bool goes = entry.last_used_ns < oldest || total > options_.max_bytes;
    if (entry.in_use || !goes) continue;
    HPCC_RETURN_IF_ERROR(RemoveLocked(key));
    total -= entry.bytes;
    freed += entry.bytes;
  }
  return freed;
}

absl::StatusOr<std::vector<RootEntry>> RootCatalog::List() {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> lock, Lock());
  HPCC_ASSIGN_OR_RETURN(auto entries, EntriesLocked());
  std::vector<RootEntry> list;
  for (auto& [key, entry] : entries) list.push_back(std::move(entry));
  return list;
}

absl::StatusOr<uint64_t> RootCatalog::Remove(std::string_view image_digest) {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> lock, Lock());
  HPCC_ASSIGN_OR_RETURN(const auto entries, EntriesLocked());
  uint64_t freed = 0;
  for (const auto& [key, entry] : entries) {
    if (entry.image_digest != image_digest || entry.in_use) continue;
    HPCC_RETURN_IF_ERROR(RemoveLocked(key));
    freed += entry.bytes;
  }
  return freed;
}

}  // namespace hpcc
