// Of any bytes, what trusted keys open is what the signer makes of it; without trusted keys what is
// opened is an end of what was given. What is signed here is opened again, but not when one of its
// bytes is changed.

#include <cstdlib>

#include "store/signed_value.h"

namespace {

constexpr std::string_view kKeyPem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto signer = *hpcc::Ed25519Signer::FromPem(kKeyPem);
  static const std::vector<hpcc::Ed25519PublicKey> trusted = {signer->public_key()};
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);

  const hpcc::OpenedValue any = hpcc::OpenSignedValue({}, "scope", bytes);
  if (!bytes.ends_with(any.body)) std::abort();
  const hpcc::OpenedValue opened = hpcc::OpenSignedValue(trusted, "scope", bytes);
  const bool fine = opened.problem == hpcc::SignatureProblem::kNone;
  if (fine && hpcc::SignValue(*signer, "scope", opened.body) != bytes) std::abort();

  std::string value = hpcc::SignValue(*signer, "scope", bytes);
  if (hpcc::OpenSignedValue(trusted, "scope", value).body != bytes) std::abort();
  const size_t place = size == 0 ? 0 : (size_t{data[0]} * 251 + size) % value.size();
  value[place] = static_cast<char>(value[place] ^ 1);
  if (hpcc::OpenSignedValue(trusted, "scope", value).problem == hpcc::SignatureProblem::kNone) {
    std::abort();
  }
  return 0;
}
