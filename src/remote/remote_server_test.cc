// The client and the server of hpcc-remote in one process, with an HTTP cache behind them.

#include "remote/remote_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <optional>

#include "base/frame.h"
#include "config/runtime_directory.h"
#include "remote/remote_client.h"
#include "remote/remote_test_support.h"
#include "store/packed_value.h"
#include "store/verified_store.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::HasSubstr;

constexpr milliseconds kTimeout{5000};

class RemoteServerTest : public testing::Test {
 protected:
  RemoteServerTest() : config_(HttpConfig(scratch_, cache_.url())) {
    environment_.Set("HPCC_RUNTIME_DIR", scratch_.path() + "/run");
    place_.emplace(config_, environment_);
    EXPECT_TRUE(PrepareRuntimeDirectory(fs_, place_->directory()).ok());
    StartServer();
  }
  void StartServer() {
    state_.emplace(fs_, Clock::Real());
    absl::StatusOr<Listener> listener = Listener::OnUnixSocket(place_->socket());
    ASSERT_TRUE(listener.ok()) << listener.status();
    server_.emplace(*state_, *std::move(listener));
  }
  void StopServer() {
    server_.reset();
    state_.reset();
    std::filesystem::remove(place_->socket());
  }
  RemoteClient Client() {
    return RemoteClient(config_.cache[0], config_, environment_, fs_, Clock::Real());
  }
  static StoreKey Key(std::string_view name) { return {StoreNamespace::kResult, Digest::Of(name)}; }
  static std::string ObjectOf(const StoreKey& key) {
    const std::string hex = key.digest.ToHex();
    return StrCat("cache/default/", StoreNamespaceName(key.ns), "/", hex.substr(0, 2), "/", hex);
  }
  // That doesn't get shorter.
  static std::string ValueOfNoUse(size_t size) {
    std::string value;
    uint32_t state = 1;
    for (; value.size() < size; state = state * 1664525 + 1013904223) {
      value.push_back(static_cast<char>(state >> 24));
    }
    return value;
  }
  // Sends bytes as a peer that is no program of ours, and tells whether the server hung up.
  bool HangsUpOn(std::string_view bytes) {
    absl::StatusOr<Connection> connection = Connection::ToUnixSocket(place_->socket());
    EXPECT_TRUE(connection.ok());
    connection->Send(bytes, kTimeout).IgnoreError();
    char byte;
    const absl::Status status = connection->Receive(std::span(&byte, 1), kTimeout);
    return !status.ok() && !absl::IsDeadlineExceeded(status);
  }

  FileSystem& fs_ = FileSystem::Real();
  RemoteScratch scratch_;
  FakeHttpCache cache_;
  Config config_;
  Environment environment_;
  std::optional<RemotePlace> place_;
  std::optional<RemoteState> state_;
  std::optional<RemoteServer> server_;
};

