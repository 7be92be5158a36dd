// The scheduler as others see it: gRPC over TLS on loopback.

#include "scheduler/scheduler_service.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "auth/auth_test_support.h"
#include "base/strings.h"
#include "hpcc/scheduler/v1/scheduler.grpc.pb.h"
#include "scheduler/limits.h"

namespace hpcc {
namespace {

namespace v1 = scheduler::v1;

constexpr std::string_view kSecret = "0123456789abcdef-of-workers";

class NoEvents final : public EventSink {
 public:
  void Report(const SchedulerEvent&) override {}
};

class SchedulerServiceTest : public testing::Test {
 protected:
  SchedulerServiceTest() {
    config_.worker_secrets = {std::string(kSecret)};
    core_ = std::make_unique<SchedulerCore>(
        config_, *KeyRing::Generate(kTestNow), "decoy", clock_, events_,
        [this](const TenantConfig&, Clock&) -> KeySetCache::Fetch {
          return [this](std::chrono::milliseconds) { return ParseJwks(JwksOf({&key_})); };
        });
    server_ = *SchedulerServer::Start(*core_, "127.0.0.1:0", certificate_);
    stub_ = v1::Scheduler::NewStub(Channel(certificate_.certificate_pem));
  }

  std::shared_ptr<grpc::Channel> Channel(const std::string& root) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(StrCat("localhost:", server_->port()),
                                     grpc::SslCredentials({.pem_root_certs = root}), arguments);
  }
  // What one call says; its metadata holds `bearer` unless that is empty.
  template <typename Call>
  grpc::Status Ask(std::string_view bearer, Call call) {
    context_ = std::make_unique<grpc::ClientContext>();
    context_->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    if (!bearer.empty()) context_->AddMetadata("authorization", StrCat("Bearer ", bearer));
    return call(context_.get());
  }
  grpc::Status Register() {
    v1::RegisterWorkerRequest request;
    request.set_worker("w1");
    request.set_address("127.0.0.1:1");
    request.set_certificate_pem(certificate_.certificate_pem);
    request.set_certificate_sha256(certificate_.fingerprint);
    request.add_images("host");
    request.set_isolation("process");
    request.set_slots(1);
    v1::RegisterWorkerResponse response;
    return Ask(kSecret,
               [&](auto* context) { return stub_->RegisterWorker(context, request, &response); });
  }
  grpc::Status Heartbeat(uint32_t in_flight) {
    v1::HeartbeatRequest request;
    request.set_worker("w1");
    request.set_in_flight(in_flight);
    request.add_images("host");
    v1::HeartbeatResponse response;
    return Ask(kSecret,
               [&](auto* context) { return stub_->Heartbeat(context, request, &response); });
  }
  grpc::Status Authenticate(const std::string& token, v1::AuthenticateResponse* response) {
    v1::AuthenticateRequest request;
    request.set_tenant("acme");
    request.set_token(token);
    return Ask("", [&](auto* context) { return stub_->Authenticate(context, request, response); });
  }
  grpc::Status Route(std::string_view session, v1::RouteResponse* response) {
    v1::RouteRequest request;
    request.set_image("host");
    return Ask(session, [&](auto* context) { return stub_->Route(context, request, response); });
  }
  std::string GoodToken() const { return key_.Token(GoodClaims()); }

