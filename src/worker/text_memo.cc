#include "worker/text_memo.h"

#include "compiler/hidden_inputs.h"
#include "compiler/include_scanner.h"
#include "worker/limits.h"

namespace hpcc {

TextFacts& TextFacts::operator|=(const TextFacts& other) {
  names_date_or_time |= other.names_date_or_time;
  pastes_reserved_names |= other.pastes_reserved_names;
  names_to_paste |= other.names_to_paste;
  embeds_files |= other.embeds_files;
  return *this;
}

TextFacts ReadTextFacts(std::string_view text, bool assembler) {
  const ScannedText scanned = ScanForIncludes(text, assembler);
  return {.names_date_or_time = scanned.names_date_or_time,
          .pastes_reserved_names = scanned.pastes_reserved_names,
          .names_to_paste = NamesDateOrTimeToPaste(text),
          .embeds_files = scanned.embeds_files};
}

std::optional<TextFacts> TextMemo::Find(const Digest& digest) const {
  const std::lock_guard lock(mutex_);
  const auto found = facts_.find(digest);
  if (found == facts_.end()) return std::nullopt;
  return found->second;
}

void TextMemo::Add(const Digest& digest, const TextFacts& facts) {
  const std::lock_guard lock(mutex_);
  if (facts_.size() >= kMaxSources) facts_.clear();
  facts_[digest] = facts;
}

}  // namespace hpcc
