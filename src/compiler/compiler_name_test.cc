#include "compiler/compiler_name.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

TEST(CompilerNameTest, MsvcGrammarBelongsToClAndClangCl) {
  for (const char* name : {"cl", "CL.EXE", "cl.exe", "clang-cl", "clang-cl-14", "clang-cl-14.exe",
                           "x86_64-pc-windows-msvc-clang-cl"}) {
    EXPECT_EQ(GuessGrammar(name), Grammar::kMsvc) << name;
  }
  for (const char* name : {"gcc", "g++-12", "cc", "c++", "clang", "clang++-14", "icx", "nvcc",
                           "mpicc", "tcl", "cl2c", "x86_64-linux-gnu-gcc-12.2.0", ""}) {
    EXPECT_EQ(GuessGrammar(name), Grammar::kGnu) << name;
  }
}

TEST(CompilerNameTest, ClangIsKnownByItsNames) {
  for (const char* name : {"clang", "clang++", "clang-14", "clang++-14.exe", "icx", "icpx",
                           "x86_64-linux-gnu-clang", "Clang"}) {
    EXPECT_TRUE(LooksLikeClang(name)) << name;
  }
  for (const char* name : {"gcc", "cc", "c++", "icc", "g++-12", ""}) {
    EXPECT_FALSE(LooksLikeClang(name)) << name;
  }
}

TEST(CompilerNameTest, CompilersAreKnownByTheirNames) {
  for (const char* name :
       {"cc", "c++", "gcc", "g++", "gcc-12", "g++-12.2.0", "clang", "clang++-14", "clang-cl-14.exe",
        "x86_64-linux-gnu-gcc-12", "aarch64-linux-gnu-g++", "x86_64-w64-mingw32-gcc-12-posix",
        "x86_64-w64-mingw32-g++-win32", "icx", "cl.exe"}) {
    EXPECT_TRUE(LooksLikeCompiler(name)) << name;
  }
  for (const char* name : {"",
                           "-",
                           "perl",
                           "python3.11",
                           "bash",
                           "yes",
                           "ssh",
                           "zip",
                           "gcc-ar-12",
                           "gcc-nm",
                           "cc1",
                           "cc1plus",
                           "collect2",
                           "as",
                           "ld",
                           "c++filt",
                           "clang-format-14",
                           "gccx",
                           "xgcc",
                           "posix"}) {
    EXPECT_FALSE(LooksLikeCompiler(name)) << name;
  }
}

}  // namespace
}  // namespace hpcc
