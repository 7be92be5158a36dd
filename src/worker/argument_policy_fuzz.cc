// Whatever a client sends as a command and a manifest: reading and judging it doesn't crash, and
// what is accepted keeps the rules that matter most.

#include <cstdlib>

#include "base/path.h"
#include "base/strings.h"
#include "compiler/embedded_files.h"
#include "hpcc/worker/v1/worker.pb.h"
#include "worker/argument_policy.h"
#include "worker/manifest_file_system.h"

namespace {

// The first half is words separated by newlines, variables those behind a "$"; the second a
// manifest.
hpcc::worker::v1::Command CommandOf(std::string_view words) {
  hpcc::worker::v1::Command command;
  command.set_compiler("/usr/bin/gcc");
  command.set_working_directory("/p");
  command.set_toolchain_identity(std::string(32, 'x'));
  while (!words.empty()) {
    const size_t end = std::min(words.find('\n'), words.size());
    const std::string_view word = words.substr(0, end);
    if (word.starts_with('$')) {
      command.add_environment(std::string(word.substr(1)));
    } else {
      command.add_arguments(std::string(word));
    }
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return command;
}

void CheckDirectory(std::string_view directory) {
  const std::string full = hpcc::path::Normalize(hpcc::path::Join("/p", directory));
  if (hpcc::path::IsBelow(full, "/proc")) std::abort();
}

void Judge(const hpcc::WorkerCommand& command, hpcc::FileSystem& fs, bool is_clang) {
  const std::vector<std::string> image = {"/usr/bin", "/usr/lib", "/usr/include"};
  const auto invocation = hpcc::CheckCommand({&command, &image, is_clang}, fs);
  if (!invocation.ok()) return;
  if (invocation->outputs.empty() || invocation->had_response_file) std::abort();
  for (const hpcc::Output& output : invocation->outputs) {
    const std::string full = hpcc::path::Normalize(hpcc::path::Join("/p", output.path));
    if (!hpcc::path::IsBelow(full, "/p") || full == "/p") std::abort();
  }
  for (const std::string& directory : hpcc::AssemblerSearchDirectories(*invocation)) {
    CheckDirectory(directory);
  }
  for (const char* name : {"CPATH", "C_INCLUDE_PATH", "OBJCPLUS_INCLUDE_PATH"}) {
    const std::string value = command.environment.GetOrEmpty(name);
    for (const std::string_view directory : hpcc::StrSplit(value, ':')) CheckDirectory(directory);
  }
  for (const hpcc::Argument& argument : invocation->arguments) {
    if (argument.effect == hpcc::FlagEffect::kUnknown ||
        argument.effect == hpcc::FlagEffect::kDependency || argument.flag == "-B") {
      std::abort();
    }
  }
  hpcc::CommandKey(command, *invocation);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t cut = std::min(bytes.find('\x01'), bytes.size());
  hpcc::worker::v1::Command message = CommandOf(bytes.substr(0, cut));
  absl::StatusOr<hpcc::WorkerCommand> command = hpcc::ReadCommand(message);
  if (command.ok()) {
    hpcc::AnythingFileSystem anything;
    Judge(*command, anything, false);
    Judge(*command, anything, true);
    const auto manifest = hpcc::DecodeManifest(bytes.substr(cut));
    if (manifest.ok()) {
      hpcc::ManifestFileSystem files(*manifest);
      Judge(*command, files, false);
    }
  }
  // The message itself.
  if (message.ParseFromArray(data, static_cast<int>(size)))
    hpcc::ReadCommand(message).IgnoreError();
  return 0;
}
