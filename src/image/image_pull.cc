#include "image/image_pull.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

// An index may name further indexes, so deep at most.
constexpr int kMaxIndexDepth = 3;
// How often a blob is asked for in all, however much came each time.
constexpr int kMostAttempts = 100;
constexpr int kLongestPauseFactor = 30;

absl::Status Named(const absl::Status& status, const std::string& name) {
  if (status.ok()) return status;
  return absl::Status(status.code(), StrCat(name, ": ", std::string(status.message())));
}

absl::Status CheckDocument(const ImageSource& source, const ManifestDocument& document,
                           const std::string& digest, std::optional<uint64_t> size) {
  if (!size || *size == document.text.size()) {
    const std::string own = OciDigestOf(document.text);
    if (digest.empty() || own == digest) return absl::OkStatus();
    return absl::DataLossError(StrCat(source.Name(), "@", digest,
                                      ": the manifest is not what it is named after but ", own));
  }
  return absl::DataLossError(StrCat(source.Name(), "@", digest, ": the manifest has ",
                                    document.text.size(), " bytes, not ", *size));
}

// From what the name leads to, through indexes, to the manifest for the platform.
absl::StatusOr<ManifestDocument> ResolveManifest(ImageSource& source,
                                                 const ImageReference& reference,
                                                 const Platform& platform) {
  HPCC_ASSIGN_OR_RETURN(ManifestDocument document, source.TopManifest());
  HPCC_RETURN_IF_ERROR(CheckDocument(source, document, reference.digest, std::nullopt));
  for (int depth = 0; IsIndexType(document.media_type); ++depth) {
    if (depth == kMaxIndexDepth) {
      return absl::InvalidArgumentError(
          StrCat(source.Name(), ": more than ", kMaxIndexDepth, " indexes within each other"));
    }
    const absl::StatusOr<OciIndex> index = ParseOciIndex(document.text);
    if (!index.ok()) return Named(index.status(), source.Name());
    const absl::StatusOr<OciDescriptor> chosen = ChooseManifest(*index, platform);
    if (!chosen.ok()) return Named(chosen.status(), reference.ToString());
    HPCC_ASSIGN_OR_RETURN(document, source.Manifest(*chosen));
    HPCC_RETURN_IF_ERROR(CheckDocument(source, document, chosen->digest, chosen->size));
  }
  return document;
}

// Fetches blobs with a few threads until all are there or one can't be got.
class BlobFetch {
 public:
  BlobFetch(ImageSource& source, ImageStore& store, const PullOptions& options, Clock& clock)
      : source_(source), store_(store), options_(options), clock_(clock) {}