TEST_F(RemoteServerTest, AValueIsTakenAtOnceWrittenAndFound) {
  RemoteClient client = Client();
  const StoreKey key = Key("a");
  const std::string sealed = SealValue(key, std::string(300'000, 'v'));
  EXPECT_TRUE(absl::IsNotFound(client.Get(key).status()));
  ASSERT_TRUE(client.Put(key, sealed).ok());
  EXPECT_EQ(*client.Get(key), sealed);
  ASSERT_TRUE(client.Flush().ok());
  EXPECT_EQ(*UnpackValue(cache_.objects().at(ObjectOf(key))), sealed);
  EXPECT_EQ(*client.Get(key), sealed);
  ASSERT_TRUE(client.Remove(key).ok());
  EXPECT_TRUE(absl::IsNotFound(client.Get(key).status()));
}

TEST_F(RemoteServerTest, ADamagedObjectIsDataLossAndCounted) {
  RemoteClient client = Client();
  const StoreKey key = Key("a");
  ASSERT_TRUE(client.PutAndWait(key, SealValue(key, "value")).ok());
  std::string damaged = cache_.objects().at(ObjectOf(key));
  damaged.back() ^= 1;
  cache_.Replace(ObjectOf(key), damaged);
  EXPECT_TRUE(absl::IsDataLoss(client.Get(key).status()));
  ASSERT_TRUE(QueryRemote(fs_, *place_).ok());
  const absl::StatusOr<TierReport> report =
      ReadTierReport(fs_, config_.local_directory, config_.cache[0]);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->metrics.rejected, 1u);
  EXPECT_THAT(report->notice, HasSubstr("security: remote-object-damaged"));
}

TEST_F(RemoteServerTest, AWalkReadsOnHoweverMuchIsDamaged) {
  RemoteClient client = Client();
  const auto key = [](int i) { return Key(StrCat(i)); };
  for (int i = 0; i < 12; ++i) {
    ASSERT_TRUE(client.PutAndWait(key(i), SealValue(key(i), "value")).ok());
    if (i < 10) cache_.Replace(ObjectOf(key(i)), "damaged");
  }
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(absl::IsDataLoss(client.WalkGet(key(i)).status())) << i;
  EXPECT_TRUE(client.WalkGet(key(10)).ok());
  // A build meets them and leaves the cache alone; a walk goes on.
  for (int i = 0; i < 10; ++i) client.Get(key(i)).status().IgnoreError();
  EXPECT_TRUE(absl::IsUnavailable(client.Get(key(10)).status()));
  EXPECT_TRUE(client.WalkGet(key(11)).ok());
}

TEST_F(RemoteServerTest, WhetherThereIsAValueIsToldWithoutReadingIt) {
  RemoteClient client = Client();
  const StoreKey key = Key("a");
  EXPECT_FALSE(*client.WalkExists(key));
  ASSERT_TRUE(client.PutAndWait(key, SealValue(key, "value")).ok());
  EXPECT_TRUE(*client.WalkExists(key));
  cache_.status = 500;
  EXPECT_FALSE(client.WalkExists(key).ok());
  EXPECT_EQ(state_->security_events, 0u);
}

TEST_F(RemoteServerTest, AConnectionThatIsKeptLooksAgainAtItsFiles) {
  const std::string token = scratch_.path() + "/token";
  config_.cache[0].http.bearer_token_file = token;
  cache_.wanted_header = "authorization: bearer second";
  RemoteClient client = Client();
  const StoreKey key = Key("a");
  // There is none at first, then a wrong one, then the right one: all on one connection.
  EXPECT_TRUE(absl::IsUnauthenticated(client.WalkGet(key).status()));
  ASSERT_TRUE(WriteFileAtomically(fs_, token, "first\n").ok());
  const auto became = [&](bool (*is)(const absl::Status&)) {
    for (int i = 0; i < 100; ++i) {
      if (is(client.WalkGet(key).status())) return true;
      Clock::Real().Sleep(milliseconds(100));
    }
    return false;
  };
  EXPECT_TRUE(became([](const absl::Status& status) {
    return std::string(status.message()).find("401") != std::string::npos;
  }));
  ASSERT_TRUE(WriteFileAtomically(fs_, token, "second\n").ok());
  EXPECT_TRUE(became(absl::IsNotFound));
  EXPECT_TRUE(client.PutAndWait(key, SealValue(key, "value")).ok());
}

TEST_F(RemoteServerTest, ATrustedKeyInAFileIsReadAgain) {
  const std::string pem = scratch_.path() + "/pub.pem";
  config_.signing.trusted_keys = {pem};
  EXPECT_FALSE(absl::IsNotFound(Client().Get(Key("a")).status()));
  ASSERT_TRUE(WriteFileAtomically(fs_, pem,
                                  "-----BEGIN PUBLIC KEY-----\n"
                                  "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
                                  "-----END PUBLIC KEY-----\n")
                  .ok());
  EXPECT_TRUE(absl::IsNotFound(Client().Get(Key("a")).status()));
}

TEST_F(RemoteServerTest, CountersOutliveTheServer) {
  const StoreKey key = Key("a");
  {
    RemoteClient client = Client();
    client.Get(key).status().IgnoreError();
    ASSERT_TRUE(client.PutAndWait(key, SealValue(key, "value")).ok());
    ASSERT_TRUE(client.Get(key).ok());
  }
  StopServer();
  const absl::StatusOr<TierReport> report =
      ReadTierReport(fs_, config_.local_directory, config_.cache[0]);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->metrics.hits, 1u);
  EXPECT_EQ(report->metrics.misses, 1u);
  EXPECT_EQ(report->metrics.writes, 1u);
  EXPECT_EQ(report->metrics.hit_latency.Total(), 1u);
}

