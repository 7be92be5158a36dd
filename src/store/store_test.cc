#include "store/store.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace hpcc {
namespace {

TEST(StoreNamespaceNameTest, NamesAreThoseOnDisk) {
  EXPECT_EQ(StoreNamespaceName(StoreNamespace::kResult), "result");
  EXPECT_EQ(StoreNamespaceName(StoreNamespace::kDirect), "direct");
  EXPECT_EQ(StoreNamespaceName(StoreNamespace::kToolchain), "toolchain");
  EXPECT_EQ(StoreNamespaceName(StoreNamespace::kUnit), "unit");
}

TEST(StoreNamespaceNameTest, EveryNamespaceHasANameOfItsOwn) {
  std::set<std::string> names;
  for (int i = 0; i < kStoreNamespaceCount; ++i) {
    const std::string name(StoreNamespaceName(static_cast<StoreNamespace>(i)));
    EXPECT_NE(name, "unknown");
    EXPECT_TRUE(names.insert(name).second) << name;
  }
}

}  // namespace
}  // namespace hpcc
