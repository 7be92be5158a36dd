#include "auth/key_set_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "auth/auth_test_support.h"

namespace hpcc {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const JwtExpectations kExpected{.issuer = "https://idp.example", .audience = "hpcc"};

// An identity provider that answers as a test says.
class KeySetCacheTest : public testing::Test {
 protected:
  KeySetCacheTest() { Publish({&first_}); }

  void Publish(std::initializer_list<const ProviderKey*> keys) { published_ = JwksOf(keys); }
  KeySetCache Cache(const KeySetCacheOptions& options = {}) {
    return KeySetCache(
        [this](milliseconds) -> absl::StatusOr<KeySet> {
          while (held_) std::this_thread::sleep_for(milliseconds(1));
          if (down_) return absl::UnavailableError("no connection");
          return ParseJwks(published_);
        },
        clock_, options);
  }
  std::optional<TokenRefusal> Outcome(KeySetCache& cache, const ProviderKey& key) {
    nlohmann::json claims = GoodClaims();
    claims["exp"] = kTestNow + 1'000'000;
    const auto verified = cache.Verify(key.Token(claims), kExpected);
    return verified.ok() ? std::nullopt : TokenRefusalOf(verified.status());
  }

  const ProviderKey first_ = ProviderKey::Ed("k1");
  const ProviderKey second_ = ProviderKey::Ed("k2");
  StandingClock clock_;
  std::string published_;
  std::atomic<bool> down_{false};
  std::atomic<bool> held_{false};
};

TEST_F(KeySetCacheTest, KeysAreFetchedOnceForManyTokens) {
  KeySetCache cache = Cache();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Outcome(cache, first_), std::nullopt);
  EXPECT_EQ(cache.fetches(), 1u);
}

TEST_F(KeySetCacheTest, AnUnknownKeyIsAskedForOnceInAnInterval) {
  KeySetCache cache = Cache();
  EXPECT_EQ(Outcome(cache, first_), std::nullopt);
  clock_.Advance(seconds(31));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Outcome(cache, second_), TokenRefusal::kUnknownKey);
  EXPECT_EQ(cache.fetches(), 2u);
  Publish({&first_, &second_});
  EXPECT_EQ(Outcome(cache, second_), TokenRefusal::kUnknownKey);
  clock_.Advance(seconds(31));
  EXPECT_EQ(Outcome(cache, second_), std::nullopt);
  EXPECT_EQ(cache.fetches(), 3u);
}

TEST_F(KeySetCacheTest, TokensNoKeyCouldVerifyAskNobody) {
  KeySetCache cache = Cache();
  const std::string none = StrCat(Base64UrlEncode(R"({"alg":"none"})"), ".e30.");
  EXPECT_EQ(TokenRefusalOf(cache.Verify(none, kExpected).status()),
            TokenRefusal::kAlgorithmRefused);
  EXPECT_FALSE(cache.Verify("rubbish", kExpected).ok());
  EXPECT_EQ(cache.fetches(), 0u);
}

TEST_F(KeySetCacheTest, AProviderThatIsDownIsAskedOnceInAnInterval) {
  down_ = true;
  KeySetCache cache = Cache();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Outcome(cache, first_), TokenRefusal::kKeysUnavailable);
  EXPECT_EQ(cache.fetches(), 1u);
  down_ = false;
  clock_.Advance(seconds(31));
  EXPECT_EQ(Outcome(cache, first_), std::nullopt);
}

TEST_F(KeySetCacheTest, KnownKeysServeOnWhileTheProviderIsDownButNotForEver) {
  KeySetCache cache = Cache();
  EXPECT_EQ(Outcome(cache, first_), std::nullopt);
  down_ = true;
  clock_.Advance(hours(23));
  EXPECT_EQ(Outcome(cache, first_), std::nullopt);
  clock_.Advance(hours(2));
  EXPECT_EQ(Outcome(cache, first_), TokenRefusal::kKeysUnavailable);
}

TEST_F(KeySetCacheTest, AKeyThatWasWithdrawnIsUnknownAfterTheNextFetch) {
  KeySetCache cache = Cache();
  EXPECT_EQ(Outcome(cache, first_), std::nullopt);
  Publish({&second_});
  clock_.Advance(minutes(11));
  EXPECT_EQ(Outcome(cache, first_), TokenRefusal::kUnknownKey);
  EXPECT_EQ(Outcome(cache, second_), std::nullopt);
}

TEST_F(KeySetCacheTest, ASlowProviderHoldsFewCallers) {
  KeySetCacheOptions options;
  options.waiters = 2;
  options.patience = milliseconds(10'000);
  KeySetCache cache = Cache(options);
  held_ = true;
  std::atomic<int> accepted{0};
  std::atomic<int> refused{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      const std::optional<TokenRefusal> refusal = Outcome(cache, first_);
      ++(refusal ? refused : accepted);
    });
  }
  // One fetches, two wait for it; nobody keeps the others.
  while (refused < 5) std::this_thread::sleep_for(milliseconds(1));
  held_ = false;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(refused, 5);
  EXPECT_EQ(accepted, 3);
  EXPECT_EQ(cache.fetches(), 1u);
}

TEST_F(KeySetCacheTest, ASlowProviderOfManyTenantsHoldsFewCallersInAll) {
  const auto room = std::make_shared<WaitingRoom>(2, 4);
  const KeySetCacheOptions slow{.room = room, .provider = "https://slow"};
  KeySetCache caches[] = {Cache(slow), Cache(slow), Cache(slow)};
  KeySetCache other([this](milliseconds) { return ParseJwks(published_); }, clock_,
                    {.room = room, .provider = "https://quick"});
  held_ = true;
  std::thread callers[] = {
      std::thread([&] { EXPECT_EQ(Outcome(caches[0], first_), std::nullopt); }),
      std::thread([&] { EXPECT_EQ(Outcome(caches[1], first_), std::nullopt); })};
  while (caches[0].fetches() + caches[1].fetches() < 2) std::this_thread::yield();
  EXPECT_EQ(Outcome(caches[2], first_), TokenRefusal::kKeysUnavailable);
  EXPECT_EQ(caches[2].fetches(), 0u);
  EXPECT_EQ(Outcome(other, first_), std::nullopt);
  held_ = false;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(Outcome(caches[2], first_), std::nullopt);
}

TEST_F(KeySetCacheTest, KnownKeysAreNotKeptWaitingByAFetch) {
  KeySetCache cache = Cache();
  EXPECT_EQ(Outcome(cache, first_), std::nullopt);
  clock_.Advance(seconds(31));
  held_ = true;
  std::thread stranger([&] { Outcome(cache, second_); });
  while (cache.fetches() < 2) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_EQ(Outcome(cache, first_), std::nullopt);
  held_ = false;
  stranger.join();
}

}  // namespace
}  // namespace hpcc
