// Of any bytes, only those are opened that sealing makes of the payload they hold; and what is
// sealed here is opened again, but not when one of its bytes is changed.

#include <cstdlib>

#include "store/verified_store.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const hpcc::StoreKey key{hpcc::StoreNamespace::kResult, hpcc::Digest::Of("fuzz")};
  const auto opened = hpcc::OpenSealedValue(key, bytes);
  if (opened.ok() && hpcc::SealValue(key, *opened) != bytes) std::abort();

  std::string sealed = hpcc::SealValue(key, bytes);
  const auto payload = hpcc::OpenSealedValue(key, sealed);
  if (!payload.ok() || *payload != bytes) std::abort();
  const size_t place = size == 0 ? 0 : (size_t{data[0]} * 251 + size) % sealed.size();
  sealed[place] = static_cast<char>(sealed[place] ^ 1);
  if (hpcc::OpenSealedValue(key, sealed).ok()) std::abort();
  return 0;
}
