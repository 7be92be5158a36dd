#include "worker/argument_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "worker/manifest_file_system.h"

namespace hpcc {
namespace {

using testing::HasSubstr;

const std::vector<std::string>& Image() {
  static const std::vector<std::string> image = {"/usr/bin", "/usr/lib", "/usr/include",
                                                 "/usr/share"};
  return image;
}

// Words separated by blanks.
std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  for (const std::string_view word : StrSplit(text, ' ')) {
    if (!word.empty()) words.emplace_back(word);
  }
  return words;
}

ManifestEntry Entry(std::string path, ManifestEntry::Kind kind = ManifestEntry::Kind::kFile,
                    std::string target = "") {
  return {std::move(path), kind, Digest(), std::move(target)};
}

class ArgumentPolicyTest : public testing::Test {
 protected:
  ArgumentPolicyTest() {
    const SourceManifest unsorted{{Entry("/p/a.c"), Entry("/p/ignore.txt"), Entry("/p/inc/a.h"),
                                   Entry("/p/b.S"),
                                   Entry("/p/out", ManifestEntry::Kind::kDirectory),
                                   Entry("/p/elsewhere", ManifestEntry::Kind::kLink, "/q")}};
    manifest_ = DecodeManifest(EncodeManifest(unsorted).value()).value();
    command_.compiler = "/usr/bin/gcc";
    command_.working_directory = "/p";
  }

  absl::StatusOr<Invocation> Check(std::string_view words, bool is_clang = false) {
    command_.arguments = Words(words);
    ManifestFileSystem fs(manifest_);
    return CheckCommand({&command_, &Image(), is_clang}, fs);
  }
  std::string Verdict(std::string_view words, bool is_clang = false) {
    const absl::StatusOr<Invocation> invocation = Check(words, is_clang);
    if (invocation.ok()) return "";
    EXPECT_EQ(invocation.status().code(), absl::StatusCode::kPermissionDenied);
    return std::string(invocation.status().message());
  }

