#ifndef HPCC_CONFIG_CONFIG_H_
#define HPCC_CONFIG_CONFIG_H_

// What the user set, resolved once at start and passed down as a value.
//
// Sources, the later over the earlier: built-in defaults; /etc/hpcc/config.toml; the user's file
// ($HPCC_CONFIG, else $XDG_CONFIG_HOME/hpcc/config.toml, else ~/.config/hpcc/config.toml); HPCC_*
// environment variables. A file that is malformed, or that holds an unknown key, is an error naming
// file, line and key: guessing what a cache should do is worse than stopping. A key set in a later
// source replaces the earlier value; the [[cache]] blocks of a file replace those of an earlier
// file as a whole. docs/configuration.md lists every key and variable.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "base/file_system.h"

namespace hpcc {

// A bucket of S3 or of a server that speaks its protocol. Empty means "not set".
struct S3Settings {
  std::string bucket;
  std::string region;
  std::string endpoint;  // "https://host[:port]"; the bucket is then the first part of the path
  bool auto_create = false;
  // For development: everybody else takes them from where AWS's own tools do. Secret.
  std::string access_key;
  std::string secret_key;
};

// A plain HTTP server. Empty means "not set"; at most one of the two kinds of credentials is.
struct HttpSettings {
  std::string url;  // "https://host[:port][/path]"
  std::string username;
  std::string password;  // secret
  std::string password_file;
  std::string bearer_token;  // secret
  std::string bearer_token_file;
};

// One [[cache]] block: a place results are kept, asked in the order written.
struct CacheTier {
  enum class Type : uint8_t { kDisk, kS3, kHttp };
  enum class Compression : uint8_t { kNone, kZstd };

  Type type = Type::kDisk;
  uint64_t max_size = kDefaultDiskSize;  // bytes; 0: no limit, or no eviction by hpcc
  bool read_only = false;                // looked up but never written

  // kDisk
  std::string location;                          // an absolute directory
  Compression compression = Compression::kZstd;  // of outputs; indexes are never compressed

  // kS3 and kHttp
  std::string name_space = "default";  // everything is below cache/<namespace>/
  std::string ca_file;                 // PEM of private authorities; "": the system's
  S3Settings s3;
  HttpSettings http;

  static constexpr uint64_t kDefaultDiskSize = uint64_t{10} << 30;

  bool remote() const { return type != Type::kDisk; }
  // How messages call it: a directory, "s3://<bucket>/cache/<namespace>",
  // "<url>/cache/<namespace>". No secrets.
  std::string Name() const;
};

// Who made what remote caches hold: [signing].
struct SigningSettings {
  std::string key_file;                   // "": results are not signed
  std::vector<std::string> trusted_keys;  // none: unsigned results are used
};

// How the text a compile depends on is known.
enum class SourceMode : uint8_t {
  kDirect,        // from the recorded include closure
  kPreprocessed,  // by asking the compiler's preprocessor every time
};

// The per-user daemon: [daemon].
struct DaemonSettings {
  bool use = true;                        // ask it when it runs
  bool autostart = false;                 // the wrapper starts one where none runs
  uint64_t memory = uint64_t{256} << 20;  // bytes its memo may take
};

// Where compiles are sent that no cache has: [remote].
struct RemoteSettings {
  // How a token is got from the tenant's identity provider where none is kept.
  enum class Grant : uint8_t { kPassword, kDevice, kClientCredentials };

  bool use = true;
  std::string scheduler;  // "host:port"; "": everything is compiled here
  std::string ca_file;  // PEM: what signs the scheduler's certificate, or itself; "": the system's
  std::string tenant;
  std::string image = "host";
  Grant grant = Grant::kPassword;
  std::string username;
  std::string password_file;
  std::string client_secret_file;

  bool enabled() const { return use && !scheduler.empty(); }
};

struct Config {
  std::vector<CacheTier> cache;  // never empty unless `paranoid`
  // Where hpcc keeps what is its own on this machine: counters, what it found out about compilers,
  // the sockets of its programs where there is no better place. The first disk cache's location;
  // where no cache is a disk, the location such a one has by default. Absolute.
  std::string local_directory;
  SigningSettings signing;
  DaemonSettings daemon;
  RemoteSettings remote;
  // Nothing of what is compiled is kept on this machine, and no shared cache is asked.
  bool paranoid = false;
  SourceMode source_mode = SourceMode::kDirect;
  bool disable = false;  // run the compiler plainly
  std::string log_file;  // "": no log

  // Where each value came from, for `hpcc config`: "default", a file with its line, or a variable.
  struct Setting {
    std::string key;    // as written in TOML, e.g. "cache[0].max_size"
    std::string value;  // as it would be written in TOML
    std::string origin;
  };
  std::vector<Setting> settings;
  std::vector<std::string> files;  // the files that were read, in order

  const CacheTier* first_disk() const;  // null: every cache is remote
  bool has_remote() const;
  // Whether outputs are compressed before they are kept. One result is one value in every cache:
  // the first disk cache decides, and zstd where there is none.
  bool compresses() const;
};

inline constexpr std::string_view kSystemConfigFile = "/etc/hpcc/config.toml";
inline constexpr uint64_t kMaxConfigBytes = uint64_t{1} << 20;  // of one file

// Reads at most two files; where there are none, it costs their two failed opens. Errors:
//  - InvalidArgument: something the user wrote is wrong. "<file>:<line>: <key>: <what is wrong and
//    what to write>", or "<variable>: …" for the environment, or "<file>: …" where no line is to
//    blame. The one error that must stop a build.
//  - FailedPrecondition: no cache location is configured and the user has no home directory.
//  - anything else: a file is there but could not be read.
absl::StatusOr<Config> LoadConfig(FileSystem& fs, const Environment& environment,
                                  const std::string& system_file = std::string(kSystemConfigFile));

// The user's file by the rule above, whether it exists or not; "" when there is no home directory.
std::string UserConfigFile(FileSystem& fs, const Environment& environment);

// Every variable hpcc reads, for those who check for misspelled ones.
std::span<const std::string_view> ConfigVariables();

std::string_view CacheTypeName(CacheTier::Type type);
std::string_view CompressionName(CacheTier::Compression compression);
std::string_view SourceModeName(SourceMode mode);
std::string_view RemoteGrantName(RemoteSettings::Grant grant);

}  // namespace hpcc

#endif  // HPCC_CONFIG_CONFIG_H_
