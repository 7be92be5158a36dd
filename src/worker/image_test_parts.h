#ifndef HPCC_WORKER_IMAGE_TEST_PARTS_H_
#define HPCC_WORKER_IMAGE_TEST_PARTS_H_

// A supply of images that consist of names. Used by tests only.

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/strings.h"
#include "worker/image_supply.h"

namespace hpcc {

// What happens in it belongs to whoever made it, and outlives it.
struct FakeImages {
  std::mutex mutex;
  std::map<std::string, std::string> registry;  // name -> digest
  std::map<std::string, std::string> prepared;
  absl::Status failure;  // of every fetch
  std::atomic<int> fetches{0};
  std::atomic<int> under_way{0};
  std::atomic<int> most_under_way{0};
  std::atomic<bool> blocked{false};  // fetches wait until it is false, or they are told to end
  std::function<void()> after_look;  // called once what is prepared was looked up; may be empty

  std::string Add(const std::string& name) {
    const std::lock_guard lock(mutex);
    return registry[name] = StrCat("sha256:", Digest::Of(name).ToHex());
  }
};

class FakeImageSupply final : public ImageSupply {
 public:
  explicit FakeImageSupply(FakeImages& images) : images_(images) {}

  absl::Status Check(const ImageReference& reference) const override {
    if (reference.host == "allowed.example") return absl::OkStatus();
    return absl::PermissionDeniedError("nothing is taken from there");
  }
  absl::StatusOr<std::string> Fetch(const ImageReference& reference,
                                    const std::function<bool()>& go_on) override {
    ++images_.fetches;
    const int now = ++images_.under_way;
    if (now > images_.most_under_way) images_.most_under_way = now;
    while (images_.blocked && go_on()) Clock::Real().Sleep(std::chrono::milliseconds(1));
    --images_.under_way;
    const std::lock_guard lock(images_.mutex);
    if (!images_.failure.ok()) return images_.failure;
    const auto found = images_.registry.find(reference.ToString());
    if (found == images_.registry.end()) return absl::NotFoundError("the registry has none");
    images_.prepared[found->first] = found->second;
    return found->second;
  }
  absl::StatusOr<PreparedRoot> Root(const std::string& digest) override {
    const std::lock_guard lock(images_.mutex);
    for (const auto& [name, prepared] : images_.prepared) {
      if (prepared == digest) return PreparedRoot{.path = "/nowhere"};
    }
    return absl::NotFoundError("no such root");
  }
  absl::StatusOr<std::vector<StoredImage>> Prepared() override {
    std::unique_lock lock(images_.mutex);
    std::vector<StoredImage> images;
    for (const auto& [name, digest] : images_.prepared) images.push_back({name, digest});
    lock.unlock();
    if (images_.after_look) images_.after_look();
    return images;
  }
  absl::Status Sweep(const std::function<std::set<std::string>()>& busy) override {
    busy();
    return absl::OkStatus();
  }

 private:
  FakeImages& images_;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_IMAGE_TEST_PARTS_H_
