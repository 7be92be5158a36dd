#ifndef HPCC_COMPILER_GRAMMAR_TEST_SUPPORT_H_
#define HPCC_COMPILER_GRAMMAR_TEST_SUPPORT_H_

// A scratch directory with a few sources, for tests of the grammars. Used by tests only.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "base/environment.h"
#include "base/file_system.h"
#include "base/strings.h"
#include "compiler/invocation.h"

namespace hpcc {

// Words separated by single blanks.
inline std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  for (std::string_view word : StrSplit(text, ' ')) {
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string name = testing::TempDir() + "hpcc-grammar-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = std::filesystem::canonical(name).string();
    for (const char* file :
         {"foo.c", "d/foo.c", "d/foo.bar.c", "d/foo.cc", "d/foo.i", "d/foo.ii", "d/foo", "two.c"}) {
      Write(file, "int f(int a) { return a + 1; }\n");
    }
    Write("d/foo.S", "");
    Write("d/foo.s", "");
    Write("inc.h", "");
    std::filesystem::create_directories(path_ + "/o");
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }

  void Write(const std::string& name, const std::string& text) const {
    const std::filesystem::path full = std::filesystem::path(path_) / name;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full, std::ios::binary) << text;
  }

  std::string Read(const std::string& name) const {
    std::ifstream in(std::filesystem::path(path_) / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  // Relative names of all files.
  std::set<std::string> Files() const {
    std::set<std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_)) {
      if (entry.is_regular_file()) {
        files.insert(std::filesystem::relative(entry.path(), path_).string());
      }
    }
    return files;
  }

  // Runs a shell command in the directory; the exit status.
  int Run(const std::string& command) const {
    return std::system(
        StrCat("cd '", path_, "' && ", command, " >stdout.txt 2>stderr.txt").c_str());
  }

 private:
  std::string path_;
};

class GrammarTest : public testing::Test {
 protected:
  Invocation Gnu(const std::vector<std::string>& args, const char* compiler = "gcc") {
    return ParseGnu(Context(compiler), args);
  }
  Invocation Gnu(std::string_view args, const char* compiler = "gcc") {
    return Gnu(Words(args), compiler);
  }
  Invocation Msvc(std::string_view args, const char* compiler = "clang-cl") {
    return ParseMsvc(Context(compiler), Words(args));
  }

  ParseContext Context(const char* compiler) {
    return {FileSystem::Real(), environment_, directory_.path(), compiler,
            StrContains(compiler, "clang")};
  }

  ScratchDirectory directory_;
  Environment environment_;
};

inline std::string RefusalName(const Invocation& invocation) {
  if (!invocation.refusal) return "none";
  return std::string(NotCacheableReasonName(invocation.refusal->reason));
}

inline std::vector<std::string> OutputPaths(const Invocation& invocation) {
  std::vector<std::string> paths;
  for (const Output& output : invocation.outputs) paths.push_back(output.path);
  return paths;
}

}  // namespace hpcc

#endif  // HPCC_COMPILER_GRAMMAR_TEST_SUPPORT_H_