  SourceManifest manifest_;
  WorkerCommand command_;
};

TEST_F(ArgumentPolicyTest, OrdinaryCompilesPass) {
  for (const char* words : {
           "-c a.c",
           "-c a.c -o a.o",
           "-O2 -g -Wall -Wextra -Werror -std=gnu11 -Iinc -DX=1 -UY -c a.c -o out/a.o",
           "-c -o ./out/a.o a.c -fPIC -pthread -fno-strict-aliasing -fstack-protector-strong",
           "-S a.c -o a.s",
           "-c b.S -Wa,--noexecstack -o b.o",
           "-c b.S -Wa,-I,inc,--defsym,a=1 -Xassembler -I -Xassembler inc -Wa,-L -o b.o",
           "-c a.c -I/usr/include -isystem /usr/include/x -iquote . -include inc/a.h",
           "-c a.c -m64 -march=x86-64-v2 -mtune=generic -mno-red-zone",
           "-c a.c -gsplit-dwarf -g -o out/a.o",
           "-c a.c --coverage -o out/a.o",
           "-c a.c -flto -ffat-lto-objects",
           "-c a.c -fstack-usage",
           "-c a.c -ffile-prefix-map=/p=. -fdebug-prefix-map=/p=.",
           "-c a.c --sysroot=/usr/share/sysroot -nostdinc",
           "-c a.c -Wp,-D_FORTIFY_SOURCE=2 -Wl,-z,now -L/x -lm",
           "-c a.c -fdiagnostics-color=always",
           "-c a.c -o /p/out/a.o",
           "-c a.c -o out/../out/a.o",
           "-c -x c++ a.c",
       }) {
    EXPECT_EQ(Verdict(words), "") << words;
  }
  EXPECT_EQ(Verdict("--target=x86_64-linux-gnu -stdlib=libstdc++ -c a.c -o a.o", true), "");
  EXPECT_EQ(Verdict("-c a.c -fsanitize-ignorelist=ignore.txt -fsanitize=address", true), "");
}

struct RefusedCase {
  const char* words;
  const char* named;  // what the message must name
  bool is_clang = false;
};

TEST_F(ArgumentPolicyTest, WhatRunsOrLoadsOtherProgramsIsRefused) {
  for (const RefusedCase& test : std::vector<RefusedCase>{
           {"-B. -c a.c", "-B."},
           {"-B /usr/lib -c a.c", "-B"},
           {"--prefix=x -c a.c", "--prefix=x"},
           {"-wrapper /bin/sh,-c -c a.c", "-wrapper"},
           {"-fplugin=x.so -c a.c", "-fplugin=x.so"},
           {"-fplugin-arg-x-y=z -c a.c", "-fplugin-arg-x-y=z"},
           {"-fpass-plugin=x.so -c a.c", "-fpass-plugin", true},
           {"-specs=inc/a.h -c a.c", "-specs"},
           {"--specs=inc/a.h -c a.c", "--specs"},
           {"-specs inc/a.h -c a.c", "-specs"},
           {"-Xclang -load -Xclang x.so -c a.c", "-Xclang", true},
           {"-Xclang -fno-x -c a.c", "-Xclang", true},
           {"-mllvm -x86-y -c a.c", "-mllvm", true},
           {"--gcc-toolchain=/p -c a.c", "--gcc-toolchain", true},
           {"--gcc-toolchain=/usr -c a.c", "--gcc-toolchain", true},
           {"-resource-dir /p -c a.c", "-resource-dir", true},
           {"--config x.cfg -c a.c", "--config", true},
           {"--driver-mode=cl -c a.c", "--driver-mode", true},
           {"--target=../../p/x -c a.c", "--target", true},
           {"-foffload=x -c a.c", "-foffload"},
           {"-no-integrated-cpp -B. -c a.c", "-no-integrated-cpp"},
           {"@args", "@args"},
           {"-c a.c @args", "@args"},
           {"-Wa,@args -c a.c", "-Wa,@args"},
       }) {
    EXPECT_THAT(Verdict(test.words, test.is_clang), HasSubstr(test.named)) << test.words;
  }
}

TEST_F(ArgumentPolicyTest, WhatReadsOutsideIsRefused) {
  for (const RefusedCase& test : std::vector<RefusedCase>{
           {"--sysroot=/p -c a.c", "--sysroot"},
           {"--sysroot /home -c a.c", "--sysroot"},
           {"--sysroot=/usr/share/../../p -c a.c", "--sysroot"},
           {"--sysroot=usr/share -c a.c", "--sysroot"},
           {"-isysroot /p -c a.c", "-isysroot"},
           {"-I/proc/self -c a.c", "/proc/self"},
           {"-I../proc/1/root -c a.c", "../proc/1/root"},
           {"-isystem /sys -c a.c", "/sys"},
           {"-include /dev/stdin -c a.c", "/dev/stdin"},
           {"-include /.hpcc/agent -c a.c", "/.hpcc/agent"},
           {"-c /proc/self/environ", "/proc/self/environ"},
           {"-c missing.c", "missing.c"},
           {"-c -", "-"},
           {"-fprofile-use=x -c a.c", "-fprofile-use=x"},
           {"-fprofile-use -c a.c", "-fprofile-use"},
           {"-fauto-profile=x -c a.c", "-fauto-profile"},
           {"-fbranch-probabilities -c a.c", "-fbranch-probabilities"},
           {"-fprofile-dir=/x -c a.c", "-fprofile-dir"},
           {"-fprofile-instr-use=x -c a.c", "-fprofile-instr-use", true},
           {"-include-pch inc/a.h -c a.c", "-include-pch", true},
           {"-march=native -c a.c", "-march=native"},
           {"-mcpu=native -c a.c", "-mcpu=native"},
       }) {
    EXPECT_THAT(Verdict(test.words, test.is_clang), HasSubstr(test.named)) << test.words;
  }
}

TEST_F(ArgumentPolicyTest, ADirectoryIsJudgedBehindItsSystemRoot) {
  command_.working_directory = "/p/inc/deeper";
  for (const char* words : {"--sysroot=/usr/share -I=/../../proc/self -c ../../a.c",
                            "--sysroot=/usr/share -iquote $SYSROOT/../../proc -c ../../a.c"}) {
    EXPECT_THAT(Verdict(words), HasSubstr("outside of the stage")) << words;
  }
  EXPECT_EQ(Verdict("--sysroot=/usr/share -I=/include -c ../../a.c"), "");
}

TEST_F(ArgumentPolicyTest, WhatWritesOtherFilesIsRefused) {
  for (const RefusedCase& test : std::vector<RefusedCase>{
           {"-save-temps -c a.c", "-save-temps"},
           {"-save-temps=obj -c a.c", "-save-temps=obj"},
           {"--save-temps -c a.c", "--save-temps"},
           {"-fdump-tree-all -c a.c", "-fdump-tree-all"},
           {"-fdump-tree-all=/etc/x -c a.c", "-fdump-tree-all"},
           {"-dumpdir x -c a.c", "-dumpdir"},
           {"-da -c a.c", "-da"},
           {"-aux-info x -c a.c", "-aux-info"},
           {"-MD -c a.c", "-MD"},
           {"-MMD -MF x.d -c a.c", "-MMD"},
           {"-MF x -c a.c", "-MF"},
           {"-MJ x -c a.c", "-MJ", true},
           {"-MT x -c a.c", "-MT"},
           {"-Wp,-MD,x.d -c a.c", "-Wp,-MD,x.d"},
           {"-Xpreprocessor -MD -c a.c", "-Xpreprocessor"},
           {"-Wa,-a=x -c a.c", "-Wa,-a=x"},
           {"-Wa,--MD,x -c a.c", "-Wa,--MD,x"},
           {"-Wa,-o,x -c a.c", "-Wa,-o,x"},
           {"-Wa,--unheard-of -c a.c", "-Wa,--unheard-of"},
           {"-Xassembler -al=x -c a.c", "-Xassembler"},
           {"-Wa,-I,/proc/self -c a.c", "/proc/self"},
           {"-Wa,-I/proc/self -c a.c", "/proc/self"},
           {"-Xassembler -I/proc/self -c a.c", "/proc/self"},
           {"-Xassembler -I -Xassembler /proc/self -c a.c", "/proc/self"},
           {"-Wa,-I -c a.c -Wa,/proc/self", "/proc/self"},
           {"-Xassembler -I/x,/../proc/self -c a.c", "/x,/../proc/self"},
           {"-Wa,-LI/proc/self -c a.c", "-Wa,-LI/proc/self"},
           {"-Wa,-La=x -c a.c", "-Wa,-La=x"},
           {"-Wa,-Wa=x -c a.c", "-Wa,-Wa=x"},
           {"-Wa,-mri -c a.c", "-Wa,-mri"},
           {"-Wa,-mllvm,-x -c a.c", "-Wa,-mllvm,-x", true},
           {"-Wp,-I/proc/self -c a.c", "-Wp,-I/proc/self"},
           {"-Wp,-include,/proc/self/environ -c a.c", "-Wp,-include,/proc/self/environ"},
           {"-Xpreprocessor -I/proc/self -c a.c", "-Xpreprocessor"},
           {"-Xpreprocessor -I -Xpreprocessor /proc/self -c a.c", "-Xpreprocessor"},
           {"-ftime-trace -c a.c", "-ftime-trace", true},
           {"-fcallgraph-info -c a.c", "-fcallgraph-info"},
           {"-fopt-info-all=x -c a.c", "-fopt-info-all=x"},
           {"-fcrash-diagnostics-dir=x -c a.c", "-fcrash-diagnostics-dir", true},
           {"-serialize-diagnostics x -c a.c", "-serialize-diagnostics", true},
           {"-module-dependency-dir x -c a.c", "-module-dependency-dir", true},
           {"-fmodules -c a.c", "-fmodules", true},
           {"-fverbose-asm -S a.c", "-fverbose-asm"},
           {"-frecord-gcc-switches -c a.c", "-frecord-gcc-switches"},
       }) {
    EXPECT_THAT(Verdict(test.words, test.is_clang), HasSubstr(test.named)) << test.words;
  }
}

TEST_F(ArgumentPolicyTest, WhatIsNotOneCompileOrNotKnownIsRefused) {
  for (const char* words : {"a.c", "a.c -o a", "-E a.c", "-M a.c", "-fsyntax-only a.c", "--version",
                            "-###", "-c a.c b.S", "", "-c", "-c inc/a.h", "-fno-such-flag -c a.c",
                            "--unknown -c a.c", "-Zfoo -c a.c", "-c a.c -o", "-cc1 a.c"}) {
    EXPECT_NE(Verdict(words), "") << words;
  }
}

TEST_F(ArgumentPolicyTest, OutputsStayBelowTheWorkingDirectory) {
  for (const char* output :
       {"/etc/passwd", "../a.o", "out/../../a.o", "/p/../q/a.o", "/q/a.o", "/usr/lib/a.o", ".",
        "/p", "elsewhere/a.o", "elsewhere", "/proc/self/mem", "/dev/null", "out/", "/tmp/a.o",
        "/.hpcc/x.o", "out"}) {
    EXPECT_NE(Verdict(StrCat("-c a.c -o ", output)), "") << output;
  }
  // What stands beside the output is where the output is.
  EXPECT_NE(Verdict("-c a.c -g -gsplit-dwarf -o ../a.o"), "");
  EXPECT_NE(Verdict("-c a.c -o a.c"), "");
}

TEST_F(ArgumentPolicyTest, BelowAProjectRootOutputsMayLieBesideTheWorkingDirectory) {
  const std::string root(kSandboxRoot);
  SourceManifest manifest{
      {Entry(root + "/build/x", ManifestEntry::Kind::kDirectory), Entry(root + "/src/a.c")}};
  manifest_ = manifest;
  command_.working_directory = root + "/build";
  EXPECT_EQ(Verdict("-c ../src/a.c -o ../out/a.o"), "");
  EXPECT_EQ(Verdict(StrCat("-c ../src/a.c -o ", root, "/a.o")), "");
  EXPECT_NE(Verdict("-c ../src/a.c -o ../../a.o"), "");
  EXPECT_NE(Verdict("-c ../src/a.c -o ../../../a.o"), "");
}

TEST_F(ArgumentPolicyTest, CompilersAreTheImages) {
  for (const char* compiler : {"/p/gcc", "/usr/local/bin/gcc", "/usr/binx/gcc", "/bin/gcc"}) {
    command_.compiler = compiler;
    EXPECT_THAT(Verdict("-c a.c"), HasSubstr(compiler));
  }
  command_.compiler = "/usr/bin/clang-cl";
  EXPECT_NE(Verdict("-c a.c"), "");
}

TEST_F(ArgumentPolicyTest, OnlyListedVariablesPass) {
  for (const char* name : {"LANG", "LC_ALL", "CPATH", "C_INCLUDE_PATH", "SOURCE_DATE_EPOCH"}) {
    command_.environment.Set(name, "1");
  }
  EXPECT_EQ(Verdict("-c a.c"), "");
  for (const char* name :
       {"LD_PRELOAD", "LD_LIBRARY_PATH", "PATH", "GCC_EXEC_PREFIX", "COMPILER_PATH", "TMPDIR",
        "DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES", "CCC_OVERRIDE_OPTIONS", "HOME", "GCC_X",
        "QA_OVERRIDE_GCC3_OPTIONS", "lang", "LANG "}) {
    Environment environment;
    environment.Set(name, "x");
    command_.environment = environment;
    EXPECT_THAT(Verdict("-c a.c"), HasSubstr(name)) << name;
  }
}

TEST_F(ArgumentPolicyTest, DirectoriesInVariablesAreJudgedLikeThoseOfFlags) {
  for (const char* name : {"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH",
                           "OBJCPLUS_INCLUDE_PATH"}) {
    for (const char* value :
         {"/proc/self", "inc:../proc/1/root", "inc:/sys", "/dev:", "/.hpcc/x"}) {
      command_.environment = Environment();
      command_.environment.Set(name, value);
      EXPECT_THAT(Verdict("-c a.c"), HasSubstr("outside of the stage")) << name << " " << value;
    }
    command_.environment.Set(name, ":inc:/p/inc:/usr/include:");
    EXPECT_EQ(Verdict("-c a.c"), "") << name;
  }
}

TEST_F(ArgumentPolicyTest, TheCommandKeyLeavesOutTheOutputsNameUnlessItReachesTheOutput) {
  const auto key = [&](std::string_view words) {
    const absl::StatusOr<Invocation> invocation = Check(words);
    EXPECT_TRUE(invocation.ok()) << invocation.status();
    return CommandKey(command_, *invocation);
  };
  EXPECT_EQ(key("-c a.c -o a.o"), key("-c a.c -o out/b.o"));
  EXPECT_NE(key("-c a.c -g -gsplit-dwarf -o a.o"), key("-c a.c -g -gsplit-dwarf -o out/b.o"));
  EXPECT_NE(key("-c a.c"), key("-c a.c -O1"));
  EXPECT_NE(key("-c a.c -DA -DB"), key("-c a.c -DADB"));
  const Digest here = key("-c a.c");
  command_.environment.Set("LANG", "C");
  EXPECT_NE(key("-c a.c"), here);
}

TEST_F(ArgumentPolicyTest, AProbeMakesTheSameKeyWithoutTheManifest) {
  for (const char* words : {"-c a.c", "-c a.c -o out/a.o -g -Iinc", "-c a.c --coverage -o a.o"}) {
    const absl::StatusOr<Invocation> with = Check(words);
    ASSERT_TRUE(with.ok()) << with.status();
    AnythingFileSystem anything;
    const absl::StatusOr<Invocation> without = CheckCommand({&command_, &Image(), false}, anything);
    ASSERT_TRUE(without.ok()) << without.status();
    EXPECT_EQ(CommandKey(command_, *with), CommandKey(command_, *without)) << words;
  }
}

TEST_F(ArgumentPolicyTest, MessagesHoldNoControlCharacters) {
  command_.arguments = {"-c", "a.c", "-\x1b[31mred\n"};
  ManifestFileSystem fs(manifest_);
  const auto refused = CheckCommand({&command_, &Image(), false}, fs);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(std::string(refused.status().message()).find_first_of("\x1b\n"), std::string::npos);
}

}  // namespace
}  // namespace hpcc
