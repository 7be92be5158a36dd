// The client for S3 against a real and strict server: every request is signed as the server expects
// it, whatever the name, and every answer is understood. tests/peers/radosgw.py runs it with a
// server; S3_ENDPOINT and the rest stand in the environment.

#include "store/s3_object_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/strings.h"
#include "store/aws_credentials.h"
#include "store/object_store.h"

namespace hpcc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string Variable(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

// Keys that are simply there.
class FixedCredentials final : public AwsCredentialProvider {
 public:
  FixedCredentials(std::string access_key, std::string secret_key)
      : access_key_(std::move(access_key)), secret_key_(std::move(secret_key)) {}

  absl::StatusOr<AwsCredentials> Get(std::chrono::milliseconds) override {
    return AwsCredentials{access_key_, secret_key_, "", 0};
  }
  void Refused() override {}
  std::string Source() override { return "the test"; }

 private:
  const std::string access_key_;
  const std::string secret_key_;
};

class S3PeerTest : public testing::Test {
 protected:
  S3PeerTest()
      : credentials_(Variable("AWS_ACCESS_KEY_ID"), Variable("AWS_SECRET_ACCESS_KEY")),
        store_(Make(Options())) {}

  static S3Options Options() {
    S3Options options;
    options.endpoint = Variable("S3_ENDPOINT");
    options.bucket = Variable("S3_BUCKET");
    return options;
  }
  std::unique_ptr<ObjectStore> Make(const S3Options& options) {
    return Make(options, credentials_);
  }
  static std::unique_ptr<ObjectStore> Make(const S3Options& options,
                                           AwsCredentialProvider& credentials) {
    auto store = MakeS3ObjectStore(options, credentials, Clock::Real());
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  std::vector<std::string> Names(const std::string& prefix) {
    std::vector<std::string> names;
    std::string continuation;
    do {
      const auto page = store_->List(prefix, continuation);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return names;
      for (const ObjectInfo& object : page->objects) names.push_back(object.name);
      continuation = page->continuation;
    } while (!continuation.empty());
    return names;
  }

  FixedCredentials credentials_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_F(S3PeerTest, AnObjectIsPutReadFoundListedRefreshedAndRemoved) {
  const std::string name = "cache/default/result/ab/abcd";
  const std::string bytes("content\0with all\xff", 17);
  EXPECT_TRUE(absl::IsNotFound(store_->Get(name).status()));
  EXPECT_EQ(store_->Exists(name).value(), false);
  ASSERT_EQ(store_->Put(name, bytes), absl::OkStatus());
  const auto object = store_->Get(name);
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ(object->bytes, bytes);
  EXPECT_GT(object->modified_ns, 0);
  EXPECT_EQ(store_->Exists(name).value(), true);
  const auto page = store_->List("cache/default/", "");
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->objects.size(), 1u);
  EXPECT_EQ(page->objects[0].size, bytes.size());
  EXPECT_GT(page->objects[0].modified_ns, 0);
  EXPECT_EQ(store_->Refresh(name), absl::OkStatus());
  EXPECT_EQ(store_->Get(name)->bytes, bytes);
  EXPECT_EQ(store_->Remove(name), absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(store_->Get(name).status()));
  EXPECT_EQ(store_->Remove(name), absl::OkStatus());
}

// Valid UTF-8, since S3 names are: each printable ASCII byte alone and all together, and letters of
// two, three and four bytes.
TEST_F(S3PeerTest, NamesWithEveryByteThatNeedsEncoding) {
  std::vector<std::string> names;
  std::string all;
  for (char byte = 0x20; byte < 0x7f; ++byte) {
    if (byte == '/') continue;
    all += byte;
    names.push_back(StrCat("bytes/a", std::string(1, byte), "b"));
  }
  names.push_back("bytes/" + all);
  names.push_back("bytes/\xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82");
  names.push_back("bytes/%41+%2B%2F%25");
  for (const std::string& name : names) {
    ASSERT_EQ(store_->Put(name, name), absl::OkStatus()) << name;
    const auto object = store_->Get(name);
    ASSERT_TRUE(object.ok()) << name << ": " << object.status();
    EXPECT_EQ(object->bytes, name);
    EXPECT_EQ(store_->Exists(name).value_or(false), true) << name;
    EXPECT_EQ(store_->Refresh(name), absl::OkStatus()) << name;
  }
  const std::vector<std::string> listed = Names("bytes/");
  EXPECT_EQ(std::set<std::string>(listed.begin(), listed.end()),
            std::set<std::string>(names.begin(), names.end()));
  EXPECT_EQ(store_->RemoveMany(names), absl::OkStatus());
  EXPECT_THAT(Names("bytes/"), IsEmpty());
}

TEST_F(S3PeerTest, PrefixesWithEveryByteThatNeedsEncoding) {
  std::string all;
  for (char byte = 0x20; byte < 0x7f; ++byte) {
    if (byte != '/') all += byte;
  }
  ASSERT_EQ(store_->Put(StrCat(all, "/x"), "1"), absl::OkStatus());
  EXPECT_THAT(Names(StrCat(all, "/")), ElementsAre(StrCat(all, "/x")));
  EXPECT_EQ(store_->Remove(StrCat(all, "/x")), absl::OkStatus());
}

TEST_F(S3PeerTest, ListingGoesOverPagesAndManyAreRemovedAtOnce) {
  std::vector<std::string> names;
  for (int i = 0; i < 1003; ++i) names.push_back(StrCat("pages/", 10000 + i));
  for (const std::string& name : names) ASSERT_EQ(store_->Put(name, ""), absl::OkStatus());
  EXPECT_EQ(Names("pages/"), names);
  EXPECT_EQ(store_->RemoveMany(std::span(names).first(1000)), absl::OkStatus());
  EXPECT_EQ(store_->RemoveMany(std::span(names).last(5)), absl::OkStatus());
  EXPECT_THAT(Names("pages/"), IsEmpty());
}

TEST_F(S3PeerTest, LargeAndEmptyBodiesComeBackWhole) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{65536}, size_t{20} << 20}) {
    std::string bytes(size, 'x');
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
    ASSERT_EQ(store_->Put("large", bytes), absl::OkStatus()) << size;
    const auto object = store_->Get("large");
    ASSERT_TRUE(object.ok()) << object.status();
    EXPECT_EQ(object->bytes == bytes, true) << size;
  }
}

