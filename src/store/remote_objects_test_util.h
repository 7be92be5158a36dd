#ifndef HPCC_STORE_REMOTE_OBJECTS_TEST_UTIL_H_
#define HPCC_STORE_REMOTE_OBJECTS_TEST_UTIL_H_

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/strings.h"
#include "store/object_store.h"

namespace hpcc {

// Objects in memory, with times a test sets and failures it asks for.
class FakeObjectStore final : public ObjectStore {
 public:
  explicit FakeObjectStore(Clock& clock) : clock_(clock) {}

  // Called before every operation with its name ("get", "put", "exists", "remove", "refresh",
  // "list"); what it returns, when it is an error, is the answer.
  std::function<absl::Status(std::string_view operation)> before = [](std::string_view) {
    return absl::OkStatus();
  };
  size_t page_size = 1000;

  absl::StatusOr<Object> Get(std::string_view name) override {
    const absl::Status status = Count("get");
    if (!status.ok()) return status;
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(name);
    if (found == objects_.end()) return absl::NotFoundError("no such object");
    return found->second;
  }
  absl::Status Put(std::string_view name, std::string_view bytes) override {
    const absl::Status status = Count("put");
    if (status.ok()) Set(std::string(name), std::string(bytes), clock_.NowNanoseconds());
    return status;
  }
  absl::StatusOr<bool> Exists(std::string_view name) override {
    const absl::Status status = Count("exists");
    if (!status.ok()) return status;
    const std::lock_guard lock(mutex_);
    return objects_.find(name) != objects_.end();
  }
  absl::Status Remove(std::string_view name) override {
    const absl::Status status = Count("remove");
    const std::lock_guard lock(mutex_);
    if (status.ok()) objects_.erase(std::string(name));
    return status;
  }
  absl::Status RemoveMany(std::span<const std::string> names) override {
    const absl::Status status = Count("remove");
    const std::lock_guard lock(mutex_);
    for (const std::string& name : names) {
      if (status.ok()) objects_.erase(name);
    }
    return status;
  }
  absl::Status Refresh(std::string_view name) override {
    const absl::Status status = Count("refresh");
    const std::lock_guard lock(mutex_);
    if (status.ok()) objects_.find(name)->second.modified_ns = clock_.NowNanoseconds();
    return status;
  }
  absl::StatusOr<ListPage> List(std::string_view prefix, std::string_view continuation) override {
    const absl::Status status = Count("list");
    if (!status.ok()) return status;
    const std::lock_guard lock(mutex_);
    ListPage page;
    for (const auto& [name, object] : objects_) {
      if (!name.starts_with(prefix) || (!continuation.empty() && name <= continuation)) continue;
      if (page.objects.size() == page_size) {
        page.continuation = page.objects.back().name;
        break;
      }
      page.objects.push_back({name, object.bytes.size(), object.modified_ns});
    }
    return page;
  }
  absl::Status Check(std::string_view, bool) override { return Count("check"); }
  std::string Description() const override { return "fake://objects"; }

  void Set(const std::string& name, const std::string& bytes, int64_t modified_ns) {
    const std::lock_guard lock(mutex_);
    objects_[name] = {bytes, modified_ns};
  }
  std::map<std::string, Object, std::less<>> objects() const {
    const std::lock_guard lock(mutex_);
    return objects_;
  }
  int calls(const std::string& operation) const {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(operation);
    return found == calls_.end() ? 0 : found->second;
  }

 private:
  absl::Status Count(std::string_view operation) {
    {
      const std::lock_guard lock(mutex_);
      ++calls_[std::string(operation)];
    }
    return before(operation);
  }

  Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Object, std::less<>> objects_;
  std::map<std::string, int> calls_;
};

}  // namespace hpcc

#endif  // HPCC_STORE_REMOTE_OBJECTS_TEST_UTIL_H_
