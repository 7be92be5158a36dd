#ifndef HPCC_STORE_OBJECT_NAMES_H_
#define HPCC_STORE_OBJECT_NAMES_H_

// The names of a tier's objects; the grammar is in remote_objects.h.

#include <optional>
#include <string>
#include <string_view>

#include "store/store.h"

namespace hpcc {

// Whether it can be the name of a tier's namespace.
bool IsObjectNamespace(std::string_view name_space);

// "cache/<namespace>/": every object of the namespace starts with it.
std::string ObjectPrefix(std::string_view name_space);
// "cache/<namespace>/<kind>/"
std::string ObjectPrefix(std::string_view name_space, StoreNamespace kind);

std::string ObjectName(std::string_view name_space, const StoreKey& key);
// nullopt unless ObjectName() made it.
std::optional<StoreKey> ParseObjectName(std::string_view name_space, std::string_view name);

}  // namespace hpcc

#endif  // HPCC_STORE_OBJECT_NAMES_H_
