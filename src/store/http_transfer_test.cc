#include "store/http_transfer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/http_test_util.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

HttpRequest To(const std::string& url) {
  HttpRequest request;
  request.url = url;
  request.bound = milliseconds(2000);
  request.max_body = 1 << 20;
  return request;
}

absl::StatusOr<HttpResponse> Ask(const HttpRequest& request, const std::string& ca_file = "") {
  HttpTransfer transfer({ca_file, NetworkSettings()}, Clock::Real());
  return transfer.Perform(request);
}

std::string MessageOf(const absl::Status& status) {
  return std::string(status.message());
}

TEST(HttpTransferTest, SendsAndReceivesBodiesAndHeaders) {
  const FakeHttpServer server([](const FakeRequest& request) {
    return FakeAnswer{201, request.method + ":" + request.body, {"X-Seen: yes"}};
  });
  HttpRequest request = To(server.url() + "/a%20b?c=d");
  request.method = "PUT";
  request.body = "bytes";
  request.headers = {"X-Mine: 1"};
  const absl::StatusOr<HttpResponse> response = Ask(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->body, "PUT:bytes");
  EXPECT_EQ(response->Header("x-seen"), "yes");
  EXPECT_EQ(response->Header("x-other"), "");
  const FakeRequest seen = server.requests().at(0);
  EXPECT_EQ(seen.target, "/a%20b?c=d");
  EXPECT_EQ(seen.headers.at("x-mine"), "1");
  EXPECT_EQ(seen.headers.at("content-length"), "5");
  EXPECT_EQ(seen.headers.count("expect"), 0u);
}

