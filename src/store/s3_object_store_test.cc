#include "store/s3_object_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/http_test_util.h"
#include "store/percent_encoding.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class FakeCredentials final : public AwsCredentialProvider {
 public:
  absl::StatusOr<AwsCredentials> Get(milliseconds) override {
    if (!status.ok()) return status;
    return AwsCredentials{"AK", StrCat("sesame-", refused.load()), "a-token", 0};
  }
  void Refused() override { ++refused; }
  std::string Source() override { return "a test"; }

  absl::Status status;
  std::atomic<int> refused{0};
};

FakeAnswer S3Refusal(int status, std::string_view code, std::string_view more = "") {
  return {status,
          StrCat("<Error><Code>", code, "</Code><Message>sesame</Message>", more, "</Error>")};
}

// A store in front of a handler.
class S3ObjectStoreTest : public testing::Test {
 protected:
  std::unique_ptr<ObjectStore> StoreAt(const FakeHttpServer& server) {
    options_.bucket = "bucket";
    options_.endpoint = server.url();
    return *MakeS3ObjectStore(options_, credentials_, Clock::Real());
  }

  // What Get() says when the server answers with that.
  absl::Status GetAnswered(const FakeAnswer& answer) {
    const FakeHttpServer server([&](const FakeRequest&) { return answer; });
    return StoreAt(server)->Get("name").status();
  }

  S3Options options_;
  FakeCredentials credentials_;
};

TEST_F(S3ObjectStoreTest, GetsAnObjectWithItsTime) {
  const FakeHttpServer server([](const FakeRequest&) {
    return FakeAnswer{200, "bytes", {"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"}};
  });
  const absl::StatusOr<Object> object = StoreAt(server)->Get("cache/a/b");
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ(object->bytes, "bytes");
  EXPECT_EQ(object->modified_ns, 784111777000000000);
  EXPECT_EQ(server.requests().at(0).target, "/bucket/cache/a/b");
}

TEST_F(S3ObjectStoreTest, EveryByteOfANameIsEncodedWhereItMustBe) {
  const FakeHttpServer server([](const FakeRequest&) { return FakeAnswer{}; });
  const std::unique_ptr<ObjectStore> store = StoreAt(server);
  for (int byte = 1; byte < 256; ++byte) {
    const std::string name = StrCat("x", static_cast<char>(byte), "y");
    ASSERT_TRUE(store->Put(name, "v").ok()) << byte;
    EXPECT_EQ(server.requests().back().target, StrCat("/bucket/", PercentEncodePath(name))) << byte;
  }
}

