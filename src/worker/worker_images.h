#ifndef HPCC_WORKER_WORKER_IMAGES_H_
#define HPCC_WORKER_WORKER_IMAGES_H_

// The images of a worker, by the names that tokens have: which are ready, which are on their way,
// and which can't be had. Nobody waits here: who asks for an image that isn't ready yet is told so
// at once, and compiles elsewhere meanwhile.
//
// A name with a digest leads to one image for ever. A tag is looked up again when it is asked for
// some minutes after it was last; until that has an answer, it leads where it led.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "worker/image_supply.h"

namespace hpcc {

struct WorkerImagesOptions {
  uint64_t pulls = 2;                         // at once
  std::chrono::seconds remember_failure{60};  // then it is tried again, if it is asked for
  std::chrono::seconds tag_age{600};          // then a tag is looked up again, if it is asked for
};

// Images of a worker that are known at a time: of those beyond, the least recently used go.
inline constexpr size_t kMaxWorkerImages = 200;

// What begins the message of an error that is about the image, and not about the compile.
inline constexpr std::string_view kImageNotHere = "the image is not here: ";

// Thread-safe.
class WorkerImages {
 public:
  // What is in the supply is ready. `clock` outlives this.
  WorkerImages(std::unique_ptr<ImageSupply> supply, WorkerImagesOptions options, Clock& clock);
  // Ends what is under way, soon.
  ~WorkerImages();

  // The digest of the image that `name` leads to, if it is ready; else it is got. Errors begin with
  // kImageNotHere. ResourceExhausted, with a time to retry: it is being got. FailedPrecondition: it
  // can't be had, and why.
  absl::StatusOr<std::string> Find(const std::string& name);

  // For drivers. NotFound: no such image here.
  absl::StatusOr<PreparedRoot> Root(const std::string& digest);

  // Names that are ready, as they were asked for: what a scheduler is told.
  std::vector<std::string> Ready() const;

 private:
  struct Image {
    ImageReference reference;
    std::set<std::string> asked_as;  // names that lead here
    std::string digest;              // "": not ready
    absl::Status failure;            // of the last try
    bool under_way = false;          // waits for its turn, or is being got
    int64_t tried_ns = 0;            // when the last try ended
    int64_t asked_ns = 0;
  };

  absl::Status Admit();  // with the lock
  void Enqueue(const std::string& key, Image& image);
  bool IsDue(const Image& image) const;
  std::set<std::string> UnderWay() const;    // without it
  std::set<std::string> WithDigest() const;  // their digests; without it
  void Serve();
  void Get(const std::string& key, const ImageReference& reference);
  void ForgetUnprepared();

  const std::unique_ptr<ImageSupply> supply_;
  const WorkerImagesOptions options_;
  Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Image> images_;  // by ImageReference::ToString()
  std::deque<std::string> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_WORKER_IMAGES_H_
