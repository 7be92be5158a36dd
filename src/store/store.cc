#include "store/store.h"

namespace hpcc {

std::string_view StoreNamespaceName(StoreNamespace ns) {
  switch (ns) {
    case StoreNamespace::kResult:
      return "result";
    case StoreNamespace::kDirect:
      return "direct";
    case StoreNamespace::kToolchain:
      return "toolchain";
    case StoreNamespace::kUnit:
      return "unit";
  }
  return "unknown";
}

}  // namespace hpcc
