#include "config/cache_keys.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "config/config_values.h"

namespace hpcc {

namespace {

enum Types : unsigned { kOfDisk = 1, kOfS3 = 2, kOfHttp = 4, kOfRemote = 6, kOfAll = 7 };
enum class Kind : uint8_t { kPlain, kPath, kSecret };

struct Key {
  std::string_view name;
  unsigned types;
  Kind kind = Kind::kPlain;
};

constexpr std::array<Key, 19> kKeys = {{
    {"type", kOfAll},
    {"location", kOfDisk, Kind::kPath},
    {"max_size", kOfAll},
    {"compression", kOfDisk},
    {"read_only", kOfAll},
    {"namespace", kOfRemote},
    {"ca_file", kOfRemote, Kind::kPath},
    {"bucket", kOfS3},
    {"region", kOfS3},
    {"endpoint", kOfS3},
    {"auto_create", kOfS3},
    {"access_key", kOfS3, Kind::kSecret},
    {"secret_key", kOfS3, Kind::kSecret},
    {"url", kOfHttp},
    {"username", kOfHttp},
    {"password", kOfHttp, Kind::kSecret},
    {"password_file", kOfHttp, Kind::kPath},
    {"bearer_token", kOfHttp, Kind::kSecret},
    {"bearer_token_file", kOfHttp, Kind::kPath},
}};

constexpr size_t kMaxNamespace = 64;

const Key* Find(std::string_view name) {
  const auto found =
      std::find_if(kKeys.begin(), kKeys.end(), [name](const Key& key) { return key.name == name; });
  return found == kKeys.end() ? nullptr : &*found;
}

unsigned BitOf(CacheTier::Type type) {
  return 1u << static_cast<unsigned>(type);
}

bool IsWebAddress(std::string_view text) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (text.starts_with(scheme)) return text.size() > scheme.size() && text[scheme.size()] != '/';
  }
  return false;
}

// Looks at one block.
class BlockCheck {
 public:
  BlockCheck(const CacheBlock& block, std::string_view file, std::string_view name)
      : block_(block), file_(file), name_(name) {}

  absl::Status Run() {
    const bool s3 = block_.type && block_.type->value == CacheTier::Type::kS3;
    for (const auto& [key, text] : block_.texts) {
      // What is not wanted is left out: an empty bucket or password is a slip.
      if (text.value.empty()) return Wrong(text.line, key, "is empty; leave the key out instead");
    }
    if (const absl::Status status = CheckNamespace(); !status.ok()) return status;
    return s3 ? CheckS3() : CheckHttp();
  }

 private:
  absl::Status Wrong(int line, std::string_view key, std::string_view what) const {
    return absl::InvalidArgumentError(StrCat(file_, ":", line, ": ", name_, ".", key, ": ", what));
  }
  bool Has(std::string_view key) const { return block_.Text(key) != nullptr; }