TEST_F(S3ObjectStoreTest, NamesThatProxiesRewriteAreRefused) {
  const FakeHttpServer server([](const FakeRequest&) { return FakeAnswer{}; });
  const std::unique_ptr<ObjectStore> store = StoreAt(server);
  for (const std::string& name : {std::string(), std::string("/a"), std::string("a/"),
                                  std::string("a//b"), std::string("a/../b"), std::string("./a"),
                                  std::string("a\0b", 3), std::string(1025, 'a')}) {
    EXPECT_TRUE(absl::IsInvalidArgument(store->Get(name).status())) << name;
    EXPECT_TRUE(absl::IsInvalidArgument(store->Put(name, "v"))) << name;
    EXPECT_TRUE(absl::IsInvalidArgument(store->Remove(name))) << name;
  }
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(S3ObjectStoreTest, PutsWithTheBodysSha256) {
  const FakeHttpServer server([](const FakeRequest&) { return FakeAnswer{}; });
  ASSERT_TRUE(StoreAt(server)->Put("n", "abc").ok());
  const FakeRequest seen = server.requests().at(0);
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.body, "abc");
  EXPECT_EQ(seen.headers.at("x-amz-content-sha256"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(seen.headers.at("x-amz-security-token"), "a-token");
}

TEST_F(S3ObjectStoreTest, ABodyOverTheLimitIsNotSent) {
  options_.limits.max_body = 10;
  const FakeHttpServer server([](const FakeRequest&) { return FakeAnswer{}; });
  EXPECT_TRUE(absl::IsResourceExhausted(StoreAt(server)->Put("n", "eleven bytes")));
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(S3ObjectStoreTest, RefusalsAreOneLineThatSaysWhatToDo) {
  struct Case {
    FakeAnswer answer;
    absl::StatusCode code;
    std::string says;
  };
  using absl::StatusCode;
  for (const Case& c : {
           Case{S3Refusal(404, "NoSuchKey"), StatusCode::kNotFound, "no such object"},
           Case{S3Refusal(404, "NoSuchBucket"), StatusCode::kFailedPrecondition, "auto_create"},
           Case{S3Refusal(403, "SignatureDoesNotMatch"), StatusCode::kUnauthenticated,
                "secret key is not that of the access key"},
           Case{S3Refusal(403, "InvalidAccessKeyId"), StatusCode::kUnauthenticated,
                "does not know this access key"},
           Case{S3Refusal(403, "AccessDenied"), StatusCode::kPermissionDenied, "s3:GetObject"},
           Case{S3Refusal(400, "ExpiredToken"), StatusCode::kUnauthenticated, "expired"},
           Case{S3Refusal(503, "SlowDown"), StatusCode::kUnavailable, "fewer requests"},
           Case{S3Refusal(500, "InternalError"), StatusCode::kUnavailable, "inside the server"},
           Case{S3Refusal(400, "AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>"),
                StatusCode::kFailedPrecondition, "set region = \"eu-west-3\""},
           Case{FakeAnswer{301, "", {"x-amz-bucket-region: eu-west-3"}},
                StatusCode::kFailedPrecondition, "set region = \"eu-west-3\""},
           Case{FakeAnswer{307, "", {"Location: http://elsewhere/"}},
                StatusCode::kFailedPrecondition, "http://elsewhere/"},
           Case{S3Refusal(403, "BrandNewCode"), StatusCode::kPermissionDenied, "BrandNewCode"},
           Case{FakeAnswer{403, "<html>a proxy</html>"}, StatusCode::kPermissionDenied, "403"},
           Case{FakeAnswer{500, ""}, StatusCode::kUnavailable, "500"},
           Case{FakeAnswer{404, ""}, StatusCode::kNotFound, "404"},
       }) {
    const absl::Status status = GetAnswered(c.answer);
    EXPECT_EQ(status.code(), c.code) << status;
    const std::string message(status.message());
    EXPECT_THAT(message, AllOf(HasSubstr(c.says), HasSubstr("s3://bucket"), Not(HasSubstr("\n")),
                               Not(HasSubstr("sesame"))));
  }
}

TEST_F(S3ObjectStoreTest, AClockThatIsOffIsToldByHowMuch) {
  FakeAnswer answer = S3Refusal(403, "RequestTimeTooSkewed");
  answer.headers = {"Date: Sun, 06 Nov 1994 08:49:37 GMT"};
  const absl::Status status = GetAnswered(answer);
  EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("clock is"), HasSubstr("ahead of the server's")));
}

TEST_F(S3ObjectStoreTest, ExpiredCredentialsAreAskedForAgainOnce) {
  const FakeHttpServer server([&](const FakeRequest&) {
    return credentials_.refused > 0 ? FakeAnswer{200, "bytes"} : S3Refusal(400, "ExpiredToken");
  });
  EXPECT_TRUE(StoreAt(server)->Get("n").ok());
  EXPECT_EQ(credentials_.refused, 1);
  EXPECT_EQ(server.requests().size(), 2u);
}

TEST_F(S3ObjectStoreTest, WithoutCredentialsNothingIsSent) {
  credentials_.status = absl::UnauthenticatedError("no credentials were found");
  const FakeHttpServer server([](const FakeRequest&) { return FakeAnswer{}; });
  EXPECT_TRUE(absl::IsUnauthenticated(StoreAt(server)->Get("n").status()));
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(S3ObjectStoreTest, AMissingBucketIsMadeOnlyWhenThatIsAsked) {
  std::atomic<bool> exists{false};
  const auto handler = [&](const FakeRequest& request) {
    if (request.target == "/bucket/" && request.method == "PUT") exists = true;
    return exists ? FakeAnswer{200, ""} : S3Refusal(404, "NoSuchBucket");
  };
  const FakeHttpServer server(handler);
  EXPECT_TRUE(absl::IsFailedPrecondition(StoreAt(server)->Put("n", "v")));
  EXPECT_FALSE(exists);
  options_.auto_create = true;
  EXPECT_TRUE(StoreAt(server)->Put("n", "v").ok());
  EXPECT_TRUE(exists);
}

TEST_F(S3ObjectStoreTest, ExistsAsksAgainForTheReasonThatHeadDoesNotGive) {
  const FakeHttpServer server([](const FakeRequest& request) {
    if (request.target == "/bucket/there") return FakeAnswer{200, "x"};
    if (request.target == "/bucket/gone") return FakeAnswer{404, ""};
    return S3Refusal(403, "SignatureDoesNotMatch");
  });
  const std::unique_ptr<ObjectStore> store = StoreAt(server);
  EXPECT_TRUE(*store->Exists("there"));
  EXPECT_FALSE(*store->Exists("gone"));
  EXPECT_TRUE(absl::IsUnauthenticated(store->Exists("other").status()));
}

TEST_F(S3ObjectStoreTest, ADenialIsAMissWhereTheListSaysSoAndADenialElsewhere) {
  std::atomic<int> list_status{200};
  std::atomic<bool> listed{false};
  const FakeHttpServer server([&](const FakeRequest& request) {
    if (!StrContains(request.target, "list-type")) return S3Refusal(403, "AccessDenied");
    if (list_status != 200) return S3Refusal(list_status, "AccessDenied");
    const std::string entry = listed ? "<Contents><Key>name</Key><Size>1</Size></Contents>" : "";
    return FakeAnswer{200, StrCat("<ListBucketResult>", entry, "</ListBucketResult>")};
  });
  list_status = 403;
  EXPECT_TRUE(absl::IsPermissionDenied(StoreAt(server)->Get("name").status()));
  list_status = 200;
  listed = true;
  EXPECT_TRUE(absl::IsPermissionDenied(StoreAt(server)->Get("name").status()));
  listed = false;
  const std::unique_ptr<ObjectStore> store = StoreAt(server);
  EXPECT_TRUE(absl::IsNotFound(store->Get("name").status()));
  EXPECT_EQ(store->Exists("name").value_or(true), false);
  const size_t requests = server.requests().size();
  EXPECT_TRUE(absl::IsNotFound(store->Get("other").status()));
  EXPECT_EQ(server.requests().size(), requests + 1) << "it is known by now";
}

TEST_F(S3ObjectStoreTest, ListsPageByPageWithASortedQuery) {
  const FakeHttpServer server([](const FakeRequest&) {
    return FakeAnswer{200, "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"};
  });
  ASSERT_TRUE(StoreAt(server)->List("cache/a b/", "t/+=").ok());
  EXPECT_EQ(server.requests().at(0).target,
            "/bucket/?continuation-token=t%2F%2B%3D&encoding-type=url&list-type=2&max-keys=1000&"
            "prefix=cache%2Fa%20b%2F");
}

TEST_F(S3ObjectStoreTest, AListWithWhatWasNotAskedForIsDataLoss) {
  const FakeHttpServer server([](const FakeRequest&) {
    return FakeAnswer{200,
                      "<ListBucketResult><Contents><Key>other/a</Key><Size>1</Size>"
                      "<LastModified>2026-11-25T04:13:20Z</LastModified></Contents>"
                      "</ListBucketResult>"};
  });
  EXPECT_TRUE(absl::IsDataLoss(StoreAt(server)->List("cache/", "").status()));
}

TEST_F(S3ObjectStoreTest, RemovesABatchAndWhatXmlCannotHoldOneByOne) {
  const FakeHttpServer server([](const FakeRequest& request) {
    return request.method == "POST" ? FakeAnswer{200, "<DeleteResult/>"} : FakeAnswer{204, ""};
  });
  const std::vector<std::string> names = {"a&b", "c\x01", "d"};
  ASSERT_TRUE(StoreAt(server)->RemoveMany(names).ok());
  ASSERT_EQ(server.requests().size(), 2u);
  EXPECT_EQ(server.requests()[0].target, "/bucket/c%01");
  EXPECT_EQ(server.requests()[1].target, "/bucket/?delete=");
  EXPECT_EQ(server.requests()[1].headers.count("content-md5"), 1u);
}

TEST_F(S3ObjectStoreTest, ACopyThatFailsAfterItsStatusIsAnError) {
  const FakeHttpServer server([](const FakeRequest& request) {
    EXPECT_EQ(request.headers.at("x-amz-copy-source"), "/bucket/a%20b");
    return S3Refusal(200, "InternalError");
  });
  EXPECT_TRUE(absl::IsUnavailable(StoreAt(server)->Refresh("a b")));
}

TEST_F(S3ObjectStoreTest, TheCheckNeedsOnlyListGetAndPutBelowThePrefix) {
  const FakeHttpServer server([](const FakeRequest& request) {
    if (request.target.find("prefix=cache%2Fns%2F") != std::string::npos) {
      return FakeAnswer{200, "<ListBucketResult/>"};
    }
    if (request.target == "/bucket/cache/ns/hpcc-check") {
      return request.method == "PUT" ? FakeAnswer{} : S3Refusal(404, "NoSuchKey");
    }
    return S3Refusal(403, "AccessDenied");
  });
  EXPECT_TRUE(StoreAt(server)->Check("cache/ns/", true).ok());
  EXPECT_EQ(server.requests().size(), 3u);
  EXPECT_TRUE(absl::IsPermissionDenied(StoreAt(server)->Check("cache/other/", false)));
}

TEST_F(S3ObjectStoreTest, OptionsThatCannotBeRightAreNamed) {
  const auto says = [&](const S3Options& options) {
    return std::string(MakeS3ObjectStore(options, credentials_, Clock::Real()).status().message());
  };
  EXPECT_THAT(says({.bucket = "A"}), HasSubstr("bucket"));
  EXPECT_THAT(says({.bucket = "bucket/../x"}), HasSubstr("bucket"));
  EXPECT_THAT(says({.bucket = "bucket", .region = "x.evil.example/"}), HasSubstr("region"));
  EXPECT_THAT(says({.bucket = "bucket", .endpoint = "host:80"}), HasSubstr("endpoint"));
  EXPECT_EQ(says({.bucket = "bucket", .region = "eu-central-1"}), "");
}

}  // namespace
}  // namespace hpcc
