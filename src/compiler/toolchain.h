#ifndef HPCC_COMPILER_TOOLCHAIN_H_
#define HPCC_COMPILER_TOOLCHAIN_H_

// What the program called as the compiler really is, found out by asking it.
//
// A compiler is more than the file that was called: gcc's driver runs cc1 and as, clang lives in
// shared libraries. Its identity is made of the contents of all of these, so that replacing any of
// them in place makes a new toolchain. Asking takes some milliseconds and several processes, so the
// answer is remembered together with what it rests on: files with their stamps and names looked up
// on PATH (ToolchainFactsHold).
//
// A script or program that runs a compiler in its turn is opaque: what it adds may depend on
// anything, so it is asked again for every compile, with that compile's own arguments.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/digest.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "compiler/dependency_file.h"
#include "compiler/invocation.h"

namespace hpcc {

// Values are written to disk: append only.
enum class CompilerFamily : uint8_t { kUnknown = 0, kGcc = 1, kClang = 2 };

struct ToolchainFacts {
  CompilerFamily family = CompilerFamily::kUnknown;
  bool opaque = false;
  Digest identity;  // zero for an opaque compiler that was not asked with full arguments
  std::vector<std::string> built_in_search;  // for the language asked about, in order

  // What the facts rest on.
  struct UsedFile {
    std::string path;  // absolute
    FileStat stat;
    // Of a file that ProbeToolchain hashed; zero for directories, and in facts that were decoded.
    Digest digest;
  };
  std::vector<UsedFile> files;
  struct PathLookup {
    std::string name;  // looked up on PATH
    std::string path;  // found there
  };
  std::vector<PathLookup> lookups;
};

struct ToolchainRequest {
  std::string path;  // absolute: the program that is run
  std::string cwd;
  const Invocation* invocation = nullptr;
  const Environment* environment = nullptr;
  // All arguments of the compile, for an opaque compiler; null to ask about the program only.
  const std::vector<std::string>* full_arguments = nullptr;
};

// What -x calls a language; "c" for one that it has no name for.
std::string_view LanguageWord(Language language);
// The words of a command that decide which programs run and where they look by themselves.
std::vector<std::string> ShapingWords(const Invocation& invocation);

// Under which the facts of a request are remembered: whatever they depend on that is known without
// asking.
Digest ToolchainRequestKey(const ToolchainRequest& request);

// Asks the compiler. Unavailable when it doesn't answer like a compiler hpcc knows.
absl::StatusOr<ToolchainFacts> ProbeToolchain(FileSystem& fs, const ToolchainRequest& request);

// Whether every file is what it was and every name leads where it led.
bool ToolchainFactsHold(FileSystem& fs, const Environment& environment,
                        const ToolchainFacts& facts);

//   facts  = version:u8 = 1 , family:u8 , opaque:u8 , identity:32 , search , files , lookups
//   search = count , string*
//   files  = count , ( path:string , device , inode , size , modified , changed : u64 )*
//   lookups = count , ( name:string , path:string )*
std::string EncodeToolchainFacts(const ToolchainFacts& facts);
absl::StatusOr<ToolchainFacts> DecodeToolchainFacts(std::string_view bytes);

// The first file called `name` on PATH that may be executed, or "".
std::string FindOnPath(FileSystem& fs, const Environment& environment, std::string_view name);

// The manners a family's dependency files may have, the current ones first.
std::vector<DependencyStyle> DependencyStylesOf(CompilerFamily family);

}  // namespace hpcc

#endif  // HPCC_COMPILER_TOOLCHAIN_H_
