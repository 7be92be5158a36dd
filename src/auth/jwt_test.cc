#include "auth/jwt.h"

#include <gtest/gtest.h>

#include "auth/auth_test_support.h"

namespace hpcc {
namespace {

using nlohmann::json;

const JwtExpectations kExpected{.issuer = "https://idp.example", .audience = "hpcc"};

class JwtTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    rsa_ = new ProviderKey(ProviderKey::Rsa("rs1"));
    ec_ = new ProviderKey(ProviderKey::Ec("es1"));
    ed_ = new ProviderKey(ProviderKey::Ed("ed1"));
    keys_ = new KeySet(*ParseJwks(JwksOf({rsa_, ec_, ed_})));
  }
  static void TearDownTestSuite() {
    delete rsa_;
    delete ec_;
    delete ed_;
    delete keys_;
  }

  static std::optional<TokenRefusal> Refusal(std::string_view token,
                                             const JwtExpectations& expected = kExpected) {
    const absl::StatusOr<JwtClaims> claims = VerifyJwt(token, *keys_, expected, kTestNow);
    EXPECT_FALSE(claims.ok());
    EXPECT_TRUE(absl::IsUnauthenticated(claims.status())) << claims.status();
    return TokenRefusalOf(claims.status());
  }
  static std::optional<TokenRefusal> RefusalOfClaims(const json& claims) {
    return Refusal(ed_->Token(claims));
  }
  static bool Accepts(const json& claims) {
    return VerifyJwt(ed_->Token(claims), *keys_, kExpected, kTestNow).ok();
  }
  static json With(const char* name, const json& value) {
    json claims = GoodClaims();
    claims[name] = value;
    return claims;
  }
  static json Without(const char* name) {
    json claims = GoodClaims();
    claims.erase(name);
    return claims;
  }

  static ProviderKey* rsa_;
  static ProviderKey* ec_;
  static ProviderKey* ed_;
  static KeySet* keys_;
};
ProviderKey* JwtTest::rsa_ = nullptr;
ProviderKey* JwtTest::ec_ = nullptr;
ProviderKey* JwtTest::ed_ = nullptr;
KeySet* JwtTest::keys_ = nullptr;

TEST_F(JwtTest, GoodTokensOfEachAlgorithmAreAccepted) {
  for (const ProviderKey* key : {rsa_, ec_, ed_}) {
    const auto claims = VerifyJwt(key->Token(GoodClaims()), *keys_, kExpected, kTestNow);
    ASSERT_TRUE(claims.ok()) << key->algorithm() << ": " << claims.status();
    EXPECT_EQ(claims->subject, "alice");
    EXPECT_EQ(claims->Text("tenant"), "acme");
    EXPECT_EQ(claims->expires_s, kTestNow + 600);
  }
}

TEST_F(JwtTest, OneOfSeveralAudiencesIsEnough) {
  EXPECT_TRUE(Accepts(With("aud", {"other", "hpcc"})));
  EXPECT_EQ(RefusalOfClaims(With("aud", {"other", "hpc"})), TokenRefusal::kWrongAudience);
  EXPECT_EQ(RefusalOfClaims(With("aud", json::array())), TokenRefusal::kMissingClaim);
}

TEST_F(JwtTest, WrongClaimsAreRefusedEachWithItsName) {
  EXPECT_EQ(RefusalOfClaims(With("iss", "https://idp.example/")), TokenRefusal::kWrongIssuer);
  EXPECT_EQ(RefusalOfClaims(With("aud", "hpcc2")), TokenRefusal::kWrongAudience);
  EXPECT_EQ(RefusalOfClaims(With("exp", kTestNow - 61)), TokenRefusal::kExpired);
  EXPECT_EQ(RefusalOfClaims(With("nbf", kTestNow + 61)), TokenRefusal::kNotYetValid);
  EXPECT_EQ(RefusalOfClaims(With("iat", kTestNow + 61)), TokenRefusal::kNotYetValid);
  for (const char* name : {"iss", "aud", "exp"}) {
    EXPECT_EQ(RefusalOfClaims(Without(name)), TokenRefusal::kMissingClaim) << name;
  }
  for (const char* name : {"exp", "nbf", "iat"}) {
    EXPECT_EQ(RefusalOfClaims(With(name, "tomorrow")), TokenRefusal::kMissingClaim) << name;
    EXPECT_EQ(RefusalOfClaims(With(name, 1e300)), TokenRefusal::kMissingClaim) << name;
  }
}

TEST_F(JwtTest, ClocksMayBeAMinuteApartAndNeverMoreThanFive) {
  EXPECT_TRUE(Accepts(With("exp", kTestNow - 59)));
  EXPECT_TRUE(Accepts(With("nbf", kTestNow + 60)));
  JwtExpectations patient = kExpected;
  patient.skew_s = 1'000'000;
  EXPECT_EQ(Refusal(ed_->Token(With("exp", kTestNow - 300)), patient), TokenRefusal::kExpired);
  JwtExpectations wrong = kExpected;
  wrong.skew_s = -1000;
  EXPECT_TRUE(VerifyJwt(ed_->Token(GoodClaims()), *keys_, wrong, kTestNow).ok());
}

