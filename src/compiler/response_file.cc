#include "compiler/response_file.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {
namespace {

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

absl::Status Ambiguous(std::string_view what) {
  return absl::InvalidArgumentError(StrCat(what, ", which compilers read differently"));
}

absl::StatusOr<std::vector<std::string>> SplitGnu(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      if (++i == text.size()) return Ambiguous("it ends in a backslash");
      word.push_back(text[i]);
      in_word = true;
    } else if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word.push_back(c);
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (!IsSpace(c)) {
      word.push_back(c);
      in_word = true;
    } else if (in_word) {
      if (word.empty()) return Ambiguous("it holds an empty argument");
      words.push_back(std::exchange(word, {}));
      in_word = false;
    }
  }
  if (quote != 0) return Ambiguous("a quote is not closed");
  if (in_word && word.empty()) return Ambiguous("it holds an empty argument");
  if (in_word) words.push_back(std::move(word));
  return words;
}

// Appends the backslashes at text[*i] and what they make of a quote that follows. Leaves *i on the
// last character consumed.
void TakeBackslashes(std::string_view text, size_t* i, std::string* word) {
  size_t end = *i;
  while (end < text.size() && text[end] == '\\') ++end;
  const size_t count = end - *i;
  if (end == text.size() || text[end] != '"') {
    word->append(count, '\\');
    *i = end - 1;
    return;
  }
  word->append(count / 2, '\\');
  if (count % 2 == 1) {
    word->push_back('"');
    *i = end;
  } else {
    *i = end - 1;
  }
}

absl::StatusOr<std::vector<std::string>> SplitMsvc(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      TakeBackslashes(text, &i, &word);
      in_word = true;
    } else if (c == '"') {
      if (quoted && i + 1 < text.size() && text[i + 1] == '"') {
        word.push_back('"');
        ++i;
      } else {
        quoted = !quoted;
      }
      in_word = true;
    } else if (quoted || !IsSpace(c)) {
      word.push_back(c);
      in_word = true;
    } else if (in_word) {
      if (word.empty()) return Ambiguous("it holds an empty argument");
      words.push_back(std::exchange(word, {}));
      in_word = false;
    }
  }
  if (quoted) return Ambiguous("a quote is not closed");
  if (in_word && word.empty()) return Ambiguous("it holds an empty argument");
  if (in_word) words.push_back(std::move(word));
  return words;
}

void AppendUtf8(uint32_t code, std::string* out) {
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out->push_back(static_cast<char>(0xC0 | (code >> 6)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else if (code < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | (code >> 12)));
    out->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xF0 | (code >> 18)));
    out->push_back(static_cast<char>(0x80 | ((code >> 12) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

// `bytes` is what follows the byte order mark.
absl::StatusOr<std::string> FromUtf16Le(std::string_view bytes) {
  if (bytes.size() % 2 != 0) return absl::InvalidArgumentError("half a UTF-16 unit at the end");
  const auto unit = [&](size_t i) {
    return static_cast<uint32_t>(static_cast<uint8_t>(bytes[i]) | static_cast<uint8_t>(bytes[i + 1])
                                                                      << 8);
  };
  std::string out;
  out.reserve(bytes.size() / 2);
  for (size_t i = 0; i < bytes.size(); i += 2) {
    const uint32_t first = unit(i);
    if (first < 0xD800 || first >= 0xE000) {
      AppendUtf8(first, &out);
      continue;
    }
    if (first >= 0xDC00 || i + 2 >= bytes.size()) {
      return absl::InvalidArgumentError("a UTF-16 surrogate stands alone");
    }
    i += 2;
    const uint32_t second = unit(i);
    if (second < 0xDC00 || second >= 0xE000) {
      return absl::InvalidArgumentError("a UTF-16 surrogate stands alone");
    }
    AppendUtf8(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00), &out);
  }
  return out;
}

class Expander {
 public:
  Expander(FileSystem& fs, const std::string& cwd, Quoting quoting)
      : fs_(fs), cwd_(cwd), quoting_(quoting) {}

  absl::Status Expand(const std::vector<std::string>& args, int depth) {
    for (const std::string& arg : args) {
      if (arg.size() < 2 || arg[0] != '@') {
        words_.push_back(arg);
        continue;
      }
      if (depth == kMaxResponseFileDepth) return About(arg, "response files nest too deep");
      absl::StatusOr<std::vector<std::string>> nested = Read(arg.substr(1));
      if (!nested.ok()) return About(arg, nested.status().ToString());
      HPCC_RETURN_IF_ERROR(Expand(*nested, depth + 1));
    }
    return absl::OkStatus();
  }

  std::vector<std::string> Take() { return std::move(words_); }

 private:
  static absl::Status About(std::string_view arg, std::string_view message) {
    return absl::InvalidArgumentError(StrCat(arg, ": ", message));
  }

  absl::StatusOr<std::vector<std::string>> Read(const std::string& name) {
    HPCC_ASSIGN_OR_RETURN(std::string bytes,
                          ReadFile(fs_, path::Join(cwd_, name), kMaxResponseFileBytes - total_));
    total_ += bytes.size();
    HPCC_ASSIGN_OR_RETURN(const std::string text, DecodeResponseFile(std::move(bytes), quoting_));
    return SplitWords(text, quoting_);
  }

  FileSystem& fs_;
  const std::string& cwd_;
  const Quoting quoting_;
  size_t total_ = 0;
  std::vector<std::string> words_;
};

}  // namespace

absl::StatusOr<std::vector<std::string>> SplitWords(std::string_view text, Quoting quoting) {
  if (text.find('\0') != std::string_view::npos) return Ambiguous("it holds a NUL byte");
  return quoting == Quoting::kGnu ? SplitGnu(text) : SplitMsvc(text);
}

absl::StatusOr<std::string> DecodeResponseFile(std::string bytes, Quoting quoting) {
  const bool utf8_mark = bytes.starts_with("\xEF\xBB\xBF");
  const bool utf16_mark = bytes.starts_with("\xFF\xFE");
  if (bytes.starts_with("\xFE\xFF")) return Ambiguous("it is in UTF-16 with the high byte first");
  if (!utf8_mark && !utf16_mark) return bytes;
  if (quoting == Quoting::kGnu) return Ambiguous("it begins with a byte order mark");
  if (utf16_mark) return FromUtf16Le(std::string_view(bytes).substr(2));
  return bytes.substr(3);
}

absl::StatusOr<std::vector<std::string>> ExpandResponseFiles(FileSystem& fs, const std::string& cwd,
                                                             const std::vector<std::string>& args,
                                                             Quoting quoting, bool* expanded) {
  *expanded = std::any_of(args.begin(), args.end(),
                          [](const std::string& arg) { return arg.size() >= 2 && arg[0] == '@'; });
  if (!*expanded) return args;
  Expander expander(fs, cwd, quoting);
  HPCC_RETURN_IF_ERROR(expander.Expand(args, 0));
  return expander.Take();
}

}  // namespace hpcc
