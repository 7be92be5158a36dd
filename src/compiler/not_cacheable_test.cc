#include "compiler/not_cacheable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

namespace hpcc {
namespace {

using testing::MatchesRegex;
using testing::UnorderedElementsAreArray;

std::vector<std::string> AllNames() {
  std::vector<std::string> names;
  for (int i = 0; i < kNotCacheableReasonCount; ++i) {
    names.emplace_back(NotCacheableReasonName(static_cast<NotCacheableReason>(i)));
  }
  return names;
}

TEST(NotCacheableTest, NamesAreKebabCaseAndDistinct) {
  std::set<std::string> seen;
  for (const std::string& name : AllNames()) {
    EXPECT_THAT(name, MatchesRegex("[a-z]+(-[a-z]+)*"));
    EXPECT_TRUE(seen.insert(name).second) << name;
  }
}

TEST(NotCacheableTest, EveryReasonHasASectionOfTheDocumentAndNoOtherHas) {
  std::ifstream in(HPCC_NOT_CACHEABLE_PAGE);
  constexpr std::string_view kSection = "### ";
  std::vector<std::string> sections;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(kSection)) sections.push_back(line.substr(kSection.size()));
  }
  EXPECT_THAT(sections, UnorderedElementsAreArray(AllNames()));
}

}  // namespace
}  // namespace hpcc