TEST_F(JwtTest, TimesWithAFractionAreTimes) {
  EXPECT_TRUE(Accepts(With("exp", static_cast<double>(kTestNow) + 0.5)));
}

TEST_F(JwtTest, NoneIsNoAlgorithm) {
  const std::string claims = GoodClaims().dump();
  for (const char* name :
       {"none", "None", "nOnE", "", "HS256", "HS512", "RS512", "ES384", "rs256"}) {
    const std::string unsigned_part = StrCat(
        Base64UrlEncode(json{{"alg", name}, {"kid", "rs1"}}.dump()), ".", Base64UrlEncode(claims));
    EXPECT_EQ(Refusal(unsigned_part + "."), TokenRefusal::kAlgorithmRefused) << name;
    EXPECT_EQ(Refusal(unsigned_part + ".AAAA"), TokenRefusal::kAlgorithmRefused) << name;
  }
}

TEST_F(JwtTest, ThePublicKeyIsNoSecretForHmac) {
  // Whoever knows the public key could sign with it, if the token had a say in how it is verified.
  const std::string jwk = rsa_->Jwk().dump();
  for (const char* key_id : {"rs1", "es1", "ed1"}) {
    const std::string signed_part =
        StrCat(Base64UrlEncode(json{{"alg", "HS256"}, {"kid", key_id}}.dump()), ".",
               Base64UrlEncode(GoodClaims().dump()));
    unsigned char mac[32];
    unsigned int size = sizeof(mac);
    HMAC(EVP_sha256(), jwk.data(), static_cast<int>(jwk.size()), UnsignedBytes(signed_part),
         signed_part.size(), mac, &size);
    const std::string signature = Base64UrlEncode({reinterpret_cast<char*>(mac), size});
    EXPECT_EQ(Refusal(StrCat(signed_part, ".", signature)), TokenRefusal::kAlgorithmRefused);
  }
}

TEST_F(JwtTest, AKeyServesItsOwnAlgorithmOnly) {
  EXPECT_EQ(Refusal(ed_->TokenOf({{"alg", "EdDSA"}, {"kid", "rs1"}}, GoodClaims().dump())),
            TokenRefusal::kAlgorithmMismatch);
  EXPECT_EQ(Refusal(rsa_->TokenOf({{"alg", "RS256"}, {"kid", "es1"}}, GoodClaims().dump())),
            TokenRefusal::kAlgorithmMismatch);
}

TEST_F(JwtTest, AForeignKeyIsRefusedByNameAndBySignature) {
  const ProviderKey foreign = ProviderKey::Ed("foreign");
  EXPECT_EQ(Refusal(foreign.Token(GoodClaims())), TokenRefusal::kUnknownKey);
  const ProviderKey impostor = ProviderKey::Ed("ed1");
  EXPECT_EQ(Refusal(impostor.Token(GoodClaims())), TokenRefusal::kSignatureInvalid);
}

TEST_F(JwtTest, KeysInTheHeaderMeanNothing) {
  const ProviderKey own = ProviderKey::Ed("ed1");
  const json header = {
      {"alg", "EdDSA"}, {"kid", "ed1"}, {"jwk", own.Jwk()}, {"jku", "https://evil.example/jwks"}};
  EXPECT_EQ(Refusal(own.TokenOf(header, GoodClaims().dump())), TokenRefusal::kSignatureInvalid);
}

TEST_F(JwtTest, WithoutAKeyIdTheOnlyKeyOfTheAlgorithmServes) {
  const std::string token = ed_->TokenOf({{"alg", "EdDSA"}}, GoodClaims().dump());
  EXPECT_TRUE(VerifyJwt(token, *keys_, kExpected, kTestNow).ok());
  const ProviderKey second = ProviderKey::Ed("ed2");
  const KeySet two = *ParseJwks(JwksOf({ed_, &second}));
  EXPECT_EQ(TokenRefusalOf(VerifyJwt(token, two, kExpected, kTestNow).status()),
            TokenRefusal::kUnknownKey);
}

TEST_F(JwtTest, EveryChangedByteIsRefused) {
  for (const ProviderKey* key : {ec_, ed_}) {
    const std::string token = key->Token(GoodClaims());
    for (size_t i = 0; i < token.size(); ++i) {
      std::string changed = token;
      changed[i] = changed[i] == 'A' ? 'B' : 'A';
      if (changed == token) continue;
      EXPECT_FALSE(VerifyJwt(changed, *keys_, kExpected, kTestNow).ok()) << i;
    }
  }
}

