#include "image/oci_digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::string_view kPrefix = "sha256:";
constexpr size_t kMostShown = 80;

bool IsLowerHex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

struct ContextFree {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

bool IsOciDigest(std::string_view digest) {
  return digest.size() == kPrefix.size() + kOciDigestHexSize && digest.starts_with(kPrefix) &&
         std::all_of(digest.begin() + kPrefix.size(), digest.end(), IsLowerHex);
}

absl::Status CheckOciDigest(std::string_view digest) {
  if (IsOciDigest(digest)) return absl::OkStatus();
  std::string shown(digest.substr(0, kMostShown));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  if (digest.starts_with("sha512:") || digest.starts_with("sha384:")) {
    return absl::InvalidArgumentError(StrCat(
        "the digest \"", shown, "\" is not of the algorithm sha256, which is all hpcc reads"));
  }
  return absl::InvalidArgumentError(
      StrCat("\"", shown, "\" is no digest: \"sha256:\" and 64 hex digits in lower case"));
}

std::string_view OciDigestHex(std::string_view digest) {
  return digest.substr(std::min(kPrefix.size(), digest.size()));
}

struct OciHasher::State {
  std::unique_ptr<EVP_MD_CTX, ContextFree> context{EVP_MD_CTX_new()};
};

OciHasher::OciHasher() : state_(new State) {
  EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr);
}

OciHasher::~OciHasher() = default;

void OciHasher::Add(std::string_view bytes) {
  EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size());
}

std::string OciHasher::Finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int size = 0;
  EVP_DigestFinal_ex(state_->context.get(), hash.data(), &size);
  std::string digest(kPrefix);
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (unsigned int i = 0; i < size; ++i) {
    digest.push_back(kDigits[hash[i] >> 4]);
    digest.push_back(kDigits[hash[i] & 15]);
  }
  return digest;
}

std::string OciDigestOf(std::string_view bytes) {
  OciHasher hasher;
  hasher.Add(bytes);
  return hasher.Finish();
}

}  // namespace hpcc
