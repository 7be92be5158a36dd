#include "compiler/manifest.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr uint8_t kVersion = 1;

absl::Status Refused(std::string_view path, std::string_view rule) {
  return absl::InvalidArgumentError(
      StrCat("manifest: ", path.substr(0, 200).empty() ? "\"\"" : path.substr(0, 200), ": ", rule));
}

}  // namespace

absl::Status CheckManifestPath(std::string_view path) {
  if (path.size() > kMaxManifestPathBytes) return Refused(path, "the path is too long");
  if (path.find('\0') != std::string_view::npos) return Refused("", "a path with a NUL");
  if (path.size() < 2 || path.front() != '/') return Refused(path, "the path is not absolute");
  for (size_t start = 1; start <= path.size();) {
    const size_t end = std::min(path.find('/', start), path.size());
    const std::string_view part = path.substr(start, end - start);
    if (part.empty() || part == "." || part == "..") return Refused(path, "the path is not normal");
    start = end + 1;
  }
  return absl::OkStatus();
}

absl::Status CheckManifest(const SourceManifest& manifest) {
  if (manifest.entries.size() > kMaxManifestEntries) {
    return absl::InvalidArgumentError("manifest: too many entries");
  }
  // In bytewise order "/a", "/a.h", "/a/b": what lies below an entry doesn't follow it at once, so
  // every parent is looked up.
  std::vector<std::string_view> leaves;
  for (const ManifestEntry& entry : manifest.entries) {
    HPCC_RETURN_IF_ERROR(CheckManifestPath(entry.path));
    if (entry.kind == ManifestEntry::Kind::kLink) {
      const bool whole = !entry.target.empty() && entry.target.size() <= kMaxManifestPathBytes &&
                         entry.target.find('\0') == std::string::npos;
      if (!whole) return Refused(entry.path, "a link without a usable target");
    }
    if (entry.kind != ManifestEntry::Kind::kDirectory) leaves.push_back(entry.path);
  }
  std::sort(leaves.begin(), leaves.end());
  for (const ManifestEntry& entry : manifest.entries) {
    for (size_t slash = entry.path.rfind('/'); slash != 0 && slash != std::string::npos;
         slash = entry.path.rfind('/', slash - 1)) {
      const std::string_view parent = std::string_view(entry.path).substr(0, slash);
      if (std::binary_search(leaves.begin(), leaves.end(), parent)) {
        return Refused(entry.path, "it lies below a file, a link or an absence");
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> EncodeManifest(SourceManifest manifest) {
  std::vector<ManifestEntry>& entries = manifest.entries;
  const auto by_path = [](const ManifestEntry& a, const ManifestEntry& b) {
    return a.path < b.path;
  };
  std::stable_sort(entries.begin(), entries.end(), by_path);
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  for (size_t i = 1; i < entries.size(); ++i) {
    if (entries[i - 1].path == entries[i].path) {
      return Refused(entries[i].path, "it stands there twice, differently");
    }
  }
  HPCC_RETURN_IF_ERROR(CheckManifest(manifest));

  ByteWriter writer;
  writer.Fixed8(kVersion);
  writer.Varint(entries.size());
  for (const ManifestEntry& entry : entries) {
    writer.String(entry.path);
    writer.Fixed8(static_cast<uint8_t>(entry.kind));
    switch (entry.kind) {
      case ManifestEntry::Kind::kFile:
      case ManifestEntry::Kind::kExecutable:
        writer.DigestBytes(entry.digest);
        break;
      case ManifestEntry::Kind::kLink:
        writer.String(entry.target);
        break;
      case ManifestEntry::Kind::kDirectory:
      case ManifestEntry::Kind::kAbsent:
        break;
    }
  }
  if (writer.size() > kMaxManifestBytes) {
    return absl::InvalidArgumentError("manifest: too large");
  }
  return writer.Take();
}

absl::StatusOr<SourceManifest> DecodeManifest(std::string_view bytes) {
  if (bytes.size() > kMaxManifestBytes) return absl::InvalidArgumentError("manifest: too large");
  ByteReader reader(bytes);
  if (reader.Fixed8() != kVersion) return absl::InvalidArgumentError("manifest: unknown version");
  const size_t count = reader.Count(3);
  if (count > kMaxManifestEntries) {
    return absl::InvalidArgumentError("manifest: too many entries");
  }
  SourceManifest manifest;
  manifest.entries.reserve(count);
  for (size_t i = 0; i < count && reader.ok(); ++i) {
    ManifestEntry entry;
    entry.path = reader.String();
    const uint8_t kind = reader.Fixed8();
    if (kind > static_cast<uint8_t>(ManifestEntry::Kind::kAbsent)) {
      return Refused(entry.path, "unknown kind of entry");
    }
    entry.kind = static_cast<ManifestEntry::Kind>(kind);
    if (entry.kind == ManifestEntry::Kind::kLink) {
      entry.target = reader.String();
    } else if (entry.kind == ManifestEntry::Kind::kFile ||
               entry.kind == ManifestEntry::Kind::kExecutable) {
      entry.digest = reader.DigestBytes();
    }
    if (!manifest.entries.empty() && entry.path <= manifest.entries.back().path) {
      return Refused(entry.path, "the entries are not in order");
    }
    manifest.entries.push_back(std::move(entry));
  }
  if (!reader.ok() || !reader.at_end()) {
    return absl::InvalidArgumentError("manifest: cut short, or with something behind it");
  }
  HPCC_RETURN_IF_ERROR(CheckManifest(manifest));
  return manifest;
}

Digest ManifestDigest(std::string_view encoded) {
  return Hasher("hpcc.manifest.v1").Field(encoded).Finish();
}

}  // namespace hpcc
