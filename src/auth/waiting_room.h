#ifndef HPCC_AUTH_WAITING_ROOM_H_
#define HPCC_AUTH_WAITING_ROOM_H_

// How many calls may wait for somebody else's server at the same time: in all, and for each such
// server. Each of them holds a thread; with many tenants at one server that has become slow, those
// calls would hold all the threads there are.

#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace hpcc {

// Thread-safe.
class WaitingRoom {
 public:
  // Given back when it goes. Empty: there was none left. Outlived by its room.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept
        : room_(std::exchange(other.room_, nullptr)), whom_(std::move(other.whom_)) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (room_ != nullptr) room_->Leave(whom_);
    }
    explicit operator bool() const { return room_ != nullptr; }

   private:
    friend class WaitingRoom;
    Place(WaitingRoom* room, std::string whom) : room_(room), whom_(std::move(whom)) {}

    WaitingRoom* room_ = nullptr;
    std::string whom_;
  };

  WaitingRoom(int for_each, int in_all) : for_each_(for_each), in_all_(in_all) {}

  // A place among those who wait for `whom`; never blocks.
  Place Enter(const std::string& whom) {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_for_.find(whom);
    const int here = found == waiting_for_.end() ? 0 : found->second;
    if (waiting_ >= in_all_ || here >= for_each_) return Place();
    waiting_for_[whom] = here + 1;
    ++waiting_;
    return Place(this, whom);
  }

 private:
  void Leave(const std::string& whom) {
    const std::lock_guard lock(mutex_);
    const auto found = waiting_for_.find(whom);
    if (--found->second == 0) waiting_for_.erase(found);
    --waiting_;
  }

  const int for_each_;
  const int in_all_;
  std::mutex mutex_;
  int waiting_ = 0;
  std::map<std::string, int> waiting_for_;  // none of them 0
};

}  // namespace hpcc

#endif  // HPCC_AUTH_WAITING_ROOM_H_
