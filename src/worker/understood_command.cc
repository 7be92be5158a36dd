#include "worker/understood_command.h"

#include <string_view>
#include <vector>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "compiler/compiler_name.h"
#include "worker/argument_policy.h"

namespace hpcc {

namespace {

// Where images have what a command may name, as GuestImage (agent/guest_image.h) would put it: what
// lies in /usr but /usr/src, and whatever part of the root the compiler lies in.
std::vector<std::string> PresumedDirectories(const WorkerCommand& command) {
  std::vector<std::string> directories = {
      "/bin",      "/sbin",        "/lib",       "/lib32",     "/lib64",       "/libx32",
      "/usr/bin",  "/usr/lib",     "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/libx32",
      "/usr/sbin", "/usr/include", "/usr/local", "/usr/share"};
  const std::string& compiler = command.compiler;
  for (const std::string_view own :
       {"/dev/", "/proc/", "/sys/", "/run/", "/tmp/", "/.hpcc/", "/home/", "/root/", "/media/",
        "/mnt/", "/srv/", "/boot/", "/var/", "/usr/src/"}) {
    if (compiler.starts_with(own)) return directories;
  }
  const size_t from = compiler.starts_with("/usr/") ? sizeof("/usr/") - 1 : 1;
  const size_t end = compiler.find('/', from);
  if (end != std::string::npos) directories.push_back(compiler.substr(0, end));
  return directories;
}

}  // namespace

absl::StatusOr<UnderstoodCommand> UnderstandCommand(const WorkerCommand& command,
                                                    HostToolchains& image, FileSystem& fs,
                                                    HostToolchains::WhileAnotherIsAsked manner,
                                                    const std::function<bool()>& cancelled) {
  const auto judge = [&](bool is_clang) {
    return CheckCommand({&command, &image.directories(), is_clang}, fs);
  };
  // The compiler is asked what it is with words that passed, so its name is believed first.
  const bool guess = LooksLikeClang(path::Basename(command.compiler));
  UnderstoodCommand understood;
  HPCC_ASSIGN_OR_RETURN(understood.invocation, judge(guess));
  HPCC_ASSIGN_OR_RETURN(understood.toolchain,
                        image.Identify(command, understood.invocation, manner, cancelled));
  understood.is_clang = understood.toolchain->family == CompilerFamily::kClang;
  if (understood.is_clang != guess) {
    HPCC_ASSIGN_OR_RETURN(understood.invocation, judge(understood.is_clang));
  }
  return understood;
}

absl::StatusOr<UnderstoodCommand> UnderstandImageCommand(const WorkerCommand& command,
                                                         FileSystem& fs) {
  const std::vector<std::string> directories = PresumedDirectories(command);
  UnderstoodCommand understood;
  understood.is_clang = LooksLikeClang(path::Basename(command.compiler));
  HPCC_ASSIGN_OR_RETURN(understood.invocation,
                        CheckCommand({&command, &directories, understood.is_clang}, fs));
  return understood;
}

absl::Status FinishImageCommand(const ImageCommandCheck& check, Sandbox& sandbox, FileSystem& files,
                                UnderstoodCommand* understood) {
  const std::vector<std::string> directories = sandbox.image_directories();
  HPCC_ASSIGN_OR_RETURN(understood->invocation,
                        CheckCommand({check.command, &directories, understood->is_clang}, files));
  HPCC_ASSIGN_OR_RETURN(understood->toolchain,
                        check.toolchains->Identify(sandbox, {.command = check.command,
                                                             .invocation = &understood->invocation,
                                                             .is_clang = understood->is_clang,
                                                             .job = check.job,
                                                             .limits = check.limits,
                                                             .cancelled = check.cancelled}));
  const bool is_clang = understood->toolchain->family == CompilerFamily::kClang;
  if (is_clang == understood->is_clang) return absl::OkStatus();
  return absl::FailedPreconditionError(
      StrCat(check.command->compiler, ": of this name, the image has a compiler of another kind"));
}

}  // namespace hpcc
