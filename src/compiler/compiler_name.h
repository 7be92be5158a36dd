#ifndef HPCC_COMPILER_COMPILER_NAME_H_
#define HPCC_COMPILER_COMPILER_NAME_H_

// What the name a compiler is called by suggests. Only a first guess, to read the command line by
// before the compiler was ever asked; what it is, toolchain.h finds out.

#include <string_view>

#include "compiler/invocation.h"

namespace hpcc {

// "cl", "clang-cl", "clang-cl-14", with or without ".exe": MSVC; everything else: GNU.
Grammar GuessGrammar(std::string_view name);

// Whether the name contains one of clang's: "clang++-14", "x86_64-linux-gnu-clang", "icx".
bool LooksLikeClang(std::string_view name);

// Whether compilers are called so: "cc", "g++-12", "aarch64-linux-gnu-gcc", "clang++-14",
// "x86_64-w64-mingw32-gcc-posix". For whoever has to run a program to learn what it is, and must
// not run any program whatever.
bool LooksLikeCompiler(std::string_view name);

}  // namespace hpcc

#endif  // HPCC_COMPILER_COMPILER_NAME_H_
