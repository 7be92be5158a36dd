#include "image/registry_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/oci_test_support.h"
#include "store/base64.h"
#include "store/http_test_util.h"

namespace hpcc {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string HeaderOf(const FakeRequest& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "" : found->second;
}

// A registry's answers, as a test wants them.
class RegistryClientTest : public testing::Test {
 protected:
  RegistryClientTest() {
    top_ = images_.AddImage({"layer"});
    blob_ = images_.Add("", "0123456789");
  }

  FakeAnswer Answer(const FakeRequest& request) {
    if (request.target == "/v2/") return {ping_status_};
    if (!demand_.empty() && HeaderOf(request, "authorization") != expected_) {
      return {401, "", {"WWW-Authenticate: " + demand_}};
    }
    if (request.target == "/v2/a/b/manifests/1") {
      return {200, images_.blobs().at(top_.digest), {StrCat("Content-Type: ", kOciManifestType)}};
    }
    if (request.target == "/moved") return {200, "0123456789"};
    if (!redirect_.empty()) return {307, "", {"Location: " + redirect_}};
    if (request.target == "/v2/a/b/blobs/" + blob_.digest) {
      const std::string range = HeaderOf(request, "range");
      if (range != "bytes=4-" || !knows_ranges_) return {200, "0123456789"};
      return {206, "456789", {"Content-Range: bytes 4-9/10"}};
    }
    return {404, R"({"errors":[{"code":"NAME_UNKNOWN","message":"x"}]})"};
  }

  std::unique_ptr<ImageSource> Source(const std::string& tag = "1") {
    const auto reference =
        ParseImageReference(StrCat(server_.url().substr(strlen("http://")), "/a/b:", tag));
    return MakeRegistrySource(*reference, options_, Clock::Real());
  }

  absl::StatusOr<std::string> Read(const OciDescriptor& blob, uint64_t offset) {
    std::string bytes;
    const absl::Status status = Source()->ReadBlob(blob, offset, [&](std::string_view piece) {
      bytes.append(piece);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return bytes;
  }

  TestImages images_;
  OciDescriptor top_;
  OciDescriptor blob_;
  int ping_status_ = 200;
  bool knows_ranges_ = true;
  std::string demand_;    // the challenge; "": nobody is asked
  std::string expected_;  // the Authorization that is let in
  std::string redirect_;
  RegistryOptions options_;
  FakeHttpServer server_{[this](const FakeRequest& request) { return Answer(request); }};
};

TEST_F(RegistryClientTest, AManifestIsAskedForInAllFourForms) {
  const auto manifest = Source()->TopManifest();
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->media_type, kOciManifestType);
  EXPECT_EQ(manifest->text, images_.blobs().at(top_.digest));
  const std::string accepted = HeaderOf(server_.requests().back(), "accept");
  for (const std::string_view type :
       {kOciIndexType, kOciManifestType, kDockerIndexType, kDockerManifestType}) {
    EXPECT_THAT(accepted, HasSubstr(std::string(type)));
  }
}

TEST_F(RegistryClientTest, WhatIsMissingIsNamed) {
  const auto manifest = Source("2")->TopManifest();
  EXPECT_TRUE(absl::IsNotFound(manifest.status()));
  EXPECT_THAT(std::string(manifest.status().message()),
              HasSubstr("/a/b:2: the registry has none (NAME_UNKNOWN)"));
}

TEST_F(RegistryClientTest, ABlobIsReadFromAnOffset) {
  EXPECT_EQ(*Read(blob_, 0), "0123456789");
  EXPECT_EQ(*Read(blob_, 4), "456789");
  knows_ranges_ = false;
  EXPECT_EQ(*Read(blob_, 4), "456789");
}

TEST_F(RegistryClientTest, MoreBytesThanTheBlobHasAreRefused) {
  blob_.size = 9;
  EXPECT_TRUE(absl::IsResourceExhausted(Read(blob_, 0).status()));
}

TEST_F(RegistryClientTest, BasicAuthenticationIsSentOnceItIsAskedFor) {
  demand_ = "Basic realm=\"r\"";
  expected_ = "Basic " + Base64Encode("bob:secret");
  const auto refused = Source()->TopManifest();
  EXPECT_TRUE(absl::IsUnauthenticated(refused.status()));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("docker login"));

  options_.credentials = RegistryCredentials{"bob", "secret"};
  EXPECT_TRUE(Source()->TopManifest().ok());

