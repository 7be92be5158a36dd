#include "compiler/dependency_file.h"

#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kMaxFiles = 1'000'000;
constexpr size_t kGccColumns = 72;
constexpr size_t kClangColumns = 75;

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// Whether a character stands for itself wherever it is in a name or in a rule.
bool IsPlain(char c) {
  return !IsSpace(c) && c != '\\' && c != '$' && c != '#';
}

// The end of the plain characters from `at` on.
size_t EndOfPlain(std::string_view text, size_t at) {
  while (at < text.size() && IsPlain(text[at])) ++at;
  return at;
}

// The file names of a rule are escaped like this by both families; gcc treats a tab like a space.
std::string EscapeFile(bool gcc, std::string_view name) {
  if (EndOfPlain(name, 0) == name.size()) return std::string(name);
  std::string escaped;
  escaped.reserve(name.size());
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (c == '$') {
      escaped.push_back('$');
    } else if (c == '#') {
      escaped.push_back('\\');
    } else if (c == ' ' || (c == '\t' && gcc)) {
      for (size_t j = i; j > 0 && name[j - 1] == '\\'; --j) escaped.push_back('\\');
      escaped.push_back('\\');
    }
    escaped.push_back(c);
  }
  return escaped;
}

// gcc starts a new line when the next word would end beyond the limit; a word of its own width is
// never broken.
class GccLines {
 public:
  void Word(std::string_view word) {
    if (column_ != 0) {
      if (column_ + word.size() > kGccColumns) {
        out_.append(" \\\n");
        column_ = 0;
      }
      out_.push_back(' ');
      ++column_;
    }
    out_.append(word);
    column_ += word.size();
  }
  void Colon() {
    out_.push_back(':');
    ++column_;
  }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
  size_t column_ = 0;
};

std::string WriteGcc(const DependencyRule& rule) {
  GccLines lines;
  for (const std::string& target : rule.targets) lines.Word(target);
  lines.Colon();
  for (const std::string& file : rule.files) lines.Word(EscapeFile(/*gcc=*/true, file));
  return StrCat(lines.Take(), "\n");
}

// clang counts the name before escaping, and keeps room for the " \" of a line that goes on.
std::string WriteClang(const DependencyRule& rule) {
  std::string out;
  size_t column = 0;
  for (const std::string& target : rule.targets) {
    if (column == 0) {
      column = target.size();
    } else if (column + target.size() + 2 > kClangColumns) {
      out.append(" \\\n  ");
      column = target.size() + 2;
    } else {
      out.push_back(' ');
      column += target.size() + 1;
    }
    out.append(target);
  }
  out.push_back(':');
  ++column;
  for (const std::string& file : rule.files) {
    if (column + file.size() + 3 > kClangColumns) {
      out.append(" \\\n ");
      column = 2;
    }
    out.push_back(' ');
    out.append(EscapeFile(/*gcc=*/false, file));
    column += file.size() + 1;
  }
  out.push_back('\n');
  return out;
}

// Where the files of the first rule start: behind the first colon that ends a word.
size_t FilesOffset(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == ':' && (i + 1 == text.size() || IsSpace(text[i + 1]))) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

}  // namespace

std::string EscapeDependencyTarget(std::string_view target) {
  return EscapeFile(/*gcc=*/true, target);
}

absl::StatusOr<std::vector<std::string>> ParseDependencyFiles(std::string_view text) {
  const size_t offset = FilesOffset(text);
  if (offset == std::string_view::npos) {
    return absl::InvalidArgumentError("the dependency file holds no rule");
  }
  std::vector<std::string> files;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) files.push_back(word);
    word.clear();
  };
  for (size_t i = offset; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') break;  // the end of the rule; a continued line was consumed below
    if (IsSpace(c)) {
      end_word();
      continue;
    }
    if (c == '$' && i + 1 < text.size() && text[i + 1] == '$') ++i;
    if (c == '\\') {
      size_t run = i;
      while (run < text.size() && text[run] == '\\') ++run;
      const size_t count = run - i;
      const char next = run < text.size() ? text[run] : '\0';
      if (next == '\n' || next == '\r') {
        word.append(count - 1, '\\');
        end_word();
        i = next == '\r' && run + 1 < text.size() && text[run + 1] == '\n' ? run + 1 : run;
        continue;
      }
      if (next == ' ' || next == '\t') {  // half of the backslashes, and the blank itself
        word.append(count / 2, '\\');
        if (count % 2 == 0) {
          i = run - 1;
          continue;
        }
        word.push_back(next);
        i = run;
        continue;
      }
      if (next == '#') {  // one backslash belongs to the hash sign
        word.append(count - 1, '\\');
        word.push_back('#');
        i = run;
        continue;
      }
      word.append(count, '\\');
      i = run - 1;
      continue;
    }
    if (files.size() >= kMaxFiles) {
      return absl::InvalidArgumentError("the dependency file names more than a million files");
    }
    word.push_back(c);
    const size_t plain = EndOfPlain(text, i + 1);
    word.append(text, i + 1, plain - i - 1);
    i = plain - 1;
  }
  end_word();
  return files;
}

std::string WriteDependencyFile(DependencyStyle style, const DependencyRule& rule) {
  const bool gcc = style == DependencyStyle::kGcc || style == DependencyStyle::kGccSpaced;
  const bool spaced =
      style == DependencyStyle::kGccSpaced || style == DependencyStyle::kClangSpaced;
  std::string text = gcc ? WriteGcc(rule) : WriteClang(rule);
  if (!rule.phony_targets) return text;
  text.reserve(3 * text.size());
  for (size_t i = 1; i < rule.files.size(); ++i) {
    StrAppend(&text, spaced ? "\n" : "", EscapeFile(gcc, rule.files[i]), ":\n");
  }
  return text;
}

}  // namespace hpcc
