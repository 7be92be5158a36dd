#include "base/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace hpcc {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(EnvironmentTest, EmptyAndUnsetAreToldApart) {
  Environment environment;
  environment.Set("EMPTY", "");
  EXPECT_TRUE(environment.Has("EMPTY"));
  EXPECT_EQ(environment.Get("EMPTY"), "");
  EXPECT_EQ(environment.GetOrEmpty("EMPTY"), "");
  EXPECT_FALSE(environment.Has("UNSET"));
  EXPECT_EQ(environment.Get("UNSET"), std::nullopt);
  EXPECT_EQ(environment.GetOrEmpty("UNSET"), "");
}

TEST(EnvironmentTest, NamesAreWholeAndOfOneCase) {
  Environment environment;
  environment.Set("CPATH", "a");
  EXPECT_FALSE(environment.Has("cpath"));
  EXPECT_FALSE(environment.Has("CPAT"));
  EXPECT_FALSE(environment.Has("CPATH_"));
}

TEST(EnvironmentTest, LastValueSetCountsAndUnsettingForgetsIt) {
  Environment environment;
  environment.Set("CPATH", "a");
  environment.Set("CPATH", "b");
  EXPECT_EQ(environment.Get("CPATH"), "b");
  environment.Unset("CPATH");
  EXPECT_FALSE(environment.Has("CPATH"));
  environment.Unset("CPATH");
  EXPECT_TRUE(environment.variables().empty());
}

TEST(EnvironmentTest, VariablesStandInOrderOfNameHoweverTheyWereSet) {
  Environment environment;
  environment.Set("b", "2");
  environment.Set("a", "1");
  environment.Set("B", "3");
  EXPECT_THAT(environment.variables(), ElementsAre(Pair("B", "3"), Pair("a", "1"), Pair("b", "2")));
  EXPECT_THAT(environment.ToStrings(), ElementsAre("B=3", "a=1", "b=2"));
}

TEST(EnvironmentTest, CopiesAreIndependent) {
  Environment environment;
  environment.Set("CPATH", "a");
  Environment copy = environment;
  copy.Set("CPATH", "b");
  EXPECT_EQ(environment.Get("CPATH"), "a");
}

// The variables of this process, replaced while the test runs.
class OwnEnvironmentTest : public testing::Test {
 protected:
  OwnEnvironmentTest() : before_(environ) {}
  ~OwnEnvironmentTest() override { environ = before_; }

  Environment Read(std::vector<std::string> entries) {
    std::vector<char*> pointers;
    for (std::string& entry : entries) pointers.push_back(entry.data());
    pointers.push_back(nullptr);
    environ = pointers.data();
    Environment environment = Environment::OfThisProcess();
    environ = before_;
    return environment;
  }

 private:
  char** before_;
};

TEST_F(OwnEnvironmentTest, NameEndsAtTheFirstEqualsSign) {
  const Environment environment = Read({"A=1", "FLAGS=-DX=y=z", "EMPTY="});
  EXPECT_THAT(environment.ToStrings(), ElementsAre("A=1", "EMPTY=", "FLAGS=-DX=y=z"));
  EXPECT_EQ(environment.Get("FLAGS"), "-DX=y=z");
}

TEST_F(OwnEnvironmentTest, EntriesWithoutANameAreLeftOut) {
  const Environment environment = Read({"no equals sign", "=nameless", "", "A=1"});
  EXPECT_THAT(environment.ToStrings(), ElementsAre("A=1"));
}

TEST_F(OwnEnvironmentTest, ReadingIsASnapshot) {
  ASSERT_EQ(setenv("HPCC_TEST_SNAPSHOT", "before", 1), 0);
  const Environment environment = Environment::OfThisProcess();
  ASSERT_EQ(setenv("HPCC_TEST_SNAPSHOT", "after", 1), 0);
  EXPECT_EQ(environment.Get("HPCC_TEST_SNAPSHOT"), "before");
  ASSERT_EQ(unsetenv("HPCC_TEST_SNAPSHOT"), 0);
}

}  // namespace
}  // namespace hpcc
