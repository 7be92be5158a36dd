#include "scheduler/names.h"

#include <gtest/gtest.h>

#include <string>

#include "scheduler/isolation.h"

namespace hpcc {
namespace {

TEST(NamesTest, TenantsAreLowerCaseNames) {
  for (const std::string_view name : {"acme", "a", "a-b.c_9", "9"}) EXPECT_TRUE(IsTenantName(name));
  for (const std::string& name :
       {std::string(), std::string("Acme"), std::string(".a"), std::string("-a"),
        std::string("a/b"), std::string("a b"), std::string("a\n"), std::string(65, 'a')}) {
    EXPECT_FALSE(IsTenantName(name)) << name;
  }
}

TEST(NamesTest, AddressesHaveAHostAndAPort) {
  for (const std::string_view text : {"a:1", "1.2.3.4:65535", "[::1]:7443", "build.example:80"}) {
    EXPECT_TRUE(IsAddress(text)) << text;
  }
  for (const std::string_view text : {"", "a", ":1", "a:", "a:0", "a:65536", "a:1x", "::1:5",
                                      "a/b:1", "[a]b:1", "unix:/tmp/x", "a@b:1", "[]:1"}) {
    EXPECT_FALSE(IsAddress(text)) << text;
  }
  EXPECT_TRUE(IsAddress("a:0", /*any_port=*/true));
}

TEST(NamesTest, UsersAreTextWithoutControlCharacters) {
  EXPECT_TRUE(IsUserName("Al \xc3\xa9 <a@example.org>"));
  EXPECT_FALSE(IsUserName(""));
  EXPECT_FALSE(IsUserName("a\nb"));
  EXPECT_FALSE(IsUserName(std::string(257, 'a')));
}

TEST(NamesTest, AStarAtTheEndStandsForAnything) {
  EXPECT_TRUE(ImageMatches("host", "host"));
  EXPECT_FALSE(ImageMatches("host2", "host"));
  EXPECT_TRUE(ImageMatches("reg/a@sha256:1", "reg/*"));
  EXPECT_FALSE(ImageMatches("reg2/a", "reg/*"));
  EXPECT_TRUE(ImageMatches("anything", "*"));
  EXPECT_FALSE(ImageMatches("", "host"));
}

TEST(IsolationTest, BoundariesHaveAnOrder) {
  EXPECT_LT(IsolationRank("none"), IsolationRank("process"));
  EXPECT_LT(IsolationRank("process"), IsolationRank("qemu-tcg"));
  EXPECT_LT(IsolationRank("qemu-tcg"), IsolationRank("qemu-kvm"));
  EXPECT_EQ(IsolationRank("qemu-kvm"), IsolationRank("firecracker-kvm"));
  EXPECT_EQ(IsolationRank("kvm"), std::nullopt);
  EXPECT_EQ(IsolationRank(""), std::nullopt);
}

}  // namespace
}  // namespace hpcc