  options_.credentials->password = "wr0ng";
  const auto wrong = Source()->TopManifest();
  EXPECT_TRUE(absl::IsUnauthenticated(wrong.status()));
  EXPECT_THAT(
      std::string(wrong.status().message()),
      AllOf(HasSubstr("user and password of config.json are refused"), Not(HasSubstr("wr0ng"))));
}

TEST_F(RegistryClientTest, ATokenIsFetchedOnceForManyRequests) {
  const FakeHttpServer tokens([](const FakeRequest& request) {
    if (HeaderOf(request, "authorization") != "Basic " + Base64Encode("bob:secret")) {
      return FakeAnswer{401};
    }
    return FakeAnswer{200, R"({"token":"t0ken","expires_in":300})"};
  });
  demand_ = StrCat("Bearer realm=\"", tokens.url(),
                   "/token\",service=\"reg\",scope=\"repository:a/b:pull\"");
  expected_ = "Bearer t0ken";
  options_.credentials = RegistryCredentials{"bob", "secret"};
  const auto source = Source();
  EXPECT_TRUE(source->TopManifest().ok());
  EXPECT_TRUE(source->TopManifest().ok());
  ASSERT_EQ(tokens.requests().size(), 1u);
  EXPECT_EQ(tokens.requests()[0].target,
            "/token?scope=repository%3Aa%2Fb%3Apull&service=reg&account=bob");

  options_.credentials->password = "wrong";
  const auto refused = Source()->TopManifest();
  EXPECT_TRUE(absl::IsUnauthenticated(refused.status()));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("token service"));
}

TEST_F(RegistryClientTest, AnotherHostSeesNoProofOfARedirectedRequest) {
  const FakeHttpServer storage([](const FakeRequest&) { return FakeAnswer{200, "0123456789"}; });
  redirect_ = storage.url() + "/blob?signature=secret";
  demand_ = "Basic realm=\"r\"";
  expected_ = "Basic " + Base64Encode("bob:secret");
  options_.credentials = RegistryCredentials{"bob", "secret"};
  EXPECT_EQ(*Read(blob_, 0), "0123456789");
  ASSERT_EQ(storage.requests().size(), 1u);
  EXPECT_EQ(storage.requests()[0].headers.count("authorization"), 0u);
}

TEST_F(RegistryClientTest, ARedirectWithinTheRegistryKeepsTheProof) {
  demand_ = "Basic realm=\"r\"";
  expected_ = "Basic " + Base64Encode("bob:secret");
  options_.credentials = RegistryCredentials{"bob", "secret"};
  for (const std::string& target : {std::string("/moved"), server_.url() + "/moved"}) {
    redirect_ = target;
    const auto bytes = Read(blob_, 0);
    ASSERT_TRUE(bytes.ok()) << target << ": " << bytes.status();
    EXPECT_EQ(*bytes, "0123456789");
    EXPECT_EQ(server_.requests().back().target, "/moved");
  }
}

TEST_F(RegistryClientTest, AnotherPortIsAnotherHostAndSendsNobodyBackWithAProof) {
  const std::string back = server_.url() + "/moved";
  const FakeHttpServer storage([&back](const FakeRequest&) {
    return FakeAnswer{307, "", {"Location: " + back}};
  });
  redirect_ = storage.url() + "/blob";
  demand_ = "Basic realm=\"r\"";
  expected_ = "Basic " + Base64Encode("bob:secret");
  options_.credentials = RegistryCredentials{"bob", "secret"};
  EXPECT_EQ(Read(blob_, 0).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_EQ(storage.requests().size(), 1u);
  EXPECT_EQ(storage.requests()[0].headers.count("authorization"), 0u);
  EXPECT_EQ(server_.requests().back().target, "/moved");
  EXPECT_EQ(server_.requests().back().headers.count("authorization"), 0u);
}

TEST_F(RegistryClientTest, ARedirectMustNotLeaveHttps) {
  redirect_ = "http://storage.example/blob?signature=secret";
  const auto refused = Read(blob_, 0);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(
      std::string(refused.status().message()),
      AllOf(HasSubstr("storage.example"), HasSubstr("not https"), Not(HasSubstr("secret"))));
  redirect_ = server_.url() + "/v2/a/b/blobs/" + blob_.digest;
  EXPECT_THAT(std::string(Read(blob_, 0).status().message()), HasSubstr("more than 5 times"));
  redirect_ = "file:///etc/passwd";
  EXPECT_FALSE(Read(blob_, 0).ok());
}

TEST_F(RegistryClientTest, PlainHttpIsForLoopbackOnly) {
  // Nothing that answers plain HTTP is asked for anything else: a name that isn't loopback goes to
  // https, and with a ca_file so does loopback.
  options_.ca_file = "/nowhere.pem";
  EXPECT_FALSE(Source()->TopManifest().ok());
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(RegistryClientTest, PlainHttpGoesThroughNoProxy) {
  const ClosedPort nobody;
  options_.network.http_proxy = nobody.url();
  EXPECT_TRUE(Source()->TopManifest().ok());
}

TEST_F(RegistryClientTest, ATokenServiceMustBeHttps) {
  demand_ = "Bearer realm=\"http://auth.example/token\",service=\"s\"";
  expected_ = "Bearer of whatever it would give";
  const auto refused = Source()->TopManifest();
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("auth.example"));
}

}  // namespace
}  // namespace hpcc
