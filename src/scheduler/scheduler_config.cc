#include "scheduler/scheduler_config.h"

#include <unistd.h>

#include <map>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "auth/identity_provider.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "config/toml_block.h"
#include "scheduler/isolation.h"
#include "scheduler/limits.h"
#include "scheduler/names.h"

namespace hpcc {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kSecretVariable = "HPCC_WORKER_SECRET";
constexpr size_t kMaxText = 1024;
constexpr uint64_t kMaxCompiles = 1'000'000;

std::string HostName() {
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) != 0 || !IsWorkerName(name)) return "hpcc-scheduler";
  return name;
}

// Text that goes into tokens and answers as it is.
std::string PlainText(TomlBlock& block, std::string_view key, std::string_view otherwise) {
  std::string text = block.Text(key).value_or(std::string(otherwise));
  if (text.size() > kMaxText) block.Fail(key, "is too long");
  for (const char c : text) {
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) block.Fail(key, "holds control characters");
  }
  return text;
}

std::string RequiredText(TomlBlock& block, std::string_view key) {
  if (!block.Has(key)) block.Fail(key, "is missing");
  return PlainText(block, key, "");
}

std::string AbsolutePath(TomlBlock& block, std::string_view key, std::string_view otherwise) {
  std::string text = PlainText(block, key, otherwise);
  if (!text.empty() && !path::IsAbsolute(text)) block.Fail(key, "write an absolute path");
  return text;
}

std::string ProviderUrl(TomlBlock& block, std::string_view key) {
  std::string url = PlainText(block, key, "");
  if (url.empty()) return url;
  const absl::Status usable = CheckProviderUrl(url);
  if (!usable.ok()) block.Fail(key, std::string(usable.message()));
  return url;
}

TenantConfig ReadTenant(TomlBlock& block) {
  TenantConfig tenant;
  tenant.id = RequiredText(block, "id");
  if (!tenant.id.empty() && !IsTenantName(tenant.id)) {
    block.Fail("id", "write up to 64 of a-z, 0-9, '.', '_' and '-', a letter or digit first");
  }
  if (!block.Has("issuer")) block.Fail("issuer", "is missing");
  tenant.issuer = ProviderUrl(block, "issuer");
  tenant.jwks_url = ProviderUrl(block, "jwks_url");
  tenant.token_url = ProviderUrl(block, "token_url");
  tenant.audience = RequiredText(block, "audience");
  tenant.client_id = RequiredText(block, "client_id");
  tenant.scope = PlainText(block, "scope", "openid");
  tenant.user_claim = PlainText(block, "user_claim", "sub");
  tenant.ca_file = AbsolutePath(block, "ca_file", "");
  tenant.images = block.Texts("images");
  if (tenant.images.empty()) {
    block.Fail("images", "is missing; write the images its compiles may use, such as [\"host\"]");
  }
  for (const std::string& image : tenant.images) {
    if (!IsImageName(image)) block.Fail("images", "one of them is no image");
  }
  tenant.minimum_isolation = PlainText(block, "minimum_isolation", "process");
  if (!IsolationRank(tenant.minimum_isolation)) {
    block.Fail("minimum_isolation", StrCat("write one of ", kIsolationNames));
  }
  tenant.upload_bytes_per_hour = block.Size("upload_bytes_per_hour").value_or(0);
  tenant.compiles_in_flight =
      static_cast<uint32_t>(block.Number("compiles_in_flight", 0, kMaxCompiles).value_or(0));
  tenant.source_store_bytes = block.Size("source_store_bytes").value_or(0);
  return tenant;
}

void ReadTenants(TomlBlock& top, SchedulerConfig* config) {
  std::vector<TomlBlock> blocks = top.Blocks("tenant");
  if (blocks.empty()) {
    top.Fail("tenant", "there is none; write at least one [[tenant]] block");
  }
  if (blocks.size() > kMaxTenants) top.Fail("tenant", "there are too many");
  std::set<std::string> ids;
  std::map<std::pair<std::string, std::string>, std::string> realms;
  for (TomlBlock& block : blocks) {
    TenantConfig tenant = ReadTenant(block);
    if (!ids.insert(tenant.id).second) block.Fail("id", "there is another tenant of this name");
    const auto [realm, fresh] =
        realms.emplace(std::make_pair(tenant.issuer, tenant.audience), tenant.id);
    if (!fresh) {
      block.Fail("audience", StrCat("is, with this issuer, also that of tenant ", realm->second,
                                    ": nothing would tell their users apart"));
    }
    config->tenants.push_back(std::move(tenant));
  }
}

