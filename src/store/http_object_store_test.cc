#include "store/http_object_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/base64.h"
#include "store/http_test_util.h"
#include "store/percent_encoding.h"

namespace hpcc {
namespace {

using testing::HasSubstr;
using testing::Not;

std::unique_ptr<ObjectStore> StoreAt(HttpOptions options) {
  absl::StatusOr<std::unique_ptr<ObjectStore>> store = MakeHttpObjectStore(options, Clock::Real());
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

// Keeps objects, as nginx with WebDAV does.
class FakeCache {
 public:
  FakeAnswer operator()(const FakeRequest& request) {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(request.target);
    if (request.method == "PUT") {
      objects_[request.target] = request.body;
      return {201, ""};
    }
    if (found == objects_.end()) return {404, "not here"};
    if (request.method == "DELETE") {
      objects_.erase(found);
      return {204, ""};
    }
    return {200, found->second};
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> objects_;
};

TEST(HttpObjectStoreTest, KeepsObjectsUnderNamesOfAnyBytes) {
  FakeCache cache;
  const FakeHttpServer server([&](const FakeRequest& request) { return cache(request); });
  const std::unique_ptr<ObjectStore> store = StoreAt({.url = server.url() + "/some%20path/"});
  for (int byte = 1; byte < 256; ++byte) {
    const std::string name = StrCat("a/x", static_cast<char>(byte), "y");
    EXPECT_TRUE(absl::IsNotFound(store->Get(name).status())) << byte;
    ASSERT_TRUE(store->Put(name, name).ok()) << byte;
    EXPECT_EQ(server.requests().back().target, StrCat("/some%20path/", PercentEncodePath(name)));
    EXPECT_TRUE(*store->Exists(name)) << byte;
    EXPECT_EQ(store->Get(name)->bytes, name) << byte;
    ASSERT_TRUE(store->Remove(name).ok()) << byte;
    EXPECT_FALSE(*store->Exists(name)) << byte;
    EXPECT_TRUE(store->Remove(name).ok()) << byte;
  }
}

TEST(HttpObjectStoreTest, SendsBasicAndBearerAuthentication) {
  const FakeHttpServer server([](const FakeRequest&) { return FakeAnswer{}; });
  StoreAt({.url = server.url(), .user = "me", .password = "sesame"})->Get("n").IgnoreError();
  EXPECT_EQ(server.requests().at(0).headers.at("authorization"),
            "Basic " + Base64Encode("me:sesame"));
  StoreAt({.url = server.url(), .bearer_token = "sesame"})->Get("n").IgnoreError();
  EXPECT_EQ(server.requests().at(1).headers.at("authorization"), "Bearer sesame");
}

TEST(HttpObjectStoreTest, RefusalsAreToldApartWithoutSecrets) {
  std::atomic<int> status{0};
  const FakeHttpServer server([&](const FakeRequest&) {
    return FakeAnswer{status, "", {"Location: http://elsewhere/"}};
  });
  const std::unique_ptr<ObjectStore> store =
      StoreAt({.url = server.url(), .user = "me", .password = "sesame"});
  const auto get = [&](int answered) {
    status = answered;
    const absl::Status result = store->Get("n").status();
    EXPECT_THAT(std::string(result.message()), Not(HasSubstr("sesame")));
    return result;
  };
  EXPECT_TRUE(absl::IsUnauthenticated(get(401)));
  EXPECT_TRUE(absl::IsPermissionDenied(get(403)));
  EXPECT_TRUE(absl::IsNotFound(get(404)));
  EXPECT_TRUE(absl::IsUnavailable(get(503)));
  EXPECT_TRUE(absl::IsFailedPrecondition(get(204)));
  EXPECT_THAT(std::string(get(301).message()), HasSubstr("http://elsewhere/"));
  status = 404;
  EXPECT_TRUE(absl::IsFailedPrecondition(store->Put("n", "v")));
}

TEST(HttpObjectStoreTest, AServerWithoutHeadIsReadInstead) {
  const FakeHttpServer server([](const FakeRequest& request) {
    if (request.method == "HEAD") return FakeAnswer{405, ""};
    return FakeAnswer{request.target == "/there" ? 200 : 404, "v"};
  });
  const std::unique_ptr<ObjectStore> store = StoreAt({.url = server.url()});
  EXPECT_TRUE(*store->Exists("there"));
  EXPECT_FALSE(*store->Exists("gone"));
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST(HttpObjectStoreTest, WhatTheProtocolLacksIsUnimplemented) {
  const FakeHttpServer server([](const FakeRequest&) { return FakeAnswer{405, ""}; });
  const std::unique_ptr<ObjectStore> store = StoreAt({.url = server.url()});
  EXPECT_TRUE(absl::IsUnimplemented(store->List("", "").status()));
  EXPECT_TRUE(absl::IsUnimplemented(store->Refresh("n")));
  EXPECT_TRUE(absl::IsUnimplemented(store->Remove("n")));
}

TEST(HttpObjectStoreTest, TheCheckReadsAndWritesBelowThePrefix) {
  FakeCache cache;
  const FakeHttpServer server([&](const FakeRequest& request) { return cache(request); });
  EXPECT_TRUE(StoreAt({.url = server.url()})->Check("cache/ns/", true).ok());
  EXPECT_EQ(server.requests().back().target, "/cache/ns/hpcc-check");
  EXPECT_TRUE(absl::IsUnavailable(StoreAt({.url = ClosedPort().url()})->Check("cache/", false)));
}

TEST(HttpObjectStoreTest, OptionsThatCannotBeRightAreNamed) {
  const auto make = [](const HttpOptions& options) {
    return MakeHttpObjectStore(options, Clock::Real()).status();
  };
  EXPECT_TRUE(absl::IsInvalidArgument(make({.url = "cache.example"})));
  EXPECT_TRUE(absl::IsInvalidArgument(make({.url = "https://u:p@cache.example"})));
  EXPECT_TRUE(absl::IsInvalidArgument(make({.url = "https://cache.example?x=1"})));
  EXPECT_TRUE(
      absl::IsInvalidArgument(make({.url = "https://h", .user = "u", .bearer_token = "t"})));
  EXPECT_TRUE(absl::IsInvalidArgument(make({.url = "https://h", .password = "p"})));
  EXPECT_TRUE(absl::IsInvalidArgument(make({.url = "https://h", .bearer_token = "a\r\nX: y"})));
}

TEST(HttpObjectStoreTest, SecretsAreNotSentInTheClearToOtherMachines) {
  const auto make = [](const HttpOptions& options) {
    return MakeHttpObjectStore(options, Clock::Real()).status();
  };
  EXPECT_TRUE(absl::IsFailedPrecondition(make({.url = "http://h", .bearer_token = "t"})));
  EXPECT_TRUE(absl::IsFailedPrecondition(make({.url = "http://h", .user = "u"})));
  EXPECT_TRUE(make({.url = "http://127.0.0.1", .bearer_token = "t"}).ok());
  EXPECT_TRUE(make({.url = "http://h"}).ok());
}

}  // namespace
}  // namespace hpcc
