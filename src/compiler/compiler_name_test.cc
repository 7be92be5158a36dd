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

}  // namespace
}  // namespace hpcc