TEST_F(JwtTest, TruncationAtEveryLengthIsRefused) {
  for (const ProviderKey* key : {rsa_, ec_, ed_}) {
    const std::string token = key->Token(GoodClaims());
    for (size_t size = 0; size < token.size(); ++size) {
      EXPECT_TRUE(Refusal(std::string_view(token).substr(0, size)).has_value()) << size;
    }
  }
}

TEST_F(JwtTest, WhatIsTooLargeIsNotEvenRead) {
  EXPECT_EQ(Refusal(std::string(kMaxTokenBytes + 1, 'a')), TokenRefusal::kTooLarge);
  EXPECT_EQ(RefusalOfClaims(With("more", std::string(kMaxTokenBytes, 'a'))),
            TokenRefusal::kTooLarge);
  json many = GoodClaims();
  for (size_t i = 0; i < kMaxTokenClaims; ++i) many[StrCat("c", i)] = 1;
  EXPECT_EQ(RefusalOfClaims(many), TokenRefusal::kTooLarge);
}

TEST_F(JwtTest, NamesTwiceAreRefused) {
  std::string claims = GoodClaims().dump();
  claims.insert(1, R"("aud":"other",)");
  EXPECT_EQ(Refusal(ed_->TokenOf({{"alg", "EdDSA"}, {"kid", "ed1"}}, claims)),
            TokenRefusal::kDuplicateClaim);
  // Spelled differently, and deeper inside.
  claims = GoodClaims().dump();
  claims.insert(1, R"("\u0061ud":"other",)");
  EXPECT_EQ(Refusal(ed_->TokenOf({{"alg", "EdDSA"}, {"kid", "ed1"}}, claims)),
            TokenRefusal::kDuplicateClaim);
  claims = GoodClaims().dump();
  claims.insert(1, R"("x":{"y":1,"y":2},)");
  EXPECT_EQ(Refusal(ed_->TokenOf({{"alg", "EdDSA"}, {"kid", "ed1"}}, claims)),
            TokenRefusal::kDuplicateClaim);
}

TEST_F(JwtTest, WhatIsNoTokenIsMalformed) {
  const std::string good = ed_->Token(GoodClaims());
  const std::string deep = std::string(64, '[') + std::string(64, ']');
  for (const std::string& token :
       {std::string(), std::string(".."), std::string("a.b.c"), good + ".x", good + "=",
        StrCat(" ", good), std::string("e30.e30."), StrCat(Base64UrlEncode("[]"), ".e30.AAAA"),
        StrCat("e30.", Base64UrlEncode("{\"a\":" + deep + "}"), ".AAAA"),
        StrCat("e30.", Base64UrlEncode("{\"a\":\"\xff\"}"), ".AAAA"),
        StrCat(Base64UrlEncode(R"({"alg":1})"), ".e30.AAAA"),
        StrCat(Base64UrlEncode(R"({"alg":"EdDSA","crit":["exp"]})"), ".e30.AAAA")}) {
    const auto refusal = Refusal(token);
    // An empty header has no algorithm; that comes after it could be read.
    EXPECT_TRUE(refusal == TokenRefusal::kMalformed || refusal == TokenRefusal::kAlgorithmRefused)
        << token;
  }
}

TEST_F(JwtTest, ATokenForSomethingElseIsOfTheWrongType) {
  JwtExpectations expected = kExpected;
  expected.type = "hpcc-routing+jwt";
  EXPECT_EQ(Refusal(ed_->Token(GoodClaims()), expected), TokenRefusal::kWrongType);
  const std::string token = ed_->TokenOf(
      {{"alg", "EdDSA"}, {"kid", "ed1"}, {"typ", "HPCC-Routing+JWT"}}, GoodClaims().dump());
  EXPECT_TRUE(VerifyJwt(token, *keys_, expected, kTestNow).ok());
}

TEST(TokenRefusalTest, EveryRefusalHasANameOfItsOwn) {
  std::vector<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(TokenRefusal::kKeysUnavailable); ++i) {
    const auto refusal = static_cast<TokenRefusal>(i);
    const std::string_view name = TokenRefusalName(refusal);
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 0) << name;
    names.push_back(name);
    EXPECT_EQ(TokenRefusalOf(TokenRefused(refusal, "why")), refusal);
  }
  EXPECT_EQ(TokenRefusalOf(absl::UnauthenticatedError("another")), std::nullopt);
}

// RFC 8037, appendix A.4: made by somebody else.
TEST(JwtVectorTest, TheSignatureOfTheRfcIsVerified) {
  const KeySet keys = *ParseJwks(
      R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})");
  ASSERT_EQ(keys.keys().size(), 1u);
  const std::optional<std::string> signature = Base64UrlDecode(
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
  ASSERT_TRUE(signature.has_value());
  EXPECT_TRUE(keys.keys()[0].Verify("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
                                    *signature));
}

}  // namespace
}  // namespace hpcc
