#include "auth/key_ring.h"

#include <openssl/crypto.h>

#include <charconv>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/private_directory.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::string_view kFirstLine = "hpcc signing keys v1\n";
constexpr std::string_view kPemEnd = "-----END PRIVATE KEY-----\n";
constexpr uint64_t kMaxFile = 64 << 10;

absl::Status Malformed() {
  return absl::InvalidArgumentError("is no file of hpcc's signing keys, version 1");
}

std::string_view TakeUntil(std::string_view* text, char end) {
  const size_t at = text->find(end);
  if (at == std::string_view::npos) return {};
  const std::string_view taken = text->substr(0, at);
  text->remove_prefix(at + 1);
  return taken;
}

}  // namespace

KeyRing::KeyRing(std::optional<Entry> previous, Entry current, Entry next)
    : previous_(std::move(previous)), current_(std::move(current)), next_(std::move(next)) {
  std::vector<SigningKey> keys = {current_.key, next_.key};
  if (previous_) keys.push_back(previous_->key);
  for (const SigningKey& key : keys) verify_keys_.Add(key.verify_key());
  jwks_ = JwksDocument(keys);
}

absl::StatusOr<KeyRing> KeyRing::Generate(int64_t now_s) {
  HPCC_ASSIGN_OR_RETURN(SigningKey current, SigningKey::Generate());
  HPCC_ASSIGN_OR_RETURN(SigningKey next, SigningKey::Generate());
  return KeyRing(std::nullopt, {std::move(current), now_s}, {std::move(next), now_s});
}

absl::StatusOr<KeyRing> KeyRing::Parse(std::string_view text) {
  if (!text.starts_with(kFirstLine)) return Malformed();
  text.remove_prefix(kFirstLine.size());
  std::map<std::string_view, Entry> entries;
  while (!text.empty()) {
    const std::string_view state = TakeUntil(&text, ' ');
    const std::string_view since = TakeUntil(&text, '\n');
    const size_t end = text.find(kPemEnd);
    int64_t since_s = 0;
    const auto [last, error] = std::from_chars(since.data(), since.data() + since.size(), since_s);
    if (end == std::string_view::npos || error != std::errc() ||
        last != since.data() + since.size()) {
      return Malformed();
    }
    absl::StatusOr<SigningKey> key = SigningKey::FromPem(text.substr(0, end + kPemEnd.size()));
    if (!key.ok()) return Malformed();
    text.remove_prefix(end + kPemEnd.size());
    const bool known = state == "previous" || state == "current" || state == "next";
    if (!known || !entries.emplace(state, Entry{*std::move(key), since_s}).second) {
      return Malformed();
    }
  }
  const auto current = entries.find("current");
  const auto next = entries.find("next");
  if (current == entries.end() || next == entries.end()) return Malformed();
  const auto previous = entries.find("previous");
  return KeyRing(previous == entries.end() ? std::nullopt : std::optional<Entry>(previous->second),
                 current->second, next->second);
}

std::string KeyRing::Format() const {
  std::string text(kFirstLine);
  const auto append = [&text](std::string_view state, const Entry& entry) {
    StrAppend(&text, state, " ", entry.since_s, "\n", entry.key.private_pem());
  };
  if (previous_) append("previous", *previous_);
  append("current", current_);
  append("next", next_);
  return text;
}

absl::StatusOr<KeyRing> KeyRing::LoadOrMake(FileSystem& fs, const std::string& path,
                                            int64_t now_s) {
  const absl::Status is_private = CheckPrivateFile(path);
  if (absl::IsNotFound(is_private)) {
    HPCC_ASSIGN_OR_RETURN(KeyRing made, Generate(now_s));
    HPCC_RETURN_IF_ERROR(made.Save(fs, path));
    return made;
  }
  HPCC_RETURN_IF_ERROR(is_private);
  HPCC_ASSIGN_OR_RETURN(std::string text, ReadFile(fs, path, kMaxFile));
  absl::StatusOr<KeyRing> ring = Parse(text);
  OPENSSL_cleanse(text.data(), text.size());
  if (ring.ok()) return ring;
  return absl::InvalidArgumentError(StrCat(path, " ", std::string(ring.status().message())));
}

absl::Status KeyRing::Save(FileSystem& fs, const std::string& path) const {
  std::string text = Format();
  const absl::Status written = WriteFileAtomically(fs, path, text, 0600);
  OPENSSL_cleanse(text.data(), text.size());
  return written;
}

absl::StatusOr<KeyRing> KeyRing::Rotated(int64_t now_s) const {
  HPCC_ASSIGN_OR_RETURN(SigningKey fresh, SigningKey::Generate());
  return KeyRing(current_, {next_.key, now_s}, {std::move(fresh), now_s});
}

}  // namespace hpcc
