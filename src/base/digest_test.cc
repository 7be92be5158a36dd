#include "base/digest.h"

#include <gtest/gtest.h>

#include <set>

namespace hpcc {
namespace {

TEST(DigestTest, IsBlake3) {
  // From another implementation; the first is also in the specification's test vectors.
  EXPECT_EQ(Digest::Of("").ToHex(),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
  EXPECT_EQ(Digest::Of("abc").ToHex(),
            "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
}

TEST(DigestTest, HexGoesThereAndBack) {
  const Digest digest = Digest::Of("x");
  EXPECT_EQ(Digest::FromHex(digest.ToHex()), digest);
  std::string upper = digest.ToHex();
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(Digest::FromHex(upper), digest);
}

TEST(DigestTest, OnlySixtyFourHexDigitsAreADigest) {
  const std::string hex = Digest::Of("x").ToHex();
  EXPECT_FALSE(Digest::FromHex(""));
  EXPECT_FALSE(Digest::FromHex(hex.substr(1)));
  EXPECT_FALSE(Digest::FromHex(hex + "0"));
  for (size_t i = 0; i < hex.size(); ++i) {
    for (const char wrong : {'g', ' ', '/', ':', '@', 'G', '`', '\0'}) {
      std::string bad = hex;
      bad[i] = wrong;
      EXPECT_FALSE(Digest::FromHex(bad)) << i << wrong;
    }
  }
}

TEST(DigestTest, OnlyThirtyTwoBytesAreADigest) {
  const Digest digest = Digest::Of("x");
  EXPECT_EQ(Digest::FromBytes(digest.bytes()), digest);
  EXPECT_FALSE(Digest::FromBytes(digest.bytes().substr(1)));
  EXPECT_FALSE(Digest::FromBytes(std::string(33, 'x')));
}

TEST(DigestTest, ZeroMeansNone) {
  EXPECT_TRUE(Digest().is_zero());
  EXPECT_FALSE(Digest::Of("").is_zero());
}

TEST(HasherTest, FramingDomainAndOrderAllMatter) {
  const Digest digests[] = {
      Hasher("a").Finish(),
      Hasher("b").Finish(),
      Hasher("a").Field("").Finish(),
      Hasher("a").Field("").Field("").Finish(),
      Hasher("a").Field("x").Finish(),
      Hasher("ax").Finish(),
      Hasher("a").Field("xy").Finish(),
      Hasher("a").Field("x").Field("y").Finish(),
      Hasher("a").Field("y").Field("x").Finish(),
      Hasher("a").Number(0).Finish(),
      Hasher("a").Number(1).Finish(),
      Hasher("a").Number(1).Field("x").Finish(),
      Hasher("a").Field(Digest::Of("x")).Finish(),
  };
  const std::set<Digest> distinct(std::begin(digests), std::end(digests));
  EXPECT_EQ(distinct.size(), std::size(digests));
}

TEST(HasherTest, FramedFieldsAreTheSameAsEachByItself) {
  FramedFields fields;
  fields.Add("x");
  fields.Add("");
  fields.Add(Digest::Of("y"));
  EXPECT_EQ(Hasher("a").Fields(fields).Field("z").Finish(),
            Hasher("a").Field("x").Field("").Field(Digest::Of("y")).Field("z").Finish());
  EXPECT_EQ(Hasher("a").Fields(FramedFields()).Finish(), Hasher("a").Finish());
}

TEST(HasherTest, FinishMayBeFollowedByMore) {
  Hasher hasher("a");
  hasher.Field("x");
  const Digest first = hasher.Finish();
  EXPECT_EQ(hasher.Finish(), first);
  EXPECT_EQ(hasher.Field("y").Finish(), Hasher("a").Field("x").Field("y").Finish());
}

}  // namespace
}  // namespace hpcc
