#include "cli/command_line.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

TEST(IsOwnNameTest, HpccWithAnythingButALetterBehindItIsOurs) {
  for (const char* own :
       {"hpcc", "/usr/bin/hpcc", "./hpcc", "hpcc-0.1", "hpcc0", "hpcc.exe", "../bin/hpcc-0.1.0"}) {
    EXPECT_TRUE(IsOwnName(own)) << own;
  }
  for (const char* other : {"gcc", "/usr/lib/hpcc/gcc", "hpccx", "xhpcc", "cc", "", "hpcc/g++"}) {
    EXPECT_FALSE(IsOwnName(other)) << other;
  }
}

TEST(FormOfTest, AnotherNameIsAMasqueradeWhateverFollows) {
  EXPECT_EQ(FormOf("gcc", "stats"), CommandForm::kMasquerade);
  EXPECT_EQ(FormOf("/usr/lib/hpcc/cc", "--version"), CommandForm::kMasquerade);
  EXPECT_EQ(FormOf("clang++", ""), CommandForm::kMasquerade);
}

TEST(FormOfTest, AWordThatIsNoSubcommandIsACompiler) {
  EXPECT_EQ(FormOf("hpcc", "gcc"), CommandForm::kLauncher);
  EXPECT_EQ(FormOf("hpcc", "/usr/bin/stats"), CommandForm::kLauncher);
  EXPECT_EQ(FormOf("hpcc", "./clean"), CommandForm::kLauncher);
  EXPECT_EQ(FormOf("hpcc", "wrap"), CommandForm::kLauncher);
  EXPECT_EQ(FormOf("/opt/hpcc-0.1", "statz"), CommandForm::kLauncher);
}

TEST(FormOfTest, SubcommandsAndOptionsAreNeverCompilers) {
  for (const char* word : {"stats", "clean", "inspect", "explain", "config", "doctor", "version",
                           "help", "completion", "--help", "-h", "--version", "-c", "-", ""}) {
    EXPECT_EQ(FormOf("hpcc", word), CommandForm::kSubcommand) << word;
  }
}

}  // namespace
}  // namespace hpcc