void ReadTls(TomlBlock block, SchedulerConfig* config) {
  config->certificate_file = AbsolutePath(block, "certificate_file", "");
  config->key_file = AbsolutePath(block, "key_file", "");
  config->certificate_hosts = block.Texts("hosts");
  if (config->certificate_file.empty() != config->key_file.empty()) {
    const bool lacks_key = config->key_file.empty();
    block.Fail(
        lacks_key ? "certificate_file" : "key_file",
        StrCat("goes with ", lacks_key ? "key_file" : "certificate_file", ", which is missing"));
  }
}

void AddSecret(std::string_view text, SchedulerConfig* config) {
  if (!text.empty()) config->worker_secrets.emplace_back(text);
}

void ReadWorkers(TomlBlock block, FileSystem& fs, const Environment& environment,
                 SchedulerConfig* config) {
  config->heartbeat = block.Duration("heartbeat", seconds(1), seconds(60)).value_or(seconds(5));
  const std::string file = AbsolutePath(block, "secret_file", "");
  AddSecret(StripBlanks(environment.GetOrEmpty(kSecretVariable)), config);
  if (!file.empty()) {
    FileStat stat;
    const absl::StatusOr<std::string> text = ReadFileAndStat(fs, file, kMaxSecretFile, &stat);
    if (!text.ok()) {
      block.Fail("secret_file", std::string(text.status().message()));
    } else if ((stat.mode & 077) != 0) {
      block.Fail("secret_file", StrCat(file, " is open to other users; chmod go= it"));
    } else {
      for (const std::string_view line : StrSplit(*text, '\n'))
        AddSecret(StripBlanks(line), config);
    }
  }
  for (const std::string& secret : config->worker_secrets) {
    if (secret.size() < kMinWorkerSecret || secret.size() > kMaxWorkerSecret) {
      block.Fail("secret_file", StrCat("a worker's secret has ", kMinWorkerSecret, " to ",
                                       kMaxWorkerSecret, " characters"));
    }
  }
  if (config->worker_secrets.empty()) {
    block.Fail("secret_file", StrCat("is missing, and ", kSecretVariable,
                                     " is not set: no worker could register"));
  }
}

}  // namespace

absl::StatusOr<SchedulerConfig> ParseSchedulerConfig(std::string_view text, std::string_view file,
                                                     FileSystem& fs,
                                                     const Environment& environment) {
  HPCC_ASSIGN_OR_RETURN(TomlBlock top, TomlBlock::Parse(text, file));
  SchedulerConfig config;
  config.listen = PlainText(top, "listen", "0.0.0.0:7443");
  if (!IsAddress(config.listen, /*any_port=*/true)) top.Fail("listen", "write host:port");
  config.name = PlainText(top, "name", HostName());
  if (!IsWorkerName(config.name)) {
    top.Fail("name", "write up to 128 letters, digits, dots, dashes and underscores");
  }
  config.state_dir = AbsolutePath(top, "state_dir", "/var/lib/hpcc-scheduler");
  config.log_file = AbsolutePath(top, "log_file", "");
  const auto whole_seconds = [&top](std::string_view key, seconds least, seconds most,
                                    seconds otherwise) {
    return std::chrono::duration_cast<seconds>(top.Duration(key, least, most).value_or(otherwise));
  };
  config.session_lifetime = whole_seconds("session_lifetime", seconds(60), hours(24 * 7), hours(8));
  config.key_rotation = whole_seconds("key_rotation", hours(1), hours(24 * 366), hours(24 * 30));
  if (config.key_rotation < config.session_lifetime) {
    top.Fail("key_rotation", "is shorter than session_lifetime: sessions would end with their key");
  }
  config.decoy_zone = PlainText(top, "decoy_zone", "invalid");
  if (!IsTenantName(config.decoy_zone)) top.Fail("decoy_zone", "write a domain name");
  ReadTls(top.Block("tls"), &config);
  ReadWorkers(top.Block("workers"), fs, environment, &config);
  ReadTenants(top, &config);
  HPCC_RETURN_IF_ERROR(top.Finish());
  return config;
}

absl::StatusOr<SchedulerConfig> LoadSchedulerConfig(const std::string& file, FileSystem& fs,
                                                    const Environment& environment) {
  HPCC_ASSIGN_OR_RETURN(const std::string text, ReadFile(fs, file, kMaxConfigBytes));
  return ParseSchedulerConfig(text, file, fs, environment);
}

}  // namespace hpcc