TEST_F(RemoteServerTest, AReadOnlyCacheTakesNothing) {
  config_.cache[0].read_only = true;
  RemoteClient client = Client();
  const StoreKey key = Key("a");
  EXPECT_TRUE(absl::IsPermissionDenied(client.Put(key, SealValue(key, "value"))));
  EXPECT_TRUE(cache_.objects().empty());
}

TEST_F(RemoteServerTest, EachDescriptionHasItsOwnPlace) {
  const StoreKey key = Key("a");
  ASSERT_TRUE(Client().PutAndWait(key, SealValue(key, "value")).ok());
  config_.cache[0].name_space = "other";
  EXPECT_TRUE(absl::IsNotFound(Client().Get(key).status()));
}

TEST_F(RemoteServerTest, AnHttpCacheCantBeListed) {
  EXPECT_TRUE(absl::IsUnimplemented(Client().List(StoreNamespace::kResult).status()));
}

TEST_F(RemoteServerTest, WhatCantBeConfiguredSaysWhy) {
  config_.signing.trusted_keys = {"ed25519:nonsense"};
  const absl::Status status = Client().Get(Key("a")).status();
  EXPECT_FALSE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("ed25519"));
}

TEST_F(RemoteServerTest, AServerThatWentIsNoticedAndTheNextIsUsed) {
  RemoteClient client = Client();
  const StoreKey key = Key("a");
  ASSERT_TRUE(client.PutAndWait(key, SealValue(key, "value")).ok());
  StopServer();
  StartServer();
  EXPECT_TRUE(client.Get(key).ok());
}

TEST_F(RemoteServerTest, WithoutAProgramItIsUnavailableAtOnceAndCounted) {
  StopServer();
  RemoteClient client = Client();
  const auto began = steady_clock::now();
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(absl::IsUnavailable(client.Get(Key("a")).status()));
  }
  EXPECT_LT(steady_clock::now() - began, milliseconds(2000));
  const absl::StatusOr<TierReport> report =
      ReadTierReport(fs_, config_.local_directory, config_.cache[0]);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->unreachable, 10u);
  EXPECT_THAT(report->notice, HasSubstr("hpcc-remote"));
}

TEST_F(RemoteServerTest, AServerThatIsStuckCostsOneWait) {
  StopServer();
  // Somebody listens, holds the lock, and never answers.
  const absl::StatusOr<Listener> listener = Listener::OnUnixSocket(place_->socket());
  ASSERT_TRUE(listener.ok());
  const absl::StatusOr<std::unique_ptr<File>> lock =
      fs_.OpenForOverwriting(place_->lock_file(), 0600);
  ASSERT_TRUE(lock.ok() && (*lock)->TryLock().ok());
  RemoteClient client = Client();
  int notices = 0;
  const auto began = steady_clock::now();
  {
    const ScopedWaitNotice notice([&notices] { ++notices; });
    EXPECT_TRUE(absl::IsUnavailable(client.Get(Key("a")).status()));
  }
  const auto first = steady_clock::now() - began;
  EXPECT_LT(first, milliseconds(4000));
  EXPECT_GE(notices, 4);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(absl::IsUnavailable(client.Get(Key("a")).status()));
  }
  EXPECT_LT(steady_clock::now() - began - first, milliseconds(1000));
}

