#include "admin/dev_token_desk.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "auth/certificate.h"
#include "base/private_directory.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr size_t kRefreshTokenBytes = 32;

std::string Field(const TokenForm& form, std::string_view name) {
  const auto found = form.find(name);
  return found == form.end() ? "" : found->second;
}

// RFC 6749 section 5.2.
TokenAnswer Refused(int http_status, std::string_view error) {
  return {http_status, Json({{"error", error}}).dump()};
}

// What clients say is any bytes, and ends up in no answer: nothing here can't be dumped.
std::string Hex(std::string_view bytes) {
  return Digest::Of(bytes).ToHex();
}

}  // namespace

int64_t DevTokenDesk::NowSeconds() const {
  return clock_.NowNanoseconds() / kNanosecondsPerSecond;
}

TokenAnswer DevTokenDesk::Answer(const TokenForm& form) {
  const std::string grant = Field(form, "grant_type");
  if (grant == "password") return Password(form);
  if (grant == "refresh_token") return RefreshGrant(form);
  if (grant == "client_credentials") return ClientCredentials(form);
  return Refused(400, grant.empty() ? "invalid_request" : "unsupported_grant_type");
}

TokenAnswer DevTokenDesk::Password(const TokenForm& form) {
  if (Field(form, "client_id") != accounts_.client_id) return Refused(401, "invalid_client");
  const bool user = ConstantTimeEqual(Field(form, "username"), accounts_.user);
  const bool password = ConstantTimeEqual(Field(form, "password"), accounts_.password);
  if (!user || !password) return Refused(400, "invalid_grant");
  const std::optional<std::string> audience = Audience(form);
  if (!audience) return Refused(400, "invalid_target");
  return Grant({accounts_.user, accounts_.client_id, *audience}, /*refreshable=*/true);
}

TokenAnswer DevTokenDesk::ClientCredentials(const TokenForm& form) {
  const bool client = ConstantTimeEqual(Field(form, "client_id"), accounts_.service);
  const bool secret = ConstantTimeEqual(Field(form, "client_secret"), accounts_.service_secret);
  if (!client || !secret || accounts_.service_secret.empty()) {
    return Refused(401, "invalid_client");
  }
  const std::optional<std::string> audience = Audience(form);
  if (!audience) return Refused(400, "invalid_target");
  return Grant({accounts_.service, accounts_.service, *audience}, /*refreshable=*/false);
}

TokenAnswer DevTokenDesk::RefreshGrant(const TokenForm& form) {
  Refresh refresh;
  {
    const std::lock_guard lock(mutex_);
    // By its digest: how long the look-up takes says nothing about tokens that are good.
    const auto found = refresh_tokens_.find(Hex(Field(form, "refresh_token")));
    if (found == refresh_tokens_.end()) return Refused(400, "invalid_grant");
    refresh = found->second;
    if (refresh.client_id != Field(form, "client_id")) return Refused(400, "invalid_grant");
    refresh_tokens_.erase(found);  // each is good once
  }
  if (refresh.expires_s <= NowSeconds()) return Refused(400, "invalid_grant");
  return Grant(refresh, /*refreshable=*/true);
}

TokenAnswer DevTokenDesk::Grant(const Refresh& whose, bool refreshable) {
  const absl::StatusOr<std::string> id = SecretBytes(Digest::kSize);
  if (!id.ok()) return Refused(500, "server_error");
  const int64_t now_s = NowSeconds();
  const Json claims = {{"iss", issuer_},        {"sub", whose.subject},
                       {"aud", whose.audience}, {"iat", now_s},
                       {"nbf", now_s},          {"exp", now_s + accounts_.token_lifetime.count()},
                       {"jti", Hex(*id)}};
  Json answer = {{"access_token", key_.Sign("JWT", claims.dump())},
                 {"token_type", "Bearer"},
                 {"expires_in", accounts_.token_lifetime.count()}};
  if (refreshable) {
    const absl::StatusOr<std::string> token = KeepRefreshToken(whose);
    if (!token.ok()) return Refused(500, "server_error");
    answer["refresh_token"] = *token;
  }
  return {200, answer.dump()};
}

absl::StatusOr<std::string> DevTokenDesk::KeepRefreshToken(const Refresh& whose) {
  HPCC_ASSIGN_OR_RETURN(const std::string secret, SecretBytes(kRefreshTokenBytes));
  const std::string token = Digest::FromBytes(secret)->ToHex();
  const std::lock_guard lock(mutex_);
  const auto sooner = [](const auto& a, const auto& b) {
    return a.second.expires_s < b.second.expires_s;
  };
  if (refresh_tokens_.size() >= kMaxRefreshTokens) {
    refresh_tokens_.erase(std::min_element(refresh_tokens_.begin(), refresh_tokens_.end(), sooner));
  }
  Refresh& kept = refresh_tokens_[Hex(token)];
  kept = whose;
  kept.expires_s = NowSeconds() + accounts_.refresh_lifetime.count();
  return token;
}

std::optional<std::string> DevTokenDesk::Audience(const TokenForm& form) const {
  const std::string wanted = Field(form, "audience");
  if (wanted.empty()) return accounts_.audiences.front();
  const auto found = std::find(accounts_.audiences.begin(), accounts_.audiences.end(), wanted);
  if (found == accounts_.audiences.end()) return std::nullopt;
  return *found;
}

std::string DevTokenDesk::Discovery() const {
  return Json({{"issuer", issuer_},
               {"jwks_uri", StrCat(issuer_, "/jwks")},
               {"token_endpoint", StrCat(issuer_, "/token")},
               {"grant_types_supported", {"password", "refresh_token", "client_credentials"}},
               {"response_types_supported", Json::array()},
               {"subject_types_supported", {"public"}},
               {"id_token_signing_alg_values_supported", {"EdDSA"}},
               {"token_endpoint_auth_methods_supported",
                {"none", "client_secret_post", "client_secret_basic"}}})
      .dump();
}

std::string DevTokenDesk::Jwks() const {
  return JwksDocument({&key_, 1});
}

}  // namespace hpcc
