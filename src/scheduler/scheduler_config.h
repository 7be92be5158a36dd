#ifndef HPCC_SCHEDULER_SCHEDULER_CONFIG_H_
#define HPCC_SCHEDULER_SCHEDULER_CONFIG_H_

// The scheduler's configuration, one TOML file:
//
//   listen           = "host:port"               default "0.0.0.0:7443"
//   name             = text                      in routing tokens and audit rows; the host's name
//   state_dir        = absolute path             default "/var/lib/hpcc-scheduler"
//   log_file         = absolute path             default: standard error
//   session_lifetime = time                      default "8h"
//   key_rotation     = time                      default "30d"
//   decoy_zone       = text                      default "invalid"; docs/scheduler.md
//   [tls]
//   certificate_file, key_file = absolute paths  both or neither: self-made in state_dir then
//   hosts            = array of text             what a self-made certificate is for
//   [workers]
//   secret_file      = absolute path             one secret a line; or HPCC_WORKER_SECRET
//   heartbeat        = time                      default "5s"
//   [[tenant]]                                   at least one
//   id               = text                      a-z 0-9 . _ -
//   issuer           = https address             of its identity provider
//   audience         = text                      what its tokens are for
//   client_id        = text                      what its users' clients call themselves
//   images           = array of text             "host", references; "…*": all that begin so
//   jwks_url, token_url = https addresses        default: by discovery of the issuer
//   scope            = text                      default "openid"
//   user_claim       = text                      default "sub": the claim that names the user
//   ca_file          = absolute path             PEM, for the identity provider; else the system's
//   minimum_isolation = text                     default "process"
//   upload_bytes_per_hour = size                 default 0: no limit
//   compiles_in_flight    = number               default 0: no limit
//   source_store_bytes    = size                 default 0: the worker's own

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "base/file_system.h"

namespace hpcc {

struct TenantConfig {
  std::string id;
  std::string issuer;
  std::string jwks_url;
  std::string token_url;
  std::string audience;
  std::string client_id;
  std::string scope;
  std::string user_claim;
  std::string ca_file;
  std::vector<std::string> images;
  std::string minimum_isolation;
  uint64_t upload_bytes_per_hour = 0;
  uint32_t compiles_in_flight = 0;
  uint64_t source_store_bytes = 0;

  friend bool operator==(const TenantConfig&, const TenantConfig&) = default;
};

struct SchedulerConfig {
  std::string listen;
  std::string name;
  std::string state_dir;
  std::string log_file;  // empty: standard error
  std::chrono::seconds session_lifetime{0};
  std::chrono::seconds key_rotation{0};
  std::string decoy_zone;
  std::string certificate_file;  // empty: self-made
  std::string key_file;
  std::vector<std::string> certificate_hosts;
  std::vector<std::string> worker_secrets;  // each is accepted. Secret
  std::chrono::milliseconds heartbeat{0};
  std::vector<TenantConfig> tenants;
};

// InvalidArgument: the first mistake, "<file>:<line>: <key>: <what is wrong>", or what is missing.
// Secrets are read from where the file says; no message holds one.
absl::StatusOr<SchedulerConfig> ParseSchedulerConfig(std::string_view text, std::string_view file,
                                                     FileSystem& fs,
                                                     const Environment& environment);
absl::StatusOr<SchedulerConfig> LoadSchedulerConfig(const std::string& file, FileSystem& fs,
                                                    const Environment& environment);

}  // namespace hpcc

#endif  // HPCC_SCHEDULER_SCHEDULER_CONFIG_H_
