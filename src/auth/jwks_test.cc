#include "auth/jwks.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "auth/auth_test_support.h"

namespace hpcc {
namespace {

using nlohmann::json;

size_t Usable(const json& key) {
  const absl::StatusOr<KeySet> set = ParseJwks(json{{"keys", {key}}}.dump());
  return set.ok() ? set->keys().size() : 99;
}

TEST(JwksTest, EachKindOfKeyHasItsAlgorithm) {
  const ProviderKey rsa = ProviderKey::Rsa("r");
  const ProviderKey ec = ProviderKey::Ec("e");
  const ProviderKey ed = ProviderKey::Ed("d");
  const absl::StatusOr<KeySet> set = ParseJwks(JwksOf({&rsa, &ec, &ed}));
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_NE(set->Find("r", JwtAlgorithm::kRs256), nullptr);
  EXPECT_NE(set->Find("e", JwtAlgorithm::kEs256), nullptr);
  EXPECT_NE(set->Find("d", JwtAlgorithm::kEdDsa), nullptr);
  EXPECT_EQ(set->Find("d", JwtAlgorithm::kEs256), nullptr);
  EXPECT_EQ(set->Find("x", JwtAlgorithm::kEs256), nullptr);
}

TEST(JwksTest, KeysForSomethingElseAreSkipped) {
  json key = ProviderKey::Ed("d").Jwk();
  EXPECT_EQ(Usable(key), 1u);
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, json>>{{"use", "enc"},
                                                 {"alg", "RS256"},
                                                 {"alg", "none"},
                                                 {"key_ops", {"sign"}},
                                                 {"key_ops", "verify"},
                                                 {"kty", "oct"},
                                                 {"kty", 7},
                                                 {"crv", "X25519"},
                                                 {"x", "AAAA"},
                                                 {"x", 5},
                                                 {"kid", std::string(kMaxKeyIdBytes + 1, 'a')}}) {
    json changed = key;
    changed[name] = value;
    EXPECT_EQ(Usable(changed), 0u) << name << value;
  }
  key["key_ops"] = {"verify"};
  key["alg"] = "EdDSA";
  EXPECT_EQ(Usable(key), 1u);
}

TEST(JwksTest, SymmetricKeysAreNoKeys) {
  EXPECT_EQ(Usable({{"kty", "oct"}, {"kid", "s"}, {"k", "c2VjcmV0"}, {"alg", "HS256"}}), 0u);
}

TEST(JwksTest, WeakAndAbsurdRsaKeysAreSkipped) {
  EXPECT_EQ(Usable(ProviderKey::Rsa("r", 1024).Jwk()), 0u);
  json key = ProviderKey::Rsa("r").Jwk();
  for (const std::string& exponent : {std::string("\x01", 1), std::string("\x04", 1),
                                      std::string("\x01\x00\x00\x00\x01", 5), std::string()}) {
    json changed = key;
    changed["e"] = Base64UrlEncode(exponent);
    EXPECT_EQ(Usable(changed), 0u);
  }
  key["n"] = Base64UrlEncode(std::string(8192 / 8 + 1, '\xff'));
  EXPECT_EQ(Usable(key), 0u);
}

TEST(JwksTest, APointBesideTheCurveIsNoKey) {
  json key = ProviderKey::Ec("e").Jwk();
  EXPECT_EQ(Usable(key), 1u);
  key["y"] = key["x"];
  EXPECT_EQ(Usable(key), 0u);
  key["y"] = Base64UrlEncode(std::string(32, '\xff'));
  EXPECT_EQ(Usable(key), 0u);
}

// As GnuTLS, and so glewlwyd, writes one key in 128, against RFC 7518, section 6.2.1.2.
TEST(JwksTest, ACoordinateWithoutItsLeadingZerosIsTheSameNumber) {
  for (const char* name : {"x", "y"}) {
    std::optional<ProviderKey> key;
    std::string coordinate;
    do {
      key.emplace(ProviderKey::Ec("e"));
      coordinate = *Base64UrlDecode(key->Jwk()[name].get<std::string>());
    } while (coordinate[0] != 0);
    json shortened = key->Jwk();
    shortened[name] = Base64UrlEncode(coordinate.substr(1));
    const KeySet set = *ParseJwks(json{{"keys", {shortened}}}.dump());
    ASSERT_EQ(set.keys().size(), 1u) << name;
    EXPECT_TRUE(set.keys()[0].Verify("m", key->Sign("m"))) << name;
    for (const std::string& wrong : {'\0' + coordinate, std::string()}) {
      shortened[name] = Base64UrlEncode(wrong);
      EXPECT_EQ(Usable(shortened), 0u) << name;
    }
  }
}

TEST(JwksTest, OfSeveralKeysOfOneNameTheFirstCounts) {
  const ProviderKey first = ProviderKey::Ed("d");
  const ProviderKey second = ProviderKey::Ed("d");
  const KeySet set = *ParseJwks(JwksOf({&first, &second}));
  const VerifyKey* key = set.Find("d", JwtAlgorithm::kEdDsa);
  ASSERT_NE(key, nullptr);
  EXPECT_TRUE(key->Verify("m", first.Sign("m")));
  EXPECT_FALSE(key->Verify("m", second.Sign("m")));
}

TEST(JwksTest, WhatIsNoKeySetIsRefused) {
  for (const std::string_view text : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[1]})",
                                      R"({"keys":[],"keys":[]})", "{\"keys\":["}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseJwks(text).status())) << text;
  }
  EXPECT_TRUE(ParseJwks(R"({"keys":[]})")->empty());
}

TEST(JwksTest, SizesAreLimited) {
  EXPECT_FALSE(ParseJwks(std::string(kMaxJwksBytes + 1, ' ')).ok());
  json many = {{"keys", json::array()}};
  for (size_t i = 0; i < kMaxJwksKeys; ++i) many["keys"].push_back({{"kty", "oct"}});
  EXPECT_TRUE(ParseJwks(many.dump()).ok());
  many["keys"].push_back({{"kty", "oct"}});
  EXPECT_FALSE(ParseJwks(many.dump()).ok());
}

}  // namespace
}  // namespace hpcc