  StandingClock clock_;
  NoEvents events_;
  const ProviderKey key_ = ProviderKey::Ed("k");
  const CertificateAndKey certificate_ =
      *MakeSelfSignedCertificate({"localhost"}, Clock::Real().NowNanoseconds() / 1'000'000'000, 10);
  SchedulerConfig config_{.name = "s1",
                          .session_lifetime = std::chrono::hours(1),
                          .decoy_zone = "invalid",
                          .heartbeat = std::chrono::seconds(5),
                          .tenants = {{.id = "acme",
                                       .issuer = "https://idp.example",
                                       .audience = "hpcc",
                                       .client_id = "cli",
                                       .scope = "openid",
                                       .user_claim = "sub",
                                       .images = {"host"},
                                       .minimum_isolation = "process"}}};
  std::unique_ptr<SchedulerCore> core_;
  std::unique_ptr<SchedulerServer> server_;
  std::unique_ptr<v1::Scheduler::Stub> stub_;
  std::unique_ptr<grpc::ClientContext> context_;
};

TEST_F(SchedulerServiceTest, LeadsAClientFromItsTenantToAWorker) {
  ASSERT_TRUE(Register().ok());
  v1::GetTenantIdPRequest who;
  who.set_tenant("acme");
  v1::GetTenantIdPResponse provider;
  ASSERT_TRUE(
      Ask("", [&](auto* context) { return stub_->GetTenantIdP(context, who, &provider); }).ok());
  EXPECT_EQ(provider.issuer(), "https://idp.example");
  v1::AuthenticateResponse session;
  const grpc::Status authenticated = Authenticate(GoodToken(), &session);
  ASSERT_TRUE(authenticated.ok()) << authenticated.error_message();
  v1::RouteResponse route;
  const grpc::Status routed = Route(session.session(), &route);
  ASSERT_TRUE(routed.ok()) << routed.error_message();
  EXPECT_EQ(route.worker(), "w1");
}

TEST_F(SchedulerServiceTest, RefusalsHaveTheirCodes) {
  v1::AuthenticateResponse session;
  const grpc::Status refused = Authenticate("rubbish", &session);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(refused.error_message().starts_with("token-malformed")) << refused.error_message();
  v1::RouteResponse route;
  EXPECT_EQ(Route("", &route).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  ASSERT_TRUE(Authenticate(GoodToken(), &session).ok());
  EXPECT_EQ(Route(session.session(), &route).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(SchedulerServiceTest, WhenWorkersAreFullTheTrailerSaysWhenToAskAgain) {
  ASSERT_TRUE(Register().ok());
  ASSERT_TRUE(Heartbeat(1).ok());
  v1::AuthenticateResponse session;
  ASSERT_TRUE(Authenticate(GoodToken(), &session).ok());
  v1::RouteResponse route;
  EXPECT_EQ(Route(session.session(), &route).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(context_->GetServerTrailingMetadata().count("hpcc-retry-after-ms"), 1u);
}

TEST_F(SchedulerServiceTest, AnotherCertificateIsNotTrusted) {
  const CertificateAndKey other =
      *MakeSelfSignedCertificate({"localhost"}, Clock::Real().NowNanoseconds() / 1'000'000'000, 10);
  stub_ = v1::Scheduler::NewStub(Channel(other.certificate_pem));
  v1::AuthenticateResponse session;
  EXPECT_EQ(Authenticate(GoodToken(), &session).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(SchedulerServiceTest, PlainTextIsNotSpoken) {
  stub_ = v1::Scheduler::NewStub(grpc::CreateChannel(StrCat("localhost:", server_->port()),
                                                     grpc::InsecureChannelCredentials()));
  v1::AuthenticateResponse session;
  EXPECT_EQ(Authenticate(GoodToken(), &session).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(SchedulerServiceTest, MessagesWithoutEndAreRefusedAndTheNextClientIsServed) {
  v1::AuthenticateResponse session;
  EXPECT_EQ(Authenticate(std::string(kMaxSchedulerMessage, 'a'), &session).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Authenticate(GoodToken(), &session).ok());
}

TEST_F(SchedulerServiceTest, AnAddressInUseIsNoServer) {
  const auto second =
      SchedulerServer::Start(*core_, StrCat("127.0.0.1:", server_->port()), certificate_);
  EXPECT_TRUE(absl::IsUnavailable(second.status()));
}

TEST_F(SchedulerServiceTest, EndsWhileAClientIsConnected) {
  v1::AuthenticateResponse session;
  ASSERT_TRUE(Authenticate(GoodToken(), &session).ok());
  server_->Stop();
  EXPECT_EQ(Authenticate(GoodToken(), &session).error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace hpcc