  // No blob twice.
  absl::Status Run(const std::vector<OciDescriptor>& blobs) {
    for (const OciDescriptor& blob : blobs) total_ += blob.size;
    std::vector<std::thread> threads;
    const size_t count = std::min(std::max<size_t>(options_.parallel, 1), blobs.size());
    for (size_t i = 0; i < count; ++i) {
      threads.emplace_back([this, &blobs] {
        while (!failed_) {
          const size_t number = next_++;
          if (number >= blobs.size()) return;
          if (absl::Status status = FetchBlob(blobs[number]); !status.ok()) Fail(std::move(status));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return status_;
  }

  uint64_t fetched_bytes() const { return fetched_; }

 private:
  void Fail(absl::Status status) {
    const std::lock_guard lock(mutex_);
    if (!failed_) status_ = std::move(status);
    failed_ = true;
  }

  void Progressed(uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    done_ += bytes;
    if (options_.progress) options_.progress(std::min(done_, total_), total_);
  }

  absl::Status FetchBlob(const OciDescriptor& blob) {
    HPCC_ASSIGN_OR_RETURN(const bool was_damaged, FetchOnce(blob));
    if (!was_damaged) return absl::OkStatus();
    // What an earlier process left may have been damaged since: once more, from the beginning.
    return FetchOnce(blob).status();
  }

  // True: it was taken up from an earlier process, and turned out to be damaged.
  absl::StatusOr<bool> FetchOnce(const OciDescriptor& blob) {
    HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<BlobWriter> writer,
                          store_.StartBlob(blob, options_.patience));
    if (writer == nullptr) {
      Progressed(blob.size);
      return false;
    }
    Progressed(writer->offset());
    const uint64_t before = writer->offset();
    HPCC_RETURN_IF_ERROR(ReadWhole(blob, *writer));
    fetched_ += writer->offset() - before;
    const absl::Status committed = writer->Commit();
    if (!absl::IsDataLoss(committed)) {
      HPCC_RETURN_IF_ERROR(committed);
      return false;
    }
    if (writer->resumed()) return true;
    return Named(committed, source_.Name());
  }

  absl::Status ReadWhole(const OciDescriptor& blob, BlobWriter& writer) {
    const BlobSink sink = [&](std::string_view piece) {
      if (failed_) return absl::CancelledError("another part of the image could not be got");
      HPCC_RETURN_IF_ERROR(writer.Write(piece));
      Progressed(piece.size());
      return absl::OkStatus();
    };
    int in_vain = 0;
    std::chrono::milliseconds pause = options_.first_pause;
    for (int attempt = 1; writer.offset() < blob.size; ++attempt) {
      const uint64_t before = writer.offset();
      absl::Status status = source_.ReadBlob(blob, before, sink);
      if (writer.offset() == blob.size) break;
      if (status.ok()) {
        status = absl::DataLossError(StrCat(source_.Name(), "@", blob.digest, ": ended after ",
                                            writer.offset(), " bytes of ", blob.size));
      }
      if (writer.offset() > before) {
        in_vain = 0;
        pause = options_.first_pause;
      }
      const bool may_help = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
                            absl::IsDataLoss(status);
      if (!may_help || failed_ || ++in_vain >= options_.attempts || attempt >= kMostAttempts) {
        return status;
      }
      clock_.Sleep(pause);
      pause = std::min(pause * 2, options_.first_pause * kLongestPauseFactor);
    }
    return absl::OkStatus();
  }

  ImageSource& source_;
  ImageStore& store_;
  const PullOptions& options_;
  Clock& clock_;
  uint64_t total_ = 0;
  std::atomic<size_t> next_{0};
  std::atomic<uint64_t> fetched_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  uint64_t done_ = 0;
  absl::Status status_;
};

std::vector<OciDescriptor> BlobsOf(const OciManifest& manifest) {
  std::vector<OciDescriptor> blobs;
  std::set<std::string> seen;
  for (const OciDescriptor& layer : manifest.layers) {
    if (seen.insert(layer.digest).second) blobs.push_back(layer);
  }
  // The largest first: the last to be ready is what everybody waits for.
  std::stable_sort(blobs.begin(), blobs.end(),
                   [](const OciDescriptor& a, const OciDescriptor& b) { return a.size > b.size; });
  return blobs;
}

// Fetches the configuration unless it is there. One that is there and damaged is found out by
// reading it, and fetched after all.
absl::StatusOr<OciConfig> FetchConfig(ImageSource& source, ImageStore& store,
                                      const OciManifest& manifest, const PullOptions& options,
                                      Clock& clock, uint64_t* fetched_bytes) {
  absl::StatusOr<OciConfig> config = absl::DataLossError("");
  for (int attempt = 0; attempt < 2 && absl::IsDataLoss(config.status()); ++attempt) {
    BlobFetch fetch(source, store, options, clock);
    HPCC_RETURN_IF_ERROR(fetch.Run({manifest.config}));
    *fetched_bytes += fetch.fetched_bytes();
    config = store.ReadConfig(manifest);
  }
  if (!config.ok()) return Named(config.status(), source.Name());
  return config;
}

absl::Status CheckPlatform(const OciConfig& config, const Platform& wanted) {
  const Platform& own = config.platform;
  if (own.os.empty() && own.architecture.empty()) return absl::OkStatus();
  if (Satisfies(own, wanted)) return absl::OkStatus();
  return absl::NotFoundError(
      StrCat("the image is for ", own.ToString(), ", not for ", wanted.ToString()));
}

}  // namespace

absl::StatusOr<PulledImage> PullImage(ImageSource& source, ImageStore& store,
                                      const ImageReference& reference, const PullOptions& options,
                                      Clock& clock) {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<Hold> hold, store.HoldBlobs());
  HPCC_ASSIGN_OR_RETURN(const ManifestDocument document,
                        ResolveManifest(source, reference, options.platform));
  const absl::StatusOr<OciManifest> manifest = ParseOciManifest(document.text);
  if (!manifest.ok()) return Named(manifest.status(), source.Name());
  if (manifest->bytes() > options.max_image_bytes) {
    return absl::ResourceExhaustedError(StrCat(source.Name(), ": the image has ", manifest->bytes(),
                                               " bytes; more than ", options.max_image_bytes,
                                               " are not fetched"));
  }
  // The configuration first: whether the image is of use at all costs one small blob to know.
  uint64_t config_bytes = 0;
  HPCC_ASSIGN_OR_RETURN(const OciConfig config,
                        FetchConfig(source, store, *manifest, options, clock, &config_bytes));
  HPCC_RETURN_IF_ERROR(Named(CheckPlatform(config, options.platform), reference.ToString()));

  BlobFetch layer_fetch(source, store, options, clock);
  HPCC_RETURN_IF_ERROR(layer_fetch.Run(BlobsOf(*manifest)));
  HPCC_RETURN_IF_ERROR(store.AddBlob(document.text));
  const Platform& own = config.platform;
  PulledImage pulled{{reference.ToString(), OciDigestOf(document.text),
                      own.os.empty() ? options.platform : own, manifest->bytes()},
                     config_bytes + layer_fetch.fetched_bytes()};
  HPCC_RETURN_IF_ERROR(store.AddImage(pulled.image));
  return pulled;
}

}  // namespace hpcc
