#include "compiler/assembler_words.h"

#include <utility>

#include "base/strings.h"
#include "compiler/word_list.h"

namespace hpcc {

namespace {

using E = AssemblerEffect;

constexpr std::string_view kPlainWords[] = {"--noexecstack",
                                            "--execstack",
                                            "--fatal-warnings",
                                            "--no-warn",
                                            "--warn",
                                            "-W",
                                            "--compress-debug-sections",
                                            "-mbig-obj",
                                            "--strip-local-absolute"};
// All of the rest is their value.
constexpr std::string_view kPlainPrefixes[] = {
    "--compress-debug-sections=", "-mrelax-", "-march=", "-mcpu=", "-mimplicit-it=", "-mfpu="};

constexpr std::string_view kOtherWords[] = {"--nocompress-debug-sections",
                                            "--alternate",
                                            "--divide",
                                            "--gen-debug",
                                            "--gdwarf-sections",
                                            "--gsframe",
                                            "--gstabs",
                                            "--gstabs+",
                                            "--keep-locals",
                                            "--reduce-memory-overheads",
                                            "--sectname-subst",
                                            "--traditional-format",
                                            "--32",
                                            "--64",
                                            "--x32",
                                            "-32",
                                            "-64",
                                            "-EB",
                                            "-EL",
                                            "-J",
                                            "-K",
                                            "-KPIC",
                                            "-L",
                                            "-O",
                                            "-O0",
                                            "-O1",
                                            "-O2",
                                            "-Os",
                                            "-Qn",
                                            "-Qy",
                                            "-R",
                                            "-X",
                                            "-f",
                                            "-k",
                                            "-n",
                                            "-no-pad-sections",
                                            "-nocpp",
                                            "-q",
                                            "-s",
                                            "-w"};
// "-g" and "-m" begin long options or take the rest; those of the latter that do more are below.
constexpr std::string_view kOtherPrefixes[] = {"--debug-prefix-map=",
                                               "--defsym=",
                                               "--elf-stt-common=",
                                               "--gdwarf-2",
                                               "--gdwarf-3",
                                               "--gdwarf-4",
                                               "--gdwarf-5",
                                               "--gdwarf-cie-version=",
                                               "--generate-missing-build-notes=",
                                               "--hash-size=",
                                               "--multibyte-handling=",
                                               "--size-check=",
                                               "-defsym=",
                                               "-fdebug-compilation-dir=",
                                               "-g",
                                               "-m"};

// In the mode of another assembler, directives that read files have other names. LLVM's options may
// write.
constexpr std::string_view kUnfitPrefixes[] = {"-mri", "-mllvm"};
constexpr std::string_view kCutShort[] = {"-m", "-mr"};

constexpr std::string_view kWritingPrefixes[] = {
    "-a", "--a", "--MD", "-MD", "-o", "--statistics", "--version", "-v", "-V", "-Z", "--listing"};

constexpr std::string_view kWordsWithValue[] = {"--defsym", "-defsym", "--debug-prefix-map",
                                                "-fdebug-compilation-dir"};

E EffectOf(std::string_view word) {
  if (BeginsWithOneOf(word, kUnfitPrefixes) || IsOneOf(word, kCutShort)) return E::kUnknown;
  if (IsOneOf(word, kPlainWords) || BeginsWithOneOf(word, kPlainPrefixes)) return E::kPlain;
  if (IsOneOf(word, kOtherWords) || BeginsWithOneOf(word, kOtherPrefixes)) return E::kOther;
  if (BeginsWithOneOf(word, kWritingPrefixes)) return E::kWrites;
  return E::kUnknown;
}

}  // namespace

AssemblerWord AssemblerWordReader::Read(std::string_view word) {
  const Value value = std::exchange(value_, Value::kNone);
  // Before anything else is looked at, also where a value is expected.
  if (word.starts_with('@')) return {E::kResponseFile, {}};
  if (value == Value::kDirectory) return {E::kSearchPath, word};
  if (value == Value::kWord) return {E::kOther, {}};
  if (word == "-I") {
    value_ = Value::kDirectory;
    return {E::kOther, {}};
  }
  if (word.starts_with("-I")) return {E::kSearchPath, word.substr(2)};
  if (IsOneOf(word, kWordsWithValue)) {
    value_ = Value::kWord;
    return {E::kOther, {}};
  }
  return {EffectOf(word), {}};
}

std::vector<std::string_view> AssemblerWordsOf(const Argument& argument) {
  if (argument.flag == "-Wa,") return StrSplit(argument.value, ',');
  if (argument.flag == "-Xassembler") return {argument.value};
  return {};
}

}  // namespace hpcc