TEST_F(S3PeerTest, BodiesOverTheLimitAreRefusedInBothDirections) {
  ASSERT_EQ(store_->Put("limited", std::string(2000, 'x')), absl::OkStatus());
  S3Options options = Options();
  options.limits.max_body = 1999;
  const auto limited = Make(options);
  EXPECT_TRUE(absl::IsResourceExhausted(limited->Get("limited").status()));
  EXPECT_TRUE(absl::IsResourceExhausted(limited->Put("limited", std::string(2000, 'x'))));
}

TEST_F(S3PeerTest, CheckPassesAndLeavesWhatIsThere) {
  EXPECT_EQ(store_->Check("cache/checked/", true), absl::OkStatus());
  EXPECT_EQ(store_->Check("cache/checked/", false), absl::OkStatus());
}

TEST_F(S3PeerTest, TlsNeedsTheAuthority) {
  S3Options options = Options();
  options.endpoint = Variable("S3_TLS_ENDPOINT");
  const absl::Status refused = Make(options)->Check("cache/", true);
  EXPECT_FALSE(refused.ok());
  EXPECT_THAT(std::string(refused.message()), HasSubstr("certificate"));
  options.ca_file = Variable("S3_CA_FILE");
  EXPECT_EQ(Make(options)->Check("cache/", true), absl::OkStatus());
}

TEST_F(S3PeerTest, WrongSecretUnknownKeyAndMissingBucketHaveReasonsOfTheirOwn) {
  FixedCredentials wrong(Variable("AWS_ACCESS_KEY_ID"), "wrong-secret");
  FixedCredentials unknown("UNKNOWNKEY", "wrong-secret");
  S3Options elsewhere = Options();
  elsewhere.bucket = "no-such-bucket";
  const absl::Status statuses[] = {Make(Options(), wrong)->Check("cache/", true),
                                   Make(Options(), unknown)->Check("cache/", true),
                                   Make(elsewhere)->Check("cache/", true)};
  std::set<std::string> messages;
  for (const absl::Status& status : statuses) {
    EXPECT_FALSE(status.ok());
    const std::string message(status.message());
    EXPECT_THAT(message, Not(HasSubstr("wrong-secret")));
    EXPECT_THAT(message, Not(HasSubstr("\n")));
    messages.insert(message);
    printf("%s: %s\n", absl::StatusCodeToString(status.code()).c_str(), message.c_str());
  }
  EXPECT_EQ(messages.size(), 3u);
  EXPECT_TRUE(absl::IsFailedPrecondition(statuses[2])) << statuses[2];
}

TEST_F(S3PeerTest, PermissionsForAPrefixAreEnoughAndAMissIsAMiss) {
  FixedCredentials restricted(Variable("S3_RESTRICTED_ACCESS_KEY"),
                              Variable("S3_RESTRICTED_SECRET_KEY"));
  const auto store = Make(Options(), restricted);
  EXPECT_EQ(store->Check("cache/restricted/", true), absl::OkStatus());
  EXPECT_TRUE(absl::IsNotFound(store->Get("cache/restricted/x").status()));
  EXPECT_EQ(store->Exists("cache/restricted/x").value_or(true), false);
  ASSERT_EQ(store->Put("cache/restricted/x", "1"), absl::OkStatus());
  EXPECT_EQ(store->Get("cache/restricted/x")->bytes, "1");
  EXPECT_EQ(store->Exists("cache/restricted/x").value_or(false), true);
  EXPECT_TRUE(absl::IsPermissionDenied(Make(Options(), restricted)->Get("elsewhere").status()));
  EXPECT_TRUE(absl::IsPermissionDenied(store->Put("elsewhere", "1")));
}

TEST_F(S3PeerTest, AMissingBucketIsMadeWhenAskedFor) {
  S3Options options = Options();
  options.bucket = "made-by-the-test";
  options.auto_create = true;
  const auto store = Make(options);
  EXPECT_EQ(store->Check("cache/", true), absl::OkStatus());
  EXPECT_EQ(store->Put("cache/x", "1"), absl::OkStatus());
  EXPECT_EQ(store->Get("cache/x")->bytes, "1");
}

}  // namespace
}  // namespace hpcc
