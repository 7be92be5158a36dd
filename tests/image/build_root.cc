// Makes a root of layers, for the suites: build_root [option...] <output> <layer...>
//
//   --agent=PATH --gzip --level=N --entries=N --bytes=N --tar-bytes=N --path-bytes=N
//   --metadata-bytes=N --xattr-bytes=N --expansion=N    as in image/root_builder.h
//   --diff-id                        the first layer's next word is its diff id, and so on
//   --digest=DIGEST                  what the last layer's is said to be, whatever it is
//
// Prints the status, if it isn't OK, and how much memory was needed: "peak KiB: N".

#include <charconv>
#include <cstdio>
#include <fstream>

#include "base/file_system.h"
#include "image/oci_digest.h"
#include "image/root_builder.h"

namespace {

hpcc::RootOptions options;
std::string false_digest;

bool TakeOption(std::string_view word) {
  const size_t equals = word.find('=');
  const std::string_view name = word.substr(0, equals);
  const std::string_view value = equals == word.npos ? "" : word.substr(equals + 1);
  if (name == "--agent") {
    options.agent_path = value;
    return true;
  }
  if (name == "--digest") {
    false_digest = value;
    return true;
  }
  if (name == "--gzip") {
    options.compression = hpcc::RootCompression::kGzip;
    return true;
  }
  uint64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  hpcc::RootLimits& limits = options.limits;
  if (name == "--level") return options.level = static_cast<int>(number), true;
  if (name == "--entries") return limits.entries = number, true;
  if (name == "--bytes") return limits.bytes = number, true;
  if (name == "--tar-bytes") return limits.tar_bytes = number, true;
  if (name == "--metadata-bytes") return limits.metadata_bytes = number, true;
  if (name == "--path-bytes") return limits.path_bytes = number, true;
  if (name == "--xattr-bytes") return limits.xattr_bytes = number, true;
  if (name == "--expansion") return limits.expansion = number, true;
  return false;
}

std::string DigestOfFile(const std::string& path) {
  const auto file = hpcc::FileSystem::Real().OpenForReading(path);
  hpcc::OciHasher hasher;
  for (uint64_t at = 0; file.ok();) {
    const auto part = (*file)->ReadAt(at, 1 << 20);
    if (!part.ok() || part->empty()) break;
    hasher.Add(*part);
    at += part->size();
  }
  return hasher.Finish();
}

// Of this program alone: getrusage() would also count what started it.
unsigned long long PeakKib() {
  std::ifstream status("/proc/self/status");
  unsigned long long peak = 0;
  for (std::string line; std::getline(status, line);) {
    if (sscanf(line.c_str(), "VmHWM: %llu", &peak) == 1) break;
  }
  return peak;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words;
  bool diff_ids = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--diff-id") {
      diff_ids = true;
    } else if (!word.starts_with("--")) {
      words.emplace_back(word);
    } else if (!TakeOption(word)) {
      fprintf(stderr, "build_root: %s: no such option\n", argv[i]);
      return 2;
    }
  }
  if (words.empty()) return 2;
  std::vector<hpcc::LayerBlob> layers;
  for (size_t i = 1; i < words.size(); ++i) {
    hpcc::LayerBlob layer{.path = words[i], .digest = DigestOfFile(words[i])};
    if (diff_ids && i + 1 < words.size()) layer.diff_id = words[++i];
    layers.push_back(layer);
  }
  if (!false_digest.empty() && !layers.empty()) layers.back().digest = false_digest;
  const absl::Status status = hpcc::BuildRoot(layers, options, hpcc::FileSystem::Real(), words[0]);
  if (!status.ok()) fprintf(stderr, "%s\n", status.ToString().c_str());
  printf("peak KiB: %llu\n", PeakKib());
  return status.ok() ? 0 : 1;
}
