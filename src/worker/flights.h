#ifndef HPCC_WORKER_FLIGHTS_H_
#define HPCC_WORKER_FLIGHTS_H_

// Compiles under way, by key: who comes with a key that is being compiled waits for that result
// instead of compiling it again. A key holds its tenant, so nobody waits for another tenant's.
// Nobody waits for more than two compiles: where both end without a result, all who waited for both
// compile at once, each for itself, so that a crowd never fails one after another.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "base/digest.h"

namespace hpcc {

// Thread-safe. T is copied to whoever waited.
template <typename T>
class Flights {
  struct Flight {
    bool done = false;
    std::optional<T> result;
  };

 public:
  // Who has one compiles. Gone without Land(): nobody gets anything, and whoever waits tries again.
  class Lead {
   public:
    Lead(Lead&& other) noexcept
        : flights_(std::exchange(other.flights_, nullptr)),
          key_(other.key_),
          flight_(std::move(other.flight_)) {}
    Lead& operator=(Lead&&) = delete;
    ~Lead() { Land(std::nullopt); }

    void Land(std::optional<T> result) {
      if (flights_ == nullptr) return;
      {
        const std::lock_guard lock(flights_->mutex_);
        flight_->done = true;
        flight_->result = std::move(result);
        flights_->under_way_.erase(key_);
      }
      flights_->landed_.notify_all();
      flights_ = nullptr;
    }

   private:
    friend class Flights;
    Lead(Flights* flights, const Digest& key, std::shared_ptr<Flight> flight)
        : flights_(flights), key_(key), flight_(std::move(flight)) {}
    Flights* flights_;
    Digest key_;
    std::shared_ptr<Flight> flight_;
  };

  // One of the two is set, or none: `cancelled` said so.
  struct Boarding {
    std::optional<Lead> lead;
    std::optional<T> result;
  };

  // Waits while another compiles `key`; asks `cancelled` meanwhile.
  Boarding Board(const Digest& key, const std::function<bool()>& cancelled) {
    std::unique_lock lock(mutex_);
    for (int waits = 0; waits < kMaxWaits; ++waits) {
      auto [place, is_new] = under_way_.try_emplace(key);
      if (is_new) {
        place->second = std::make_shared<Flight>();
        return {Lead(this, key, place->second), std::nullopt};
      }
      const std::shared_ptr<Flight> flight = place->second;
      while (!flight->done) {
        landed_.wait_for(lock, std::chrono::milliseconds(100));
        if (!flight->done && cancelled && cancelled()) return {};
      }
      if (flight->result) return {std::nullopt, flight->result};
    }
    return {Lead(nullptr, key, nullptr), std::nullopt};  // that nobody knows of
  }

 private:
  static constexpr int kMaxWaits = 2;

  std::mutex mutex_;
  std::condition_variable landed_;
  absl::flat_hash_map<Digest, std::shared_ptr<Flight>> under_way_;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_FLIGHTS_H_
