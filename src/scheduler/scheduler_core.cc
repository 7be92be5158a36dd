#include "scheduler/scheduler_core.h"

#include <algorithm>

#include "absl/status/status.h"
#include "auth/certificate.h"
#include "auth/jwt.h"
#include "base/digest.h"
#include "base/status.h"
#include "base/strings.h"
#include "scheduler/isolation.h"
#include "scheduler/limits.h"
#include "scheduler/names.h"

namespace hpcc {

namespace v1 = scheduler::v1;

namespace {

constexpr int kMissedHeartbeats = 3;

RegistryOptions OptionsFor(const SchedulerConfig& config) {
  RegistryOptions options;
  options.silent_after = config.heartbeat * kMissedHeartbeats;
  return options;
}

// Changes whenever workers have to be told something.
std::string ConfigurationOf(const TenantDirectory& tenants, const KeyRing& keys) {
  Hasher hasher("hpcc.scheduler.configuration.v1");
  hasher.Field(keys.jwks());
  for (const v1::TenantLimits& limits : tenants.limits()) {
    hasher.Field(limits.tenant())
        .Number(limits.upload_bytes_per_hour())
        .Number(limits.compiles_in_flight())
        .Number(limits.source_store_bytes());
  }
  return hasher.Finish().ToHex().substr(0, 16);
}

absl::Status Invalid(std::string_view what) {
  return absl::InvalidArgumentError(std::string(what));
}

absl::Status CheckImages(const google::protobuf::RepeatedPtrField<std::string>& images) {
  if (images.size() > kMaxImagesOfWorker) return Invalid("images: there are too many");
  const bool fit = std::all_of(images.begin(), images.end(),
                               [](const std::string& image) { return IsImageName(image); });
  return fit ? absl::OkStatus() : Invalid("images: one of them is no image");
}

absl::Status CheckRegistration(const v1::RegisterWorkerRequest& request) {
  if (!IsWorkerName(request.worker())) return Invalid("worker: is no name of a worker");
  if (!IsAddress(request.address())) return Invalid("address: write host:port");
  if (!IsolationRank(request.isolation())) return Invalid("isolation: is not known here");
  if (request.slots() == 0 || request.slots() > kMaxSlots) return Invalid("slots: 1 to 4096");
  if (request.hpcc_version().size() > kMaxWorkerName) return Invalid("hpcc_version: is too long");
  if (NormalizeFingerprint(request.certificate_sha256()).empty()) {
    return Invalid("certificate_sha256: is no SHA-256");
  }
  HPCC_RETURN_IF_ERROR(CheckImages(request.images()));
  // Clients would refuse what doesn't fit together; better the worker hears of it.
  if (request.certificate_pem().size() > kMaxCertificatePem) {
    return Invalid("certificate_pem: is too long");
  }
  const absl::StatusOr<std::string> fingerprint = CertificateFingerprint(request.certificate_pem());
  if (!fingerprint.ok() || *fingerprint != NormalizeFingerprint(request.certificate_sha256())) {
    return Invalid("certificate_pem: is not the certificate of this fingerprint");
  }
  return absl::OkStatus();
}

WorkerFacts FactsOf(const v1::RegisterWorkerRequest& request) {
  return {.name = request.worker(),
          .address = request.address(),
          .certificate_sha256 = NormalizeFingerprint(request.certificate_sha256()),
          .certificate_pem = request.certificate_pem(),
          .images = {request.images().begin(), request.images().end()},
          .pulls_images = request.pulls_images(),
          .isolation_rank = IsolationRank(request.isolation()).value_or(0),
          .slots = request.slots(),
          .memory_bytes = request.memory_bytes(),
          .hpcc_version = request.hpcc_version()};
}

// What a token for a tenant that isn't there is refused with: the same as one for a tenant whose
// provider never heard of its key.
absl::Status RefuseForNobody(std::string_view token) {
  const absl::StatusOr<ParsedJwt> parsed = ParseJwt(token);
  if (!parsed.ok()) return parsed.status();
  return VerifyParsedJwt(*parsed, KeySet(), JwtExpectations(), 0);
}

std::string Words(const absl::Status& status) {
  return std::string(status.message());
}

}  // namespace

SchedulerCore::SchedulerCore(const SchedulerConfig& config, KeyRing keys, std::string decoy_secret,
                             Clock& clock, EventSink& events, KeyFetcherFactory fetcher)
    : clock_(clock),
      events_(events),
      fetcher_(std::move(fetcher)),
      name_(config.name),
      decoy_secret_(std::move(decoy_secret)),
      registry_(clock, OptionsFor(config)),
      snapshot_(MakeSnapshot(config, std::move(keys), nullptr)) {}

std::shared_ptr<const SchedulerCore::Snapshot> SchedulerCore::MakeSnapshot(
    const SchedulerConfig& config, KeyRing keys, const Snapshot* previous) const {
  auto tenants = std::make_shared<const TenantDirectory>(
      config.tenants, config.decoy_zone, decoy_secret_, clock_, fetcher_,
      previous == nullptr ? nullptr : previous->tenants.get());
  std::string configuration = ConfigurationOf(*tenants, keys);
  return std::make_shared<const Snapshot>(Snapshot{std::move(tenants), std::move(keys),
                                                   config.worker_secrets, config.session_lifetime,
                                                   config.heartbeat, std::move(configuration)});
}

std::shared_ptr<const SchedulerCore::Snapshot> SchedulerCore::snapshot() const {
  const std::lock_guard lock(mutex_);
  return snapshot_;
}

void SchedulerCore::Reload(const SchedulerConfig& config, KeyRing keys) {
  std::shared_ptr<const Snapshot> fresh = MakeSnapshot(config, std::move(keys), snapshot().get());
  {
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(fresh);
  }
  sessions_.Clear();
}

absl::Status SchedulerCore::Refuse(std::string_view event, std::string_view tenant,
                                   std::string_view user, const Caller& caller,
                                   absl::Status status) {
  // A claimed tenant is a stranger's text.
  const std::string_view claimed = IsTenantName(tenant) ? tenant : std::string_view();
  events_.Report({event, claimed, user, caller.peer, Words(status)});
  return status;
}

v1::GetTenantIdPResponse SchedulerCore::GetTenantIdP(const v1::GetTenantIdPRequest& request) const {
  // No longer name than a tenant's is worth hashing.
  return snapshot()->tenants->IdentityProvider(
      std::string_view(request.tenant()).substr(0, kMaxTenantName + 1));
}

absl::StatusOr<v1::AuthenticateResponse> SchedulerCore::Authenticate(
    const v1::AuthenticateRequest& request, const Caller& caller) {
  const std::shared_ptr<const Snapshot> now = snapshot();
  const Tenant* tenant = now->tenants->Find(request.tenant());
  if (tenant == nullptr) {
    return Refuse("tenant-unknown", request.tenant(), "", caller, RefuseForNobody(request.token()));
  }
  const JwtExpectations expected{.issuer = tenant->config.issuer,
                                 .audience = tenant->config.audience};
  const absl::StatusOr<JwtClaims> claims = tenant->keys->Verify(request.token(), expected);
  if (!claims.ok()) {
    const TokenRefusal refusal = TokenRefusalOf(claims.status()).value_or(TokenRefusal::kMalformed);
    return Refuse(TokenRefusalName(refusal), request.tenant(), "", caller, claims.status());
  }
  const int64_t now_s = NowSeconds();
  const SessionGrant grant{.tenant = tenant->config.id,
                           .user = claims->Text(tenant->config.user_claim),
                           .expires_s = now_s + now->session_lifetime.count()};
  if (!IsUserName(grant.user)) {
    return Refuse(TokenRefusalName(TokenRefusal::kMissingClaim), request.tenant(), "", caller,
                  TokenRefused(TokenRefusal::kMissingClaim, "it does not name a user"));
  }
  v1::AuthenticateResponse response;
  response.set_session(MakeSessionToken(now->keys.current(), grant, now_s));
  response.set_expires_s(grant.expires_s);
  return response;
}

absl::StatusOr<SessionGrant> SchedulerCore::CheckSession(const Snapshot& now,
                                                         const Caller& caller) {
  const int64_t now_s = NowSeconds();
  if (std::optional<SessionGrant> known = sessions_.Find(caller.bearer, now_s)) {
    return *std::move(known);
  }
  absl::StatusOr<SessionGrant> grant =
      VerifySessionToken(caller.bearer, now.keys.verify_keys(), now_s);
  if (!grant.ok()) return Refuse("session-refused", "", "", caller, grant.status());
  sessions_.Add(caller.bearer, *grant, now_s);
  return grant;
}

absl::StatusOr<v1::RouteResponse> SchedulerCore::Route(const v1::RouteRequest& request,
                                                       const Caller& caller) {
  const std::shared_ptr<const Snapshot> now = snapshot();
  HPCC_ASSIGN_OR_RETURN(const SessionGrant session, CheckSession(*now, caller));
  const Tenant* tenant = now->tenants->Find(session.tenant);
  if (tenant == nullptr) {
    return Refuse("session-refused", session.tenant, session.user, caller,
                  TokenRefused(TokenRefusal::kWrongTenant, "its tenant is not here any more"));
  }
  const auto allows = [&request](const std::string& pattern) {
    return ImageMatches(request.image(), pattern);
  };
  const std::vector<std::string>& images = tenant->config.images;
  if (!IsImageName(request.image()) || std::none_of(images.begin(), images.end(), allows)) {
    return Refuse("image-refused", session.tenant, session.user, caller,
                  absl::PermissionDeniedError("this tenant may not use this image"));
  }
  const std::optional<int> asked =
      request.isolation().empty() ? 0 : IsolationRank(request.isolation());
  if (!asked) return Invalid("isolation: is not known here");
  if (request.avoid_workers_size() > kMaxAvoidedWorkers) return Invalid("avoid_workers: too many");
  std::vector<std::string> avoid(request.avoid_workers().begin(), request.avoid_workers().end());
  if (!request.avoid_worker().empty()) avoid.push_back(request.avoid_worker());
  const absl::StatusOr<RouteChoice> choice =
      registry_.Route({.tenant = session.tenant,
                       .user = session.user,
                       .image = request.image(),
                       .least_isolation_rank = std::max(
                           *asked, IsolationRank(tenant->config.minimum_isolation).value_or(0)),
                       .avoid_workers = std::move(avoid)});
  if (absl::IsNotFound(choice.status())) return absl::UnavailableError(Words(choice.status()));
  if (!choice.ok()) return choice.status();

  const int64_t now_s = NowSeconds();
  v1::RouteResponse response;
  response.set_worker(choice->worker);
  response.set_address(choice->address);
  response.set_certificate_sha256(choice->certificate_sha256);
  response.set_certificate_pem(choice->certificate_pem);
  response.set_slots(choice->slots);
  response.set_token(MakeRoutingToken(now->keys.current(),
                                      {.tenant = session.tenant,
                                       .user = session.user,
                                       .image = request.image(),
                                       .worker = choice->worker,
                                       .scheduler = name_},
                                      now_s));
  response.set_expires_s(now_s + kRoutingTokenSeconds);
  return response;
}

absl::Status SchedulerCore::CheckWorker(const Snapshot& now, std::string_view worker,
                                        const Caller& caller) {
  // All are compared, so that the time doesn't tell which one was nearly right.
  bool right = false;
  for (const std::string& secret : now.worker_secrets) {
    right = ConstantTimeEqual(caller.bearer, secret) || right;
  }
  if (right) return absl::OkStatus();
  return Refuse("worker-refused", "", "", caller,
                absl::UnauthenticatedError(IsWorkerName(worker)
                                               ? StrCat("not a worker's secret, from ", worker)
                                               : std::string("not a worker's secret")));
}

absl::StatusOr<v1::RegisterWorkerResponse> SchedulerCore::RegisterWorker(
    const v1::RegisterWorkerRequest& request, const Caller& caller) {
  const std::shared_ptr<const Snapshot> now = snapshot();
  HPCC_RETURN_IF_ERROR(CheckWorker(*now, request.worker(), caller));
  HPCC_RETURN_IF_ERROR(CheckRegistration(request));
  HPCC_ASSIGN_OR_RETURN(const WorkerRegistry::Registered registered,
                        registry_.Register(FactsOf(request)));
  if (registered == WorkerRegistry::Registered::kCertificateChanged) {
    events_.Report({"certificate-changed", "", "", caller.peer,
                    StrCat("worker ", request.worker(), " registered with another certificate")});
  }
  v1::RegisterWorkerResponse response;
  response.set_jwks(now->keys.jwks());
  response.set_heartbeat_seconds(static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(now->heartbeat).count()));
  for (const v1::TenantLimits& limits : now->tenants->limits()) *response.add_tenants() = limits;
  response.set_configuration(now->configuration);
  return response;
}

