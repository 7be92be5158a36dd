#ifndef HPCC_WORKER_TEXT_MEMO_H_
#define HPCC_WORKER_TEXT_MEMO_H_

// What a text says that no dependency output does, remembered by its digest.

#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "base/digest.h"

namespace hpcc {

struct TextFacts {
  bool names_date_or_time = false;
  bool pastes_reserved_names = false;  // with the next one, in any files of a unit, as the first
  bool names_to_paste = false;
  bool embeds_files = false;

  TextFacts& operator|=(const TextFacts& other);
  bool may_use_date_or_time() const {
    return names_date_or_time || (pastes_reserved_names && names_to_paste);
  }
};

TextFacts ReadTextFacts(std::string_view text, bool assembler);

// Thread-safe. Forgets everything when it is full (kMaxSources).
class TextMemo {
 public:
  std::optional<TextFacts> Find(const Digest& digest) const;
  void Add(const Digest& digest, const TextFacts& facts);

 private:
  mutable std::mutex mutex_;
  absl::flat_hash_map<Digest, TextFacts> facts_;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_TEXT_MEMO_H_