TEST_F(RemoteServerTest, AnExpectedValueIsAskedForOnce) {
  RemoteClient client = Client();
  const StoreKey key = Key("a");
  const std::string sealed = SealValue(key, std::string(300'000, 'v'));
  ASSERT_TRUE(client.PutAndWait(key, sealed).ok());
  const int before = cache_.requests;
  client.Expect(key);
  while (cache_.requests == before) Clock::Real().Sleep(milliseconds(5));
  EXPECT_EQ(*client.Get(key), sealed);
  EXPECT_EQ(cache_.requests, before + 1);
  EXPECT_EQ(*client.Get(key), sealed);
  EXPECT_EQ(cache_.requests, before + 2);
}

TEST_F(RemoteServerTest, AnExpectedValueThatIsMissingIsNotAskedForAgain) {
  RemoteClient client = Client();
  client.Expect(Key("a"));
  EXPECT_TRUE(absl::IsNotFound(client.Get(Key("a")).status()));
  EXPECT_EQ(cache_.requests, 1);
}

TEST_F(RemoteServerTest, WhatIsExpectedAndNotWantedHarmsNobody) {
  const StoreKey key = Key("a");
  const std::string sealed = SealValue(key, ValueOfNoUse(500'000));
  {
    RemoteClient client = Client();
    ASSERT_TRUE(client.PutAndWait(key, sealed).ok());
    for (int i = 0; i < 20; ++i) client.Expect(key);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(client.Get(key).value_or("none"), sealed);
  }
  EXPECT_EQ(*Client().Get(key), sealed);
  EXPECT_EQ(state_->security_events, 0u);
}

TEST_F(RemoteServerTest, AnExpectationDoesNotOutliveItsServer) {
  RemoteClient client = Client();
  const StoreKey key = Key("a");
  ASSERT_TRUE(client.PutAndWait(key, SealValue(key, "value")).ok());
  client.Expect(Key("b"));
  client.Expect(key);
  StopServer();
  StartServer();
  EXPECT_TRUE(client.Get(key).ok());
}

TEST_F(RemoteServerTest, AStopIsAnsweredAndTold) {
  EXPECT_TRUE(absl::IsNotFound(StopRemote(fs_, *place_, Clock::Real())));
  absl::StatusOr<std::unique_ptr<File>> lock = fs_.OpenForOverwriting(place_->lock_file(), 0600);
  ASSERT_TRUE(lock.ok() && (*lock)->TryLock().ok());
  std::thread program([this, &lock] {
    while (!state_->told_to_end) Clock::Real().Sleep(milliseconds(5));
    lock->reset();
  });
  EXPECT_TRUE(StopRemote(fs_, *place_, Clock::Real()).ok());
  program.join();
  EXPECT_EQ(state_->security_events, 0u);
}

TEST_F(RemoteServerTest, GarbageCostsItsConnectionAndIsASecurityEvent) {
  EXPECT_TRUE(HangsUpOn("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_TRUE(HangsUpOn(StrCat(FrameHead(4), "\xff\xff\xff\xff")));
  EXPECT_TRUE(HangsUpOn(FrameHead(uint32_t{1} << 31)));
  remote_v1::Request request;
  request.set_protocol_version(kRemoteProtocolVersion);
  request.mutable_check();
  EXPECT_TRUE(HangsUpOn(FrameOf(request)));  // before an Open
  EXPECT_EQ(state_->security_events, 4u);
  EXPECT_TRUE(absl::IsNotFound(Client().Get(Key("a")).status()));
}

TEST_F(RemoteServerTest, AnotherVersionIsRefusedWithAReason) {
  absl::StatusOr<Connection> connection = Connection::ToUnixSocket(place_->socket());
  ASSERT_TRUE(connection.ok());
  remote_v1::Request request;
  request.set_protocol_version(kRemoteProtocolVersion + 1);
  request.mutable_status();
  ASSERT_TRUE(connection->Send(FrameOf(request), kTimeout).ok());
  const absl::StatusOr<std::string> bytes =
      ReceiveFrame(*connection, kMaxRemoteFrameBytes, kTimeout);
  ASSERT_TRUE(bytes.ok());
  const absl::StatusOr<remote_v1::Response> response = ParseRemoteResponse(*bytes);
  ASSERT_TRUE(response.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(StatusOf(*response)));
  EXPECT_EQ(state_->security_events, 0u);
}

TEST_F(RemoteServerTest, ADeadCacheCostsItsBoundOnce) {
  cache_.hang = true;
  RemoteClient client = Client();
  const auto began = steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(client.Get(Key(StrCat(i))).ok());
  }
  EXPECT_LT(steady_clock::now() - began, milliseconds(5000));
  cache_.hang = false;
}

TEST_F(RemoteServerTest, ThreadsShareAClient) {
  RemoteClient client = Client();
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&client, t] {
      for (int i = 0; i < 10; ++i) {
        const StoreKey key = Key(StrCat(t, ":", i));
        const std::string sealed = SealValue(key, StrCat("value ", t, i));
        EXPECT_TRUE(client.Put(key, sealed).ok());
        const absl::StatusOr<std::string> got = client.Get(key);
        EXPECT_EQ(got.value_or("none"), sealed);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace hpcc
