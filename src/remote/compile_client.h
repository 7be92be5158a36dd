#ifndef HPCC_REMOTE_COMPILE_CLIENT_H_
#define HPCC_REMOTE_COMPILE_CLIENT_H_

// Remote compiles as the wrapper sees them: asked for through hpcc-remote, which is started when it
// isn't there.
//
// As with remote caches (remote_client.h) nothing here can hold up a build, and what a dead
// hpcc-remote costs is paid once. One that is at work says so every half second.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "base/socket.h"
#include "config/config.h"
#include "remote/remote_compiles.h"
#include "remote/remote_dialer.h"
#include "remote/remote_place.h"

namespace hpcc {

class CompileClient {
 public:
  // All outlive it.
  CompileClient(const Config& config, const Environment& environment, FileSystem& fs, Clock& clock);

  // `request` says what is to be compiled; the rest of it is filled in here. Waits as long as
  // hpcc-remote is at work.
  RemoteCompiles::Answer Compile(remote_v1::Compile request);

 private:
  absl::StatusOr<RemoteCompiles::Answer> Ask(const remote_v1::Request& request);
  absl::StatusOr<RemoteCompiles::Answer> Receive(Connection& connection);

  const Config& config_;
  FileSystem& fs_;
  Clock& clock_;
  const Environment& environment_;
  const RemotePlace place_;
  RemoteDialer dialer_;
};

// The last thing that kept compiles from being remote, in one file beside hpcc's other records:
//
//   <local directory>/remote/compiles.notice, as remote/notice_file.h has it
//
// Written once for each cause: `text` is not written again for some minutes.
void WriteCompileNotice(FileSystem& fs, Clock& clock, const std::string& local_directory,
                        std::string_view text);
std::string CompileNoticeFile(const std::string& local_directory);

}  // namespace hpcc

#endif  // HPCC_REMOTE_COMPILE_CLIENT_H_
