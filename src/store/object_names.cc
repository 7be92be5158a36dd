#include "store/object_names.h"

#include <algorithm>

#include "base/strings.h"

namespace hpcc {

bool IsObjectNamespace(std::string_view name_space) {
  if (name_space.empty() || name_space.size() > 64) return false;
  if (name_space == "." || name_space == "..") return false;
  return std::all_of(name_space.begin(), name_space.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

std::string ObjectPrefix(std::string_view name_space) {
  return StrCat("cache/", name_space, "/");
}

std::string ObjectPrefix(std::string_view name_space, StoreNamespace kind) {
  return StrCat(ObjectPrefix(name_space), StoreNamespaceName(kind), "/");
}

std::string ObjectName(std::string_view name_space, const StoreKey& key) {
  const std::string hex = key.digest.ToHex();
  return StrCat(ObjectPrefix(name_space, key.ns), hex.substr(0, 2), "/", hex);
}

std::optional<StoreKey> ParseObjectName(std::string_view name_space, std::string_view name) {
  for (int i = 0; i < kStoreNamespaceCount; ++i) {
    const StoreNamespace kind = static_cast<StoreNamespace>(i);
    const std::string prefix = ObjectPrefix(name_space, kind);
    if (!name.starts_with(prefix) || name.size() < prefix.size() + 3) continue;
    const std::optional<Digest> digest = Digest::FromHex(name.substr(prefix.size() + 3));
    if (!digest) return std::nullopt;
    const StoreKey key{kind, *digest};
    if (ObjectName(name_space, key) != name) return std::nullopt;
    return key;
  }
  return std::nullopt;
}

}  // namespace hpcc
