#include "compiler/program_files.h"

#include <chrono>

#include "base/bytes.h"
#include "base/process.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::string_view kElfMagic =
    "\x7f"
    "ELF";
constexpr size_t kHeaderBytes = 4096;
constexpr uint32_t kProgramInterpreter = 3;  // PT_INTERP, elf.h

std::string ReadStart(FileSystem& fs, const std::string& path) {
  absl::StatusOr<std::unique_ptr<File>> file = fs.OpenForReading(path);
  if (!file.ok()) return "";
  absl::StatusOr<std::string> start = (*file)->ReadAt(0, kHeaderBytes);
  return start.ok() ? *std::move(start) : "";
}

// Whether a 64-bit little-endian ELF file names a dynamic linker. Layout: elf.h, Elf64_Ehdr and
// Elf64_Phdr.
bool HasInterpreter(std::string_view start) {
  constexpr size_t kProgramHeaderOffset = 32;
  constexpr size_t kProgramHeaderSize = 54;
  if (start.size() < 64 || start[4] != 2 || start[5] != 1) return false;
  ByteReader header(start.substr(kProgramHeaderOffset));
  const uint64_t offset = header.Fixed64();
  ByteReader sizes(start.substr(kProgramHeaderSize));
  const size_t entry_size = static_cast<size_t>(sizes.Fixed8()) | sizes.Fixed8() << 8;
  const size_t count = static_cast<size_t>(sizes.Fixed8()) | sizes.Fixed8() << 8;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t at = offset + i * entry_size;
    if (at > start.size() || start.size() - at < 4) return false;
    if (ByteReader(start.substr(at)).Fixed32() == kProgramInterpreter) return true;
  }
  return false;
}

}  // namespace

bool IsElfProgram(FileSystem& fs, const std::string& path) {
  return ReadStart(fs, path).starts_with(kElfMagic);
}

std::vector<std::string> SharedLibrariesOf(FileSystem& fs, const Environment& environment,
                                           const std::string& path) {
  const std::string start = ReadStart(fs, path);
  if (!start.starts_with(kElfMagic) || !HasInterpreter(start)) return {};
  Environment asking = environment;
  asking.Set("LD_TRACE_LOADED_OBJECTS", "1");
  const absl::StatusOr<CapturedRun> run = RunCaptured({path}, asking);
  if (!run.ok() || !run->exit.success()) return {};
  return ParseLoadedObjects(run->out);
}

std::vector<std::string> ParseLoadedObjects(std::string_view text) {
  constexpr std::string_view kArrow = " => ";
  std::vector<std::string> paths;
  for (std::string_view line : StrSplit(text, '\n')) {
    line = StripBlanks(line);
    const size_t arrow = line.find(kArrow);
    if (arrow != std::string_view::npos) line.remove_prefix(arrow + kArrow.size());
    line = line.substr(0, line.find(" ("));
    if (line.starts_with('/')) paths.emplace_back(line);
  }
  return paths;
}

}  // namespace hpcc
