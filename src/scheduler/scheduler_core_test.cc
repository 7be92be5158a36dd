#include "scheduler/scheduler_core.h"

#include <gtest/gtest.h>

#include <map>

#include "auth/auth_test_support.h"
#include "auth/certificate.h"
#include "auth/routing_token.h"
#include "base/strings.h"

namespace hpcc {
namespace {

namespace v1 = scheduler::v1;

constexpr std::string_view kSecret = "0123456789abcdef-of-workers";

class NotedEvents final : public EventSink {
 public:
  void Report(const SchedulerEvent& event) override {
    const std::lock_guard lock(mutex_);
    lines_.push_back(StrCat(event.name, "|", event.tenant, "|", event.user, "|", event.detail));
  }
  std::vector<std::string> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }
  // The name of the only one there is since the last question.
  std::string Only() {
    const std::vector<std::string> lines = Take();
    return lines.size() == 1 ? lines[0].substr(0, lines[0].find('|')) : StrCat(lines.size());
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

// Two tenants, each with an identity provider of its own.
class SchedulerCoreTest : public testing::Test {
 protected:
  SchedulerCoreTest() { Restart(); }

  static TenantConfig TenantOf(const std::string& id) {
    return {.id = id,
            .issuer = StrCat("https://idp.", id, ".example"),
            .audience = "hpcc",
            .client_id = "cli",
            .scope = "openid",
            .user_claim = "sub",
            .images = {"host", "r/*"},
            .minimum_isolation = "process",
            .upload_bytes_per_hour = 1000,
            .compiles_in_flight = 8,
            .source_store_bytes = 5000};
  }

  // As after the end of one scheduler and the start of the next with the same state.
  void Restart() {
    core_ = std::make_unique<SchedulerCore>(
        config_, ring_, "decoy secret", clock_, events_,
        [this](const TenantConfig& tenant, Clock&) -> KeySetCache::Fetch {
          return [this, id = tenant.id](std::chrono::milliseconds) -> absl::StatusOr<KeySet> {
            ++fetches_[id];
            if (down_ == id) return absl::UnavailableError("no connection");
            return ParseJwks(JwksOf({id == "acme" ? &acme_key_ : &other_key_}));
          };
        });
  }

  nlohmann::json ClaimsFor(const std::string& tenant) const {
    nlohmann::json claims = GoodClaims();
    claims["iss"] = StrCat("https://idp.", tenant, ".example");
    return claims;
  }
  absl::StatusOr<v1::AuthenticateResponse> Authenticate(const std::string& tenant,
                                                        const std::string& token) {
    v1::AuthenticateRequest request;
    request.set_tenant(tenant);
    request.set_token(token);
    return core_->Authenticate(request, {.peer = "ipv4:10.0.0.1:5"});
  }
  std::string Session(const std::string& tenant = "acme") {
    const ProviderKey& key = tenant == "acme" ? acme_key_ : other_key_;
    const auto answer = Authenticate(tenant, key.Token(ClaimsFor(tenant)));
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? answer->session() : "";
  }
  absl::StatusOr<v1::RouteResponse> Route(const std::string& session,
                                          const v1::RouteRequest& request = Image("host")) {
    return core_->Route(request, {.bearer = session});
  }
  static v1::RouteRequest Image(const std::string& image) {
    v1::RouteRequest request;
    request.set_image(image);
    return request;
  }
  v1::RegisterWorkerRequest Registration(const std::string& name) {
    v1::RegisterWorkerRequest request;
    request.set_worker(name);
    request.set_address("10.0.0.9:7000");
    request.set_certificate_sha256(certificate_.fingerprint);
    request.set_certificate_pem(certificate_.certificate_pem);
    request.add_images("host");
    request.set_isolation("process");
    request.set_slots(4);
    return request;
  }
  absl::StatusOr<v1::RegisterWorkerResponse> Register(const v1::RegisterWorkerRequest& request) {
    return core_->RegisterWorker(request, {.bearer = kSecret});
  }

  StandingClock clock_;
  NotedEvents events_;
  const ProviderKey acme_key_ = ProviderKey::Ec("acme-1");
  const ProviderKey other_key_ = ProviderKey::Ed("other-1");
  const CertificateAndKey certificate_ = *MakeSelfSignedCertificate({"localhost"}, kTestNow, 10);
  KeyRing ring_ = *KeyRing::Generate(kTestNow);
  std::map<std::string, int> fetches_;
  std::string down_;
  SchedulerConfig config_{.listen = "127.0.0.1:0",
                          .name = "s1",
                          .session_lifetime = std::chrono::hours(8),
                          .decoy_zone = "invalid",
                          .worker_secrets = {"another-secret-of-workers", std::string(kSecret)},
                          .heartbeat = std::chrono::seconds(5),
                          .tenants = {TenantOf("acme"), TenantOf("other")}};
  std::unique_ptr<SchedulerCore> core_;
};

TEST_F(SchedulerCoreTest, AUserGetsASessionARouteAndATokenForTheWorker) {
  ASSERT_TRUE(Register(Registration("w1")).ok());
  const auto route = Route(Session());
  ASSERT_TRUE(route.ok()) << route.status();
  EXPECT_EQ(route->worker(), "w1");
  EXPECT_EQ(route->address(), "10.0.0.9:7000");
  EXPECT_EQ(route->certificate_sha256(), certificate_.fingerprint);
  EXPECT_EQ(route->certificate_pem(), certificate_.certificate_pem);
  EXPECT_EQ(route->slots(), 4u);
  EXPECT_EQ(route->expires_s(), kTestNow + 300);
  const auto grant = VerifyRoutingToken(route->token(), ring_.verify_keys(), "w1", kTestNow);
  ASSERT_TRUE(grant.ok()) << grant.status();
  EXPECT_EQ(grant->tenant, "acme");
  EXPECT_EQ(grant->user, "alice");
  EXPECT_EQ(grant->image, "host");
  EXPECT_EQ(grant->scheduler, "s1");
  EXPECT_TRUE(events_.Take().empty());
}

TEST_F(SchedulerCoreTest, ATokenOfOneTenantIsNothingToAnother) {
  const std::string token = acme_key_.Token(ClaimsFor("acme"));
  EXPECT_TRUE(Authenticate("acme", token).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(Authenticate("other", token).status()));
  EXPECT_EQ(events_.Take(),
            std::vector<std::string>{"token-key-unknown|other||token-key-unknown: no such key in "
                                     "this key set"});
  // Nor one that says it is from the other's provider.
  EXPECT_FALSE(Authenticate("other", acme_key_.Token(ClaimsFor("other"))).ok());
  EXPECT_EQ(events_.Only(), "token-key-unknown");
}

TEST_F(SchedulerCoreTest, EveryWrongTokenIsRefusedAndNamed) {
  const auto refused = [this](const char* name, const nlohmann::json& value) {
    nlohmann::json claims = ClaimsFor("acme");
    claims[name] = value;
    EXPECT_FALSE(Authenticate("acme", acme_key_.Token(claims)).ok());
    return events_.Only();
  };
  EXPECT_EQ(refused("exp", kTestNow - 100), "token-expired");
  EXPECT_EQ(refused("nbf", kTestNow + 100), "token-not-yet-valid");
  EXPECT_EQ(refused("aud", "elsewhere"), "token-audience-wrong");
  EXPECT_EQ(refused("iss", "https://evil.example"), "token-issuer-wrong");
  EXPECT_EQ(refused("sub", 7), "token-claim-missing");
  EXPECT_EQ(refused("sub", "a\nb"), "token-claim-missing");
  const std::string none = StrCat(Base64UrlEncode(R"({"alg":"none"})"), ".",
                                  Base64UrlEncode(ClaimsFor("acme").dump()), ".");
  EXPECT_FALSE(Authenticate("acme", none).ok());
  EXPECT_EQ(events_.Only(), "token-algorithm-refused");
  EXPECT_FALSE(Authenticate("acme", ProviderKey::Ec("acme-1").Token(ClaimsFor("acme"))).ok());
  EXPECT_EQ(events_.Only(), "token-signature-wrong");
  EXPECT_FALSE(Authenticate("acme", "").ok());
  EXPECT_EQ(events_.Only(), "token-malformed");
}

TEST_F(SchedulerCoreTest, AnUnknownTenantIsRefusedLikeAForeignKey) {
  const std::string token = ProviderKey::Ec("foreign").Token(ClaimsFor("acme"));
  const absl::Status unknown = Authenticate("nobody", token).status();
  EXPECT_EQ(events_.Only(), "tenant-unknown");
  const absl::Status foreign = Authenticate("acme", token).status();
  EXPECT_EQ(unknown, foreign);
  EXPECT_EQ(Authenticate("nobody", "x").status(), Authenticate("acme", "x").status());
}

TEST_F(SchedulerCoreTest, UnknownTenantsHaveAProviderOfTheSameShape) {
  const auto ask = [this](const std::string& tenant) {
    v1::GetTenantIdPRequest request;
    request.set_tenant(tenant);
    return core_->GetTenantIdP(request);
  };
  const v1::GetTenantIdPResponse real = ask("acme");
  EXPECT_EQ(real.issuer(), "https://idp.acme.example");
  const v1::GetTenantIdPResponse decoy = ask("nobody");
  EXPECT_FALSE(decoy.issuer().empty());
  EXPECT_TRUE(decoy.issuer().ends_with(".invalid"));
  EXPECT_EQ(decoy.token_url().empty(), real.token_url().empty());
  EXPECT_FALSE(decoy.client_id().empty());
  EXPECT_FALSE(decoy.audience().empty());
  EXPECT_EQ(decoy.scope(), real.scope());
  // Who asks again, also after a restart, learns nothing new; nor does another name.
  Restart();
  EXPECT_EQ(ask("nobody").SerializeAsString(), decoy.SerializeAsString());
  EXPECT_NE(ask("nobody2").issuer(), decoy.issuer());
}

TEST_F(SchedulerCoreTest, AProviderThatIsDownTakesNobodyWithIt) {
  down_ = "acme";
  const absl::Status status = Authenticate("acme", acme_key_.Token(ClaimsFor("acme"))).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(events_.Only(), "token-keys-unavailable");
  EXPECT_FALSE(Session("other").empty());
}

TEST_F(SchedulerCoreTest, SessionsOutliveARestartAndARotation) {
  ASSERT_TRUE(Register(Registration("w1")).ok());
  const std::string session = Session();
  Restart();
  ASSERT_TRUE(Register(Registration("w1")).ok());
  EXPECT_TRUE(Route(session).ok());
  ring_ = *ring_.Rotated(kTestNow);
  core_->Reload(config_, ring_);
  EXPECT_TRUE(Route(session).ok());
  EXPECT_EQ(VerifyRoutingToken(Route(session)->token(), ring_.verify_keys(), "w1", kTestNow)->user,
            "alice");
}

TEST_F(SchedulerCoreTest, WhatIsNoSessionIsRefused) {
  ASSERT_TRUE(Register(Registration("w1")).ok());
  const std::string session = Session();
  ASSERT_TRUE(Route(session).ok());
  for (const std::string& wrong : {std::string(), session.substr(1), session + "A",
                                   Route(session)->token(), acme_key_.Token(ClaimsFor("acme"))}) {
    EXPECT_TRUE(absl::IsUnauthenticated(Route(wrong).status()));
    EXPECT_EQ(events_.Only(), "session-refused");
  }
  clock_.Advance(std::chrono::hours(8) + std::chrono::seconds(61));
  EXPECT_TRUE(absl::IsUnauthenticated(Route(session).status()));
}

TEST_F(SchedulerCoreTest, ATenantHasItsOwnImages) {
  ASSERT_TRUE(Register(Registration("w1")).ok());
  const std::string session = Session();
  for (const std::string& image :
       {std::string("debian"), std::string(), std::string("host "), std::string(600, 'r')}) {
    EXPECT_TRUE(absl::IsPermissionDenied(Route(session, Image(image)).status())) << image;
    EXPECT_EQ(events_.Only(), "image-refused");
  }
  EXPECT_TRUE(absl::IsUnavailable(Route(session, Image("r/a")).status()));
}

TEST_F(SchedulerCoreTest, TheTenantsMinimumIsolationHoldsWhateverTheClientAsksFor) {
  config_.tenants[0].minimum_isolation = "qemu-kvm";
  Restart();
  ASSERT_TRUE(Register(Registration("w1")).ok());
  const std::string session = Session();
  v1::RouteRequest request = Image("host");
  request.set_isolation("none");
  EXPECT_TRUE(absl::IsUnavailable(Route(session, request).status()));
  v1::RegisterWorkerRequest strong = Registration("w2");
  strong.set_isolation("firecracker-kvm");
  ASSERT_TRUE(Register(strong).ok());
  EXPECT_EQ(Route(session, request)->worker(), "w2");
  request.set_isolation("steel");
  EXPECT_TRUE(absl::IsInvalidArgument(Route(session, request).status()));
}

TEST_F(SchedulerCoreTest, WorkersNeedOneOfTheSecrets) {
  for (const std::string_view wrong : {"", "0123456789abcdef-of-worker", "x"}) {
    EXPECT_TRUE(absl::IsUnauthenticated(
        core_->RegisterWorker(Registration("w1"), {.bearer = wrong}).status()));
    EXPECT_EQ(events_.Only(), "worker-refused");
    EXPECT_TRUE(absl::IsUnauthenticated(
        core_->Heartbeat(v1::HeartbeatRequest(), {.bearer = wrong}).status()));
    EXPECT_TRUE(absl::IsUnauthenticated(
        core_->ReportSandboxLost(v1::ReportSandboxLostRequest(), {.bearer = wrong}).status()));
    events_.Take();
  }
  EXPECT_TRUE(
      core_->RegisterWorker(Registration("w1"), {.bearer = "another-secret-of-workers"}).ok());
}

TEST_F(SchedulerCoreTest, WorkersAreToldKeysAndLimitsOnceForEachChange) {
  const auto registered = Register(Registration("w1"));
  ASSERT_TRUE(registered.ok()) << registered.status();
  EXPECT_EQ(registered->jwks(), ring_.jwks());
  EXPECT_EQ(registered->heartbeat_seconds(), 5u);
  ASSERT_EQ(registered->tenants_size(), 2);
  EXPECT_EQ(registered->tenants(0).tenant(), "acme");
  EXPECT_EQ(registered->tenants(0).upload_bytes_per_hour(), 1000u);
  EXPECT_EQ(registered->tenants(0).compiles_in_flight(), 8u);
  EXPECT_EQ(registered->tenants(0).source_store_bytes(), 5000u);

  v1::HeartbeatRequest heartbeat;
  heartbeat.set_worker("w1");
  EXPECT_EQ(core_->Heartbeat(heartbeat, {.bearer = kSecret})->tenants_size(), 2);
  heartbeat.set_configuration(registered->configuration());
  EXPECT_EQ(core_->Heartbeat(heartbeat, {.bearer = kSecret})->tenants_size(), 0);
  config_.tenants[1].compiles_in_flight = 9;
  core_->Reload(config_, ring_);
  const auto changed = core_->Heartbeat(heartbeat, {.bearer = kSecret});
  EXPECT_TRUE(changed->known());
  ASSERT_EQ(changed->tenants_size(), 2);
  EXPECT_EQ(changed->tenants(1).compiles_in_flight(), 9u);
  EXPECT_EQ(changed->jwks(), ring_.jwks());
  heartbeat.set_worker("w9");
  EXPECT_FALSE(core_->Heartbeat(heartbeat, {.bearer = kSecret})->known());
}

TEST_F(SchedulerCoreTest, WhatAWorkerSaysIsChecked) {
  const auto refused = [this](const std::function<void(v1::RegisterWorkerRequest&)>& change) {
    v1::RegisterWorkerRequest request = Registration("w1");
    change(request);
    return absl::IsInvalidArgument(Register(request).status());
  };
  EXPECT_FALSE(refused([](auto&) {}));
  EXPECT_TRUE(refused([](auto& request) { request.set_worker("../w"); }));
  EXPECT_TRUE(refused([](auto& request) { request.set_address("unix:/run/x"); }));
  EXPECT_TRUE(refused([](auto& request) { request.set_isolation("kvm"); }));
  EXPECT_TRUE(refused([](auto& request) { request.set_slots(0); }));
  EXPECT_TRUE(refused([](auto& request) { request.set_slots(5000); }));
  EXPECT_TRUE(refused([](auto& request) { request.add_images("a b"); }));
  EXPECT_TRUE(refused([](auto& request) { request.set_certificate_pem("rubbish"); }));
  EXPECT_TRUE(refused([](auto& request) { request.set_certificate_sha256(std::string(64, '0')); }));
  EXPECT_TRUE(refused([](auto& request) {
    for (int i = 0; i < 300; ++i) request.add_images("a");
  }));
}

TEST_F(SchedulerCoreTest, AChangedCertificateAndALostSandboxAreRecorded) {
  ASSERT_TRUE(Register(Registration("w1")).ok());
  EXPECT_TRUE(events_.Take().empty());
  const CertificateAndKey other = *MakeSelfSignedCertificate({"localhost"}, kTestNow, 10);
  v1::RegisterWorkerRequest request = Registration("w1");
  request.set_certificate_pem(other.certificate_pem);
  request.set_certificate_sha256(other.fingerprint);
  ASSERT_TRUE(Register(request).ok());
  EXPECT_EQ(events_.Only(), "certificate-changed");

  v1::ReportSandboxLostRequest lost;
  lost.set_worker("w1");
  lost.set_tenant("acme");
  EXPECT_TRUE(core_->ReportSandboxLost(lost, {.bearer = kSecret}).ok());
  EXPECT_EQ(events_.Only(), "sandbox-lost");
  lost.set_tenant("nobody");
  EXPECT_TRUE(
      absl::IsInvalidArgument(core_->ReportSandboxLost(lost, {.bearer = kSecret}).status()));
  lost.set_tenant("acme");
  lost.set_worker("w9");
  EXPECT_TRUE(absl::IsNotFound(core_->ReportSandboxLost(lost, {.bearer = kSecret}).status()));
}

TEST_F(SchedulerCoreTest, AReloadDropsNobodyButTheTenantThatIsGone) {
  ASSERT_TRUE(Register(Registration("w1")).ok());
  const std::string acme = Session("acme");
  const std::string other = Session("other");
  ASSERT_TRUE(Route(other).ok());
  config_.tenants.pop_back();
  core_->Reload(config_, ring_);
  EXPECT_TRUE(Route(acme).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(Route(other).status()));
  // The key set of a provider that stayed is not fetched anew.
  const int fetched = fetches_["acme"];
  EXPECT_FALSE(Session("acme").empty());
  EXPECT_EQ(fetches_["acme"], fetched);
}

TEST(SchedulerEventsTest, EveryReasonToRefuseATokenIsASecurityEvent) {
  for (int i = 0; i <= static_cast<int>(TokenRefusal::kKeysUnavailable); ++i) {
    const std::string_view name = TokenRefusalName(static_cast<TokenRefusal>(i));
    EXPECT_TRUE(SecurityEventOfName(name).has_value()) << name;
  }
}

TEST_F(SchedulerCoreTest, FullWorkersSayWhenToAskAgain) {
  v1::RegisterWorkerRequest request = Registration("w1");
  request.set_slots(1);
  ASSERT_TRUE(Register(request).ok());
  v1::HeartbeatRequest heartbeat;
  heartbeat.set_worker("w1");
  heartbeat.set_in_flight(1);
  heartbeat.add_images("host");
  ASSERT_TRUE(core_->Heartbeat(heartbeat, {.bearer = kSecret}).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(Route(Session()).status()));
  EXPECT_GT(core_->retry_after().count(), 0);
}

TEST_F(SchedulerCoreTest, WorkersToBeAvoidedAreSeveralButNotAnyNumber) {
  for (const char* worker : {"w1", "w2", "w3"}) ASSERT_TRUE(Register(Registration(worker)).ok());
  const std::string session = Session();
  v1::RouteRequest request = Image("host");
  request.set_avoid_worker("w1");
  request.add_avoid_workers("w3");
  const auto route = Route(session, request);
  ASSERT_TRUE(route.ok()) << route.status();
  EXPECT_EQ(route->worker(), "w2");
  request.add_avoid_workers("w2");
  EXPECT_EQ(Route(session, request).status().code(), absl::StatusCode::kUnavailable);
  for (int i = 0; i < 20; ++i) request.add_avoid_workers("x");
  EXPECT_EQ(Route(session, request).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace hpcc