  absl::Status CheckNamespace() const {
    const Located<std::string>* text = block_.Text("namespace");
    if (text == nullptr) return absl::OkStatus();
    const auto fits = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '.' || c == '_' || c == '-';
    };
    const std::string& value = text->value;
    if (value.size() <= kMaxNamespace && std::all_of(value.begin(), value.end(), fits) &&
        value != "." && value != "..") {
      return absl::OkStatus();
    }
    return Wrong(text->line, "namespace",
                 StrCat(TomlString(value), " is no namespace; write up to ", kMaxNamespace,
                        " letters, digits, dots, dashes and underscores"));
  }

  absl::Status CheckAddress(std::string_view key) const {
    const Located<std::string>* text = block_.Text(key);
    if (text == nullptr) return absl::OkStatus();
    if (!IsWebAddress(text->value)) {
      return Wrong(text->line, key, "is no address; it begins with https:// or http://");
    }
    // The message doesn't repeat the value: it may hold a password.
    if (StrContains(text->value, "@")) {
      return Wrong(text->line, key,
                   "holds a user or password; write username and password or password_file");
    }
    // Nor here: a token may travel so, and addresses are printed.
    if (StrContains(text->value, "?") || StrContains(text->value, "#")) {
      return Wrong(text->line, key,
                   "holds a query or fragment, which would be printed with it; write the address "
                   "without it, and a token as bearer_token_file");
    }
    return absl::OkStatus();
  }

  // Both or neither.
  absl::Status CheckPair(std::string_view one, std::string_view other) const {
    if (!Has(one) || Has(other)) return absl::OkStatus();
    return Wrong(block_.Text(one)->line, one, StrCat("goes with ", other, ", which is missing"));
  }

  absl::Status CheckNotBoth(std::string_view one, std::string_view other) const {
    if (!Has(one) || !Has(other)) return absl::OkStatus();
    return Wrong(block_.Text(other)->line, other, StrCat("does not go with ", one, "; write one"));
  }

  // Who can't list a cache doesn't know its size.
  absl::Status CheckNoLimit() const {
    if (!block_.max_size || block_.max_size->value == 0) return absl::OkStatus();
    return Wrong(block_.max_size->line, "max_size",
                 "can't be kept in a cache of type \"http\", which can't be listed; leave it out, "
                 "and limit the size at the server");
  }

  absl::Status CheckS3() const {
    if (!Has("bucket")) return Wrong(block_.line, "bucket", "is missing");
    for (const absl::Status& status :
         {CheckAddress("endpoint"), CheckPair("access_key", "secret_key"),
          CheckPair("secret_key", "access_key")}) {
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status CheckHttp() const {
    if (!Has("url")) return Wrong(block_.line, "url", "is missing");
    for (const absl::Status& status :
         {CheckAddress("url"), CheckNotBoth("password", "password_file"),
          CheckNotBoth("bearer_token", "bearer_token_file"),
          CheckNotBoth("username", "bearer_token"), CheckNotBoth("username", "bearer_token_file"),
          CheckPair("password", "username"), CheckPair("password_file", "username")}) {
      if (!status.ok()) return status;
    }
    if (Has("username") && !Has("password") && !Has("password_file")) {
      return Wrong(block_.Text("username")->line, "username",
                   "goes with password or password_file, which are missing");
    }
    return CheckNoLimit();
  }

  const CacheBlock& block_;
  const std::string_view file_;
  const std::string_view name_;
};

}  // namespace

std::span<const std::string_view> CacheKeys() {
  static const std::array<std::string_view, kKeys.size()> names = [] {
    std::array<std::string_view, kKeys.size()> all;
    std::transform(kKeys.begin(), kKeys.end(), all.begin(),
                   [](const Key& key) { return key.name; });
    return all;
  }();
  return names;
}

bool IsCacheKey(std::string_view key) {
  return Find(key) != nullptr;
}

bool CacheKeyFits(std::string_view key, CacheTier::Type type) {
  const Key* found = Find(key);
  return found == nullptr || (found->types & BitOf(type)) != 0;
}

std::string TypesWithKey(std::string_view key) {
  std::string text;
  int count = 0;
  for (const auto type : {CacheTier::Type::kDisk, CacheTier::Type::kS3, CacheTier::Type::kHttp}) {
    if (!CacheKeyFits(key, type)) continue;
    StrAppend(&text, count++ == 0 ? "" : " and ", TomlString(CacheTypeName(type)));
  }
  return StrCat(count == 1 ? "type " : "types ", text);
}

bool IsSecretKey(std::string_view key) {
  const Key* found = Find(key);
  return found != nullptr && found->kind == Kind::kSecret;
}

bool IsPathKey(std::string_view key) {
  const Key* found = Find(key);
  return found != nullptr && found->kind == Kind::kPath;
}

absl::Status CheckRemoteBlock(const CacheBlock& block, std::string_view file,
                              std::string_view name) {
  return BlockCheck(block, file, name).Run();
}

}  // namespace hpcc
