#include "auth/base64url.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

TEST(Base64UrlTest, WhatWasEncodedIsDecoded) {
  // RFC 4648, section 10, without its padding.
  EXPECT_EQ(Base64UrlEncode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(Base64UrlEncode("fooba"), "Zm9vYmE");
  EXPECT_EQ(Base64UrlEncode("foob"), "Zm9vYg");
  EXPECT_EQ(Base64UrlEncode("\xfb\xff"), "-_8");
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(Base64UrlDecode(Base64UrlEncode(bytes)), bytes);
    bytes.push_back(static_cast<char>(i * 7));
  }
}

TEST(Base64UrlTest, NothingElseIsDecoded) {
  for (const std::string_view text :
       {"Z", "Zg==", "Zm9v=", "Zm9vY", "Zh", "Zm9", "Zm 9", "Zm+v", "Zm/v", "Zm9vYmE\n"}) {
    EXPECT_FALSE(Base64UrlDecode(text).has_value()) << text;
  }
  EXPECT_EQ(Base64UrlDecode(""), "");
}

}  // namespace
}  // namespace hpcc
