#ifndef HPCC_WORKER_WORKER_CONFIG_H_
#define HPCC_WORKER_WORKER_CONFIG_H_

// The configuration file of hpcc-worker:
//
//   name       = text            # default: the machine's name
//   listen     = "host:port"     # port 0: any free one
//   address    = "host:port"     # what clients are told; default: as `listen`
//   state_dir  = path            # required
//   slots      = whole number    # compiles at once; default: the number of processors
//   log_file   = path
//   cache_file = path            # results shared with other workers (cache_file.h); default: none
//
//   [scheduler]                  # required
//   address     = "host:port"    # required
//   ca_file     = path           # PEM: what the scheduler's certificate is checked with
//   server_name = text           # it is for that; default: the host of `address`
//   secret_file = path           # or the variable HPCC_WORKER_SECRET
//
//   [tls]                        # both or none; none: a certificate is made in state_dir
//   certificate_file, key_file = path    # PEM
//
//   [operator]
//   socket = path                # of `hpcc sandbox list` and `hpcc exec`; its folder is the
//                                # worker's alone; default: operator/socket in state_dir
//
//   [sandbox]                    # docs/sandboxes.md
//   driver = "process" | "qemu" | "firecracker"    # default: "process"
//   agent  = path                # of "process"; default: hpcc-agent beside this program
//   firecracker, jailer = path   # of "firecracker"; default: in /usr/local/bin
//   kernel = path                # but of "process", required: scripts/build-guest-kernel.sh
//   root   = path                # but of "process": the image `host` as a squashfs file;
//                                # default: there is no such image
//   cpus   = whole number        # of one sandbox; default: `slots`, but of a virtual machine 16 at
//                                # most, and no more can be given
//   memory, blobs = size         # of one sandbox
//   total_memory = size          # of all sandboxes at once; at least that of one. Default: three
//                                # quarters of the machine's memory; of "process": no limit
//   count  = whole number        # sandboxes at once
//   suspend, idle, session = duration    # suspend: where the driver can; default: never
//
//   [images]                     # not of "process": other images than `host`; docs/images.md
//   registries = array of text   # required: "host:port" or "host/owner", what may be pulled
//   directory  = path            # default: images in state_dir
//   ca_file    = path            # PEM, for registries; default: the system's authorities
//   credentials_file = path      # a config.json as `docker login` writes it
//   max_image  = size            # of one image as it is transferred
//   max_roots  = size            # of all prepared roots
//   pull_time  = duration        # of a pull
//   idle       = duration        # unused that long, a root goes
//   pulls      = whole number    # at once
//
//   [limits]
//   job_time, job_margin, queue_time = duration
//   job_memory, job_output = size
//   waiting = whole number       # requests that may wait for a slot
//   sources, results, manifests = size    # of each tenant
//
// Sizes as "10G" or bytes, durations as "90s". No other key is allowed.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "worker/cache_file.h"
#include "worker/image_supply.h"
#include "worker/tenant.h"

namespace hpcc {

struct WorkerConfig {
  std::string name;
  std::string listen = "0.0.0.0:7443";
  std::string address;  // "": as `listen`, with the port that was bound
  std::string state_directory;
  uint64_t slots = 0;
  std::string log_file;
  CacheFile shared_cache;  // without tiers: nothing is shared

  std::string scheduler_address;
  std::string scheduler_ca_file;
  std::string scheduler_server_name;
  std::string scheduler_secret_file;

  std::string certificate_file;
  std::string key_file;

  std::string operator_socket;  // "": OperatorSocket() says which

  std::string driver = "process";
  std::string agent;
  std::string firecracker = "/usr/local/bin/firecracker";
  std::string jailer = "/usr/local/bin/jailer";
  std::string guest_kernel;
  std::string guest_root;
  std::string channel = "serial";  // of QEMU's machines; or "vsock"
  uint64_t sandbox_cpus = 0;
  uint64_t sandbox_memory = uint64_t{2} << 30;
  uint64_t sandbox_blobs = 0;         // unless written: 64 MiB for each processor, at least 512 MiB
  uint64_t sandbox_total_memory = 0;  // 0: no limit
  uint64_t sandbox_count = 16;
  std::chrono::milliseconds sandbox_suspend{0};
  std::chrono::milliseconds sandbox_idle{300'000};
  std::chrono::milliseconds sandbox_session{8 * 3'600'000};

  ImageSettings images;

  std::chrono::milliseconds job_time{600'000};
  std::chrono::milliseconds job_margin{60'000};  // ExecLimits::margin
  std::chrono::milliseconds queue_time{10'000};
  uint64_t job_memory = uint64_t{1} << 30;
  uint64_t job_output = uint64_t{1} << 30;
  uint64_t waiting = 64;
  TenantShares shares;

  bool has_machines() const { return driver == "qemu" || driver == "firecracker"; }
  // Whether it has the image `host`, and whether it gets others.
  bool has_host_image() const { return !has_machines() || !guest_root.empty(); }
  bool pulls_images() const { return !images.registries.empty(); }
};

// Reads the cache_file, too. InvalidArgument: the first mistake in one of the files, as
// "<path>:<line>: <key>: <what is wrong>".
absl::StatusOr<WorkerConfig> ParseWorkerConfig(std::string_view text, std::string_view path,
                                               const Environment& environment);

// Where this worker's operators find it; absolute.
std::string OperatorSocket(const WorkerConfig& config);

// What defaults depend on.
struct WorkerMachine {
  std::string name;
  uint64_t processors = 1;
  uint64_t memory_bytes = 0;  // 0: not known
};
WorkerMachine ThisMachine();

// Gives a value to what depends on the machine and wasn't written.
void FillIn(const WorkerMachine& machine, WorkerConfig* config);

// Reads the file, parses it, and fills in what depends on the machine.
absl::StatusOr<WorkerConfig> LoadWorkerConfig(FileSystem& fs, const std::string& path,
                                              const Environment& environment);

// The secret workers show the scheduler: of the file, else of HPCC_WORKER_SECRET. Errors don't
// repeat it.
absl::StatusOr<std::string> WorkerSecret(const WorkerConfig& config, FileSystem& fs,
                                         const Environment& environment);

}  // namespace hpcc

#endif  // HPCC_WORKER_WORKER_CONFIG_H_
