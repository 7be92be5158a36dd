#include "auth/key_ring.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "auth/auth_test_support.h"
#include "auth/routing_token.h"
#include "store/store_test_util.h"

namespace hpcc {
namespace {

constexpr std::string_view kPem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";

const SessionGrant kGrant{.tenant = "acme", .user = "alice", .expires_s = kTestNow + 3600};

// RFC 8037, appendices A.1 to A.3.
TEST(SigningKeyTest, AKeyIsNamedByItsThumbprint) {
  const absl::StatusOr<SigningKey> key = SigningKey::FromPem(kPem);
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->key_id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  EXPECT_EQ(key->Jwk(),
            R"({"alg":"EdDSA","crv":"Ed25519","kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",)"
            R"("kty":"OKP","use":"sig","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})");
}

TEST(KeyRingTest, TheFileIsWhatItsHeaderSays) {
  const std::string text = StrCat("hpcc signing keys v1\ncurrent 1800000000\n", kPem,
                                  "next 1800000001\n", SigningKey::Generate()->private_pem());
  const absl::StatusOr<KeyRing> ring = KeyRing::Parse(text);
  ASSERT_TRUE(ring.ok()) << ring.status();
  EXPECT_EQ(ring->current().key_id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  EXPECT_EQ(ring->current_since_s(), kTestNow);
  EXPECT_EQ(ring->Format(), text);
}

TEST(KeyRingTest, DamageAtEveryLengthIsRefused) {
  const std::string text = KeyRing::Generate(kTestNow)->Rotated(kTestNow)->Format();
  ASSERT_TRUE(KeyRing::Parse(text).ok());
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(KeyRing::Parse(std::string_view(text).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(KeyRing::Parse(text + "x").ok());
  EXPECT_FALSE(KeyRing::Parse(text + text.substr(text.find("next"))).ok());
}

TEST(KeyRingTest, RotationLocksNobodyOut) {
  const KeyRing before = *KeyRing::Generate(kTestNow);
  const KeyRing after = *before.Rotated(kTestNow + 10);
  const KeySet at_workers = *ParseJwks(before.jwks());

  // What the new key signs, those verify who have the keys of before the rotation.
  const std::string fresh = MakeSessionToken(after.current(), kGrant, kTestNow);
  EXPECT_TRUE(VerifySessionToken(fresh, at_workers, kTestNow).ok());
  // And what the old one signed is still good.
  const std::string old = MakeSessionToken(before.current(), kGrant, kTestNow);
  EXPECT_TRUE(VerifySessionToken(old, after.verify_keys(), kTestNow).ok());
  EXPECT_TRUE(VerifySessionToken(old, *ParseJwks(after.jwks()), kTestNow).ok());

  const KeyRing later = *after.Rotated(kTestNow + 20);
  EXPECT_EQ(TokenRefusalOf(VerifySessionToken(old, later.verify_keys(), kTestNow).status()),
            TokenRefusal::kUnknownKey);
  EXPECT_EQ(later.verify_keys().keys().size(), 3u);
  EXPECT_NE(before.current().key_id(), after.current().key_id());
}

TEST(KeyRingTest, TheFileIsMadeOnceAndForItsOwnerOnly) {
  const ScratchDirectory scratch;
  FileSystem& fs = FileSystem::Real();
  const std::string path = scratch.path() + "/signing-keys";
  const absl::StatusOr<KeyRing> made = KeyRing::LoadOrMake(fs, path, kTestNow);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(StatFile(fs, path)->mode, 0600u);
  EXPECT_EQ(KeyRing::LoadOrMake(fs, path, kTestNow)->jwks(), made->jwks());

  chmod(path.c_str(), 0640);
  EXPECT_TRUE(absl::IsFailedPrecondition(KeyRing::LoadOrMake(fs, path, kTestNow).status()));
  chmod(path.c_str(), 0600);
  ASSERT_TRUE(WriteFileAtomically(fs, path, "rubbish", 0600).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(KeyRing::LoadOrMake(fs, path, kTestNow).status()));
}

class RoutingTokenTest : public testing::Test {
 protected:
  std::optional<TokenRefusal> RefusalFor(std::string_view token, std::string_view worker,
                                         int64_t now_s) {
    return TokenRefusalOf(VerifyRoutingToken(token, ring_.verify_keys(), worker, now_s).status());
  }

  const KeyRing ring_ = *KeyRing::Generate(kTestNow);
  const RoutingGrant grant_{.tenant = "acme",
                            .user = "al\"ice\\ \xc3\xa9",
                            .image = "host",
                            .worker = "w1",
                            .scheduler = "s1"};
  const std::string token_ = MakeRoutingToken(ring_.current(), grant_, kTestNow);
};

TEST_F(RoutingTokenTest, SaysForWhomAndWhatItIs) {
  const auto grant = VerifyRoutingToken(token_, ring_.verify_keys(), "w1", kTestNow + 299);
  ASSERT_TRUE(grant.ok()) << grant.status();
  EXPECT_EQ(grant->tenant, "acme");
  EXPECT_EQ(grant->user, grant_.user);
  EXPECT_EQ(grant->image, "host");
  EXPECT_EQ(grant->scheduler, "s1");
  EXPECT_EQ(grant->expires_s, kTestNow + 300);
}

TEST_F(RoutingTokenTest, IsForOneWorkerAndFiveMinutes) {
  EXPECT_EQ(RefusalFor(token_, "w2", kTestNow), TokenRefusal::kWrongAudience);
  EXPECT_EQ(RefusalFor(token_, "w1", kTestNow + 300 + kDefaultSkewSeconds), TokenRefusal::kExpired);
  EXPECT_EQ(RefusalFor(token_, "w1", kTestNow - 61), TokenRefusal::kNotYetValid);
}

TEST_F(RoutingTokenTest, IsNoSessionAndASessionIsNoRoutingToken) {
  EXPECT_EQ(TokenRefusalOf(VerifySessionToken(token_, ring_.verify_keys(), kTestNow).status()),
            TokenRefusal::kWrongType);
  const std::string session = MakeSessionToken(ring_.current(), kGrant, kTestNow);
  EXPECT_EQ(RefusalFor(session, "w1", kTestNow), TokenRefusal::kWrongType);
}

TEST_F(RoutingTokenTest, OfAnotherSchedulerIsUnknown) {
  const KeyRing other = *KeyRing::Generate(kTestNow);
  EXPECT_EQ(RefusalFor(MakeRoutingToken(other.current(), grant_, kTestNow), "w1", kTestNow),
            TokenRefusal::kUnknownKey);
}

TEST_F(RoutingTokenTest, WithoutATenantIsRefused) {
  RoutingGrant nobody = grant_;
  nobody.tenant.clear();
  EXPECT_EQ(RefusalFor(MakeRoutingToken(ring_.current(), nobody, kTestNow), "w1", kTestNow),
            TokenRefusal::kMissingClaim);
}

TEST_F(RoutingTokenTest, TwoTokensAreNeverTheSame) {
  EXPECT_NE(token_, MakeRoutingToken(ring_.current(), grant_, kTestNow));
}

}  // namespace
}  // namespace hpcc
