#include "auth/token_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "store/store_test_util.h"

namespace hpcc {
namespace {

StoredTokens Example() {
  return {.tenant = "acme",
          .issuer = "https://idp.example",
          .token_url = "https://idp.example/token",
          .client_id = "hpcc",
          .scope = "openid",
          .audience = "hpcc",
          .user = "alice",
          .access_token = "at",
          .id_token = "",
          .refresh_token = "rt",
          .expires_s = 1800000000,
          .session = "s",
          .session_expires_s = 1800000001};
}

TEST(TokenFileTest, TheFormatIsWhatItsHeaderSays) {
  const std::string text =
      R"({"access_token":"at","audience":"hpcc","client_id":"hpcc","expires_s":1800000000,)"
      R"("id_token":"","issuer":"https://idp.example","refresh_token":"rt","scope":"openid",)"
      R"("session":"s","session_expires_s":1800000001,"tenant":"acme",)"
      R"("token_url":"https://idp.example/token","user":"alice","version":1})"
      "\n";
  EXPECT_EQ(FormatTokenFile(Example()), text);
  const absl::StatusOr<StoredTokens> tokens = ParseTokenFile(text);
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  EXPECT_EQ(FormatTokenFile(*tokens), text);
}

TEST(TokenFileTest, MissingMembersAreEmptyAndOtherVersionsAreRefused) {
  EXPECT_EQ(ParseTokenFile(R"({"version":1,"new":[]})")->access_token, "");
  for (const std::string_view text : {"", "{}", "[]", R"({"version":2})", R"({"version":"1"})"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseTokenFile(text).status())) << text;
  }
}

class StoredTokenFileTest : public testing::Test {
 protected:
  FileSystem& fs_ = FileSystem::Real();
  const ScratchDirectory scratch_;
  const std::string folder_ = scratch_.path() + "/tokens";
  const std::string path_ = folder_ + "/acme.json";
};

TEST_F(StoredTokenFileTest, IsItsOwnersOnly) {
  EXPECT_TRUE(absl::IsNotFound(ReadTokenFile(fs_, path_).status()));
  const absl::Status written = WriteTokenFile(fs_, path_, Example());
  ASSERT_TRUE(written.ok()) << written;
  EXPECT_EQ(StatFile(fs_, path_)->mode, 0600u);
  EXPECT_EQ(StatFile(fs_, folder_)->mode, 0700u);
  EXPECT_EQ(ReadTokenFile(fs_, path_)->refresh_token, "rt");
}

TEST_F(StoredTokenFileTest, OpenToOthersIsRefused) {
  ASSERT_TRUE(WriteTokenFile(fs_, path_, Example()).ok());
  chmod(path_.c_str(), 0640);
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadTokenFile(fs_, path_).status()));
  chmod(folder_.c_str(), 0755);
  EXPECT_TRUE(absl::IsFailedPrecondition(WriteTokenFile(fs_, path_, Example())));
}

TEST_F(StoredTokenFileTest, IsRemovedOnceAndForAll) {
  ASSERT_TRUE(WriteTokenFile(fs_, path_, Example()).ok());
  EXPECT_TRUE(RemoveTokenFile(fs_, path_).ok());
  EXPECT_TRUE(RemoveTokenFile(fs_, path_).ok());
  EXPECT_TRUE(absl::IsNotFound(ReadTokenFile(fs_, path_).status()));
}

}  // namespace
}  // namespace hpcc