TEST(HttpTransferTest, ABodyCanBeTakenPieceByPiece) {
  const std::string bytes(1 << 20, 'x');
  const FakeHttpServer server([&](const FakeRequest& request) {
    return request.target == "/no" ? FakeAnswer{503, "why"} : FakeAnswer{206, bytes, {"X-A: b"}};
  });
  HttpRequest request = To(server.url());
  std::string taken;
  request.take_body = [&](const HttpResponse& head, std::string_view piece) {
    EXPECT_EQ(head.status, 206);
    EXPECT_EQ(head.Header("x-a"), "b");
    taken.append(piece);
    return true;
  };
  const absl::StatusOr<HttpResponse> response = Ask(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(taken, bytes);
  EXPECT_EQ(response->body, "");

  request.max_body = bytes.size() - 1;
  EXPECT_EQ(Ask(request).status().code(), absl::StatusCode::kResourceExhausted);
  request.take_body = [](const HttpResponse&, std::string_view) { return false; };
  EXPECT_EQ(Ask(request).status().code(), absl::StatusCode::kCancelled);

  // An answer that is no success is no body, and the request isn't made again.
  request.url = server.url() + "/no";
  const size_t before = server.requests().size();
  const absl::StatusOr<HttpResponse> refused = Ask(request);
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(refused->body, "why");
  EXPECT_EQ(server.requests().size(), before + 1);
}

TEST(HttpTransferTest, AStalledTransferEndsBeforeTheBound) {
  const FakeHttpServer server([](const FakeRequest&) {
    FakeAnswer answer;
    answer.raw = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabcdefgh";
    answer.drip = milliseconds(150);
    return answer;
  });
  HttpRequest request = To(server.url());
  request.bound = milliseconds(60'000);
  request.stall = std::chrono::seconds(1);
  absl::StatusOr<HttpResponse> response = HttpResponse();
  EXPECT_LT(TimeOf([&] { response = Ask(request); }), milliseconds(10'000));
  EXPECT_EQ(response.status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(HttpTransferTest, AConnectionServesManyRequests) {
  const FakeHttpServer server([](const FakeRequest&) { return FakeAnswer{200, "x"}; });
  HttpTransfer transfer({}, Clock::Real());
  for (int i = 0; i < 20; ++i) {
    HttpRequest request = To(server.url());
    request.method = i % 2 == 0 ? "GET" : "HEAD";
    ASSERT_TRUE(transfer.Perform(request).ok());
  }
  EXPECT_EQ(server.connections(), 1);
}

TEST(HttpTransferTest, AProxyIsAskedInsteadOfTheServer) {
  const FakeHttpServer proxy([](const FakeRequest& request) {
    return FakeAnswer{200, request.target};
  });
  HttpTransfer transfer({.network = {.http_proxy = proxy.url()}}, Clock::Real());
  const absl::StatusOr<HttpResponse> response = transfer.Perform(To("http://cache.invalid/a"));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body, "http://cache.invalid/a");
  EXPECT_EQ(proxy.requests().at(0).headers.at("host"), "cache.invalid");
}

TEST(HttpTransferTest, AnEncryptedServerIsReachedByATunnel) {
  const FakeHttpServer proxy([](const FakeRequest&) { return FakeAnswer{403, "no"}; });
  HttpTransfer transfer({.network = {.https_proxy = proxy.url()}}, Clock::Real());
  EXPECT_FALSE(transfer.Perform(To("https://cache.invalid/a")).ok());
  EXPECT_EQ(proxy.requests().at(0).method, "CONNECT");
  EXPECT_EQ(proxy.requests().at(0).target, "cache.invalid:443");
}

TEST(HttpTransferTest, HostsThatNeedNoProxyAreAskedDirectly) {
  const FakeHttpServer server([](const FakeRequest&) { return FakeAnswer{200, "direct"}; });
  const FakeHttpServer proxy([](const FakeRequest&) { return FakeAnswer{200, "by proxy"}; });
  HttpTransfer transfer({.network = {.http_proxy = proxy.url(), .no_proxy = "a.b,127.0.0.1"}},
                        Clock::Real());
  EXPECT_EQ(transfer.Perform(To(server.url()))->body, "direct");
}

TEST(HttpTransferTest, TheProxiesOfThisProcessesEnvironmentAreNotItsBusiness) {
  const FakeHttpServer server([](const FakeRequest&) { return FakeAnswer{200, "direct"}; });
  ASSERT_EQ(setenv("http_proxy", ClosedPort().url().c_str(), 1), 0);
  EXPECT_EQ(Ask(To(server.url())).value_or(HttpResponse()).body, "direct");
  ASSERT_EQ(unsetenv("http_proxy"), 0);
}

TEST(HttpTransferTest, SeveralThreadsGetTheirOwnAnswers) {
  const FakeHttpServer server([](const FakeRequest& request) {
    return FakeAnswer{200, request.target};
  });
  HttpTransfer transfer({}, Clock::Real());
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const std::string target = StrCat("/", t, "/", i);
        const absl::StatusOr<HttpResponse> response = transfer.Perform(To(server.url() + target));
        if (response.ok() && response->body == target) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 160);
  EXPECT_LE(server.connections(), 8);
}

TEST(HttpTransferTest, ASilentServerCostsTheBoundAndNoMore) {
  const FakeHttpServer server([](const FakeRequest&) {
    return FakeAnswer{200, "late", {}, milliseconds(1500)};
  });
  HttpRequest request = To(server.url());
  request.bound = milliseconds(300);
  absl::Status status;
  EXPECT_LT(TimeOf([&] { status = Ask(request).status(); }), milliseconds(1000));
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
}

TEST(HttpTransferTest, ASlowDripCostsTheBoundAndNoMore) {
  const FakeHttpServer server([](const FakeRequest&) {
    FakeAnswer answer;
    answer.raw = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x');
    answer.drip = milliseconds(5);
    return answer;
  });
  HttpRequest request = To(server.url());
  request.bound = milliseconds(300);
  absl::Status status;
  EXPECT_LT(TimeOf([&] { status = Ask(request).status(); }), milliseconds(1000));
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
}

TEST(HttpTransferTest, NobodyListeningIsUnavailableAtOnce) {
  absl::Status status;
  EXPECT_LT(TimeOf([&] { status = Ask(To(ClosedPort().url())).status(); }), milliseconds(500));
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(MessageOf(status), HasSubstr("127.0.0.1"));
}

TEST(HttpTransferTest, ABodyShorterThanAnnouncedIsDataLoss) {
  const FakeHttpServer server([](const FakeRequest&) {
    FakeAnswer answer;
    answer.raw = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort";
    return answer;
  });
  EXPECT_TRUE(absl::IsDataLoss(Ask(To(server.url())).status()));
}

TEST(HttpTransferTest, AChunkedBodyThatEndsEarlyIsDataLoss) {
  const FakeHttpServer server([](const FakeRequest&) {
    FakeAnswer answer;
    answer.raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n";
    return answer;
  });
  EXPECT_TRUE(absl::IsDataLoss(Ask(To(server.url())).status()));
}

TEST(HttpTransferTest, ABodyOverTheLimitIsRefusedWhetherAnnouncedOrNot) {
  const std::string body(2 << 20, 'x');
  for (const std::string_view head : {"Content-Length: 99999999999\r\n", ""}) {
    const FakeHttpServer server([&](const FakeRequest&) {
      FakeAnswer answer;
      answer.raw = StrCat("HTTP/1.1 200 OK\r\n", head, "\r\n", body);
      return answer;
    });
    const absl::Status status = Ask(To(server.url())).status();
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  }
}

TEST(HttpTransferTest, ALongErrorIsCutAndStillAnAnswer) {
  const FakeHttpServer server([](const FakeRequest&) {
    return FakeAnswer{403, std::string(1 << 20, 'e')};
  });
  HttpRequest request = To(server.url());
  request.max_body = 10;
  const absl::StatusOr<HttpResponse> response = Ask(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 403);
  EXPECT_EQ(response->body.size(), size_t{64} << 10);
}

TEST(HttpTransferTest, EndlessHeadersAreRefused) {
  const FakeHttpServer server([](const FakeRequest&) {
    FakeAnswer answer;
    answer.raw = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 20000; ++i) StrAppend(&answer.raw, "X-Header-", i, ": value\r\n");
    answer.raw += "\r\n";
    return answer;
  });
  EXPECT_FALSE(Ask(To(server.url())).ok());
}

TEST(HttpTransferTest, GarbageInsteadOfHttpIsAnError) {
  const FakeHttpServer server([](const FakeRequest&) {
    FakeAnswer answer;
    answer.raw = "\x01\x02garbage\r\n\r\n";
    return answer;
  });
  EXPECT_FALSE(Ask(To(server.url())).ok());
}

TEST(HttpTransferTest, ThrottlingIsTriedAgainAsOftenAsAllowed) {
  std::atomic<int> asked{0};
  const FakeHttpServer server([&](const FakeRequest&) {
    return ++asked < 3 ? FakeAnswer{503, "SlowDown"} : FakeAnswer{200, "at last"};
  });
  const absl::StatusOr<HttpResponse> response = Ask(To(server.url()));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body, "at last");

  asked = -100;
  const absl::StatusOr<HttpResponse> refused = Ask(To(server.url()));
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(refused->status, 503);
  EXPECT_EQ(asked, -97);
}

TEST(HttpTransferTest, AConnectionClosedWithoutAnAnswerIsTriedAgain) {
  std::atomic<int> asked{0};
  const FakeHttpServer server([&](const FakeRequest&) {
    FakeAnswer answer{200, "whole"};
    answer.hang_up = ++asked == 1;
    return answer;
  });
  const absl::StatusOr<HttpResponse> response = Ask(To(server.url()));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->body, "whole");
  EXPECT_EQ(asked, 2);
}

TEST(HttpTransferTest, ARedirectIsNotFollowedAndSaysWhereItLeads) {
  const FakeHttpServer server([](const FakeRequest&) {
    return FakeAnswer{302, "", {"Location: https://elsewhere.example/x?token=secret"}};
  });
  const absl::StatusOr<HttpResponse> response = Ask(To(server.url()));
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(server.requests().size(), 1u);
  const absl::Status status = HttpError(*response, "cache");
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(MessageOf(status), HasSubstr("https://elsewhere.example/x"));
  EXPECT_THAT(MessageOf(status), Not(HasSubstr("secret")));
}

TEST(HttpTransferTest, AMissingAuthorityFileIsNamed) {
  HttpRequest request = To("https://127.0.0.1:1");
  const FakeHttpServer server([](const FakeRequest&) { return FakeAnswer{}; });
  request.url = "https" + server.url().substr(4);
  const absl::Status status = Ask(request, "/nonexistent/ca.pem").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(MessageOf(status), HasSubstr("/nonexistent/ca.pem"));
}

TEST(HttpTransferTest, SignaturesCoverTheBodyDigestAndTheSessionToken) {
  const FakeHttpServer server([](const FakeRequest&) { return FakeAnswer{}; });
  HttpRequest request = To(server.url() + "/bucket/key");
  request.headers = {"x-amz-content-sha256: UNSIGNED-PAYLOAD"};
  request.signing = RequestSigning{"eu-central-1", "s3", "AK", "a secret key", "a token"};
  ASSERT_TRUE(Ask(request).ok());
  const FakeRequest seen = server.requests().at(0);
  const std::string authorization = seen.headers.at("authorization");
  EXPECT_THAT(authorization, HasSubstr("AWS4-HMAC-SHA256 Credential=AK/"));
  EXPECT_THAT(authorization, HasSubstr("/eu-central-1/s3/aws4_request"));
  EXPECT_THAT(authorization, HasSubstr("x-amz-content-sha256"));
  EXPECT_THAT(authorization, HasSubstr("x-amz-security-token"));
  EXPECT_EQ(seen.headers.at("x-amz-security-token"), "a token");
  for (const auto& [name, value] : seen.headers) EXPECT_THAT(value, Not(HasSubstr("a secret key")));
}

TEST(HttpTransferTest, StatusesAreToldApart) {
  const auto code = [](int status) { return HttpError({status, "", {}}, "cache").code(); };
  EXPECT_EQ(code(401), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(code(403), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(code(404), absl::StatusCode::kNotFound);
  EXPECT_EQ(code(413), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(code(429), absl::StatusCode::kUnavailable);
  EXPECT_EQ(code(500), absl::StatusCode::kUnavailable);
  EXPECT_EQ(code(418), absl::StatusCode::kFailedPrecondition);
}

TEST(HttpTransferTest, DatesOfHttpAreRead) {
  EXPECT_EQ(ParseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777);
  EXPECT_EQ(ParseHttpDate(""), std::nullopt);
  EXPECT_EQ(ParseHttpDate("yesterday"), std::nullopt);
}

}  // namespace
}  // namespace hpcc
