#ifndef HPCC_REMOTE_REMOTE_CLIENT_H_
#define HPCC_REMOTE_REMOTE_CLIENT_H_

// A remote cache as the wrapper, the daemon and the commands see it: asked through hpcc-remote,
// which is started when it isn't there.
//
// Nothing here can hold up a build. Every wait is bounded, and what a dead hpcc-remote costs is
// paid once, not for each file: who waited in vain leaves a mark, and nobody asks while it is there
// (remote_place.h). Nothing is printed: what keeps a cache from being used goes to the log and to
// the cache's notice (tier_statistics.h), once, by whoever leaves the mark.

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "base/socket.h"
#include "config/config.h"
#include "remote/remote_dialer.h"
#include "remote/remote_place.h"
#include "remote/remote_protocol.h"
#include "remote/tier_statistics.h"
#include "store/store.h"

namespace hpcc {

// While one of these lives, whoever waits for a remote cache in this thread calls `notice` every
// quarter of a second or so. For those who are themselves waited for.
class ScopedWaitNotice {
 public:
  explicit ScopedWaitNotice(std::function<void()> notice);
  ~ScopedWaitNotice();
  ScopedWaitNotice(const ScopedWaitNotice&) = delete;
  ScopedWaitNotice& operator=(const ScopedWaitNotice&) = delete;

 private:
  std::function<void()> notice_;
};

// Thread-safe; several threads are served at once.
//
// As a Store: values are sealed (VerifiedStore sits above). Get() has its answer within 2.5 s, and
// Unavailable without a wait while the cache is skipped. Put() is OK once hpcc-remote has taken the
// value, which it writes later. The other errors are those of RemoteObjects.
class RemoteClient final : public Store {
 public:
  // `fs` and `clock` outlive it. Touches nothing until the first call.
  RemoteClient(const CacheTier& tier, const Config& config, const Environment& environment,
               FileSystem& fs, Clock& clock);
  ~RemoteClient() override;

  absl::StatusOr<std::string> Get(const StoreKey& key) override;
  absl::Status Put(const StoreKey& key, std::string_view sealed) override;
  absl::Status Touch(const StoreKey& key) override;
  absl::Status Remove(const StoreKey& key) override;

  // Whoever knows that it will ask can say so first, and do something else meanwhile; neither
  // waits. Prepare: a program is started where there is none.
  void Prepare() { dialer_.Prepare(); }
  // Expect: `key` is asked for; the next Get() of it takes the answer.
  void Expect(const StoreKey& key);

  // For the commands, which walk a cache and wait for answers as long as these may take: nothing of
  // this is skipped because the cache fails at times. WalkGet is no use of the value.
  absl::StatusOr<std::string> WalkGet(const StoreKey& key);
  absl::StatusOr<bool> WalkExists(const StoreKey& key);
  absl::Status PutAndWait(const StoreKey& key, std::string_view sealed);
  struct Entry {
    Digest digest;
    uint64_t size = 0;  // bytes of the object
  };
  // All that is kept in `ns`, in order of digest. Unimplemented: this kind of cache can't tell.
  absl::StatusOr<std::vector<Entry>> List(StoreNamespace ns);
  // The start-up check: one line that says what is wrong.
  absl::Status Check();
  // Waits until everything put before is written.
  absl::Status Flush();

 private:
  struct Answer {
    remote_v1::Response response;
    std::string value;  // behind a Found
  };
  class Line;
  using Deadline = std::chrono::steady_clock::time_point;

  static absl::StatusOr<std::string> ValueOf(absl::StatusOr<Answer> answered);
  absl::StatusOr<Answer> Ask(const remote_v1::Request& request, std::string_view value,
                             std::chrono::milliseconds patience);
  absl::Status Send(Line& line, remote_v1::Request request, std::string_view value,
                    Deadline deadline);
  absl::StatusOr<Answer> Receive(Line& line, Deadline deadline);
  absl::Status AwaitAnswer(Line& line, Deadline deadline);
  // The answer to what was expected, or nothing: then it is to be asked for.
  std::optional<absl::StatusOr<Answer>> TakeExpected(const StoreKey& key);
  absl::StatusOr<std::unique_ptr<Line>> TakeLine();
  void KeepLine(std::unique_ptr<Line> line);
  // Counts it, and says it where this caller is the first to find out. The value is what callers
  // see.
  absl::Status NoteUnreachable(const absl::Status& why);
  absl::Status NoteSilence();
  void Publish(std::string_view notice);

  const CacheTier tier_;
  const SigningSettings signing_;
  const std::string local_directory_;
  const Environment environment_;
  FileSystem& fs_;
  Clock& clock_;
  const RemotePlace place_;
  RemoteDialer dialer_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Line>> idle_;  // guarded by mutex_
  // Lines on which an answer is still to come, the oldest first. Guarded by mutex_.
  std::deque<std::pair<StoreKey, std::unique_ptr<Line>>> expected_;
  std::unique_ptr<TierStatistics> statistics_;  // guarded by mutex_; null until needed
};

// Of the hpcc-remote that runs here. NotFound: none does; none is started.
absl::StatusOr<remote_v1::StatusReport> QueryRemote(FileSystem& fs, const RemotePlace& place);
// Tells it to end and waits until it has written what it took and is gone. NotFound: none runs.
// DeadlineExceeded: it is still there after a quarter of a minute.
absl::Status StopRemote(FileSystem& fs, const RemotePlace& place, Clock& clock);

}  // namespace hpcc

#endif  // HPCC_REMOTE_REMOTE_CLIENT_H_