absl::StatusOr<v1::HeartbeatResponse> SchedulerCore::Heartbeat(const v1::HeartbeatRequest& request,
                                                               const Caller& caller) {
  const std::shared_ptr<const Snapshot> now = snapshot();
  HPCC_RETURN_IF_ERROR(CheckWorker(*now, request.worker(), caller));
  HPCC_RETURN_IF_ERROR(CheckImages(request.images()));
  v1::HeartbeatResponse response;
  response.set_known(
      registry_.Heartbeat({.name = request.worker(),
                           .in_flight = request.in_flight(),
                           .free_memory_bytes = request.free_memory_bytes(),
                           .images = {request.images().begin(), request.images().end()},
                           .draining = request.draining()}));
  response.set_configuration(now->configuration);
  // A thousand tenants in each of a thousand answers a second would be the most of what is sent.
  if (request.configuration() == now->configuration) return response;
  response.set_jwks(now->keys.jwks());
  for (const v1::TenantLimits& limits : now->tenants->limits()) *response.add_tenants() = limits;
  return response;
}

absl::StatusOr<v1::ReportSandboxLostResponse> SchedulerCore::ReportSandboxLost(
    const v1::ReportSandboxLostRequest& request, const Caller& caller) {
  const std::shared_ptr<const Snapshot> now = snapshot();
  HPCC_RETURN_IF_ERROR(CheckWorker(*now, request.worker(), caller));
  if (now->tenants->Find(request.tenant()) == nullptr) return Invalid("tenant: is not known here");
  if (!registry_.SandboxLost(request.worker(), request.tenant())) {
    return absl::NotFoundError("worker: is not known here; it has to register");
  }
  events_.Report({"sandbox-lost", request.tenant(), "", caller.peer,
                  StrCat("worker ", request.worker(), ": ",
                         std::string_view(request.reason()).substr(0, kMaxImageName))});
  return v1::ReportSandboxLostResponse();
}

}  // namespace hpcc
