#ifndef HPCC_AUTH_KEY_RING_H_
#define HPCC_AUTH_KEY_RING_H_

// The keys a scheduler signs with, rotated without a flag day. Three at a time: what is signed now
// is signed with `current`; what `previous` signed is still verified; `next` is published before it
// is used, so that every worker knows it by then.
//
// They are kept in one file, mode 0600:
//
//   file  = "hpcc signing keys v1\n" { key }         previous (if any), current, next
//   key   = state " " since "\n" pem                 pem as `openssl genpkey` writes it
//   state = "previous" | "current" | "next"          since: seconds since the epoch, decimal

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "auth/signing_key.h"
#include "base/file_system.h"

namespace hpcc {

// Immutable; rotation makes another.
class KeyRing {
 public:
  static absl::StatusOr<KeyRing> Generate(int64_t now_s);

  static absl::StatusOr<KeyRing> Parse(std::string_view text);
  // Secret: the file's text.
  std::string Format() const;

  // Reads the file, or makes it when there is none. FailedPrecondition: others may read it.
  static absl::StatusOr<KeyRing> LoadOrMake(FileSystem& fs, const std::string& path, int64_t now_s);
  absl::Status Save(FileSystem& fs, const std::string& path) const;

  // current becomes previous, next becomes current, and there is a new next.
  absl::StatusOr<KeyRing> Rotated(int64_t now_s) const;

  const SigningKey& current() const { return current_.key; }
  int64_t current_since_s() const { return current_.since_s; }
  // For verification: all of them.
  const KeySet& verify_keys() const { return verify_keys_; }
  const std::string& jwks() const { return jwks_; }

 private:
  struct Entry {
    SigningKey key;
    int64_t since_s;
  };
  KeyRing(std::optional<Entry> previous, Entry current, Entry next);

  std::optional<Entry> previous_;
  Entry current_;
  Entry next_;
  KeySet verify_keys_;
  std::string jwks_;
};

}  // namespace hpcc

#endif  // HPCC_AUTH_KEY_RING_H_
