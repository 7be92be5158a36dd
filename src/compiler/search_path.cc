#include "compiler/search_path.h"

#include <set>
#include <utility>

#include "base/path.h"
#include "base/strings.h"

namespace hpcc {

namespace {

// What makes two spellings the same directory: where it lies, or the spelling if there is none.
struct DirectoryIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  std::string spelling;

  friend auto operator<=>(const DirectoryIdentity&, const DirectoryIdentity&) = default;
};

class Builder {
 public:
  Builder(FileSystem& fs, const std::string& cwd) : fs_(fs), cwd_(cwd) {}

  using Chain = std::vector<std::string>;

  // Appends `chain` to `out`, without directories seen in `known`; adds what it appends to `known`.
  void Append(const Chain& chain, SearchPathEntry kind, std::set<DirectoryIdentity>* known,
              std::vector<SearchPathEntry>* out) {
    for (const std::string& directory : chain) {
      auto [identity, exists] = Identify(directory);
      if (!known->insert(std::move(identity)).second) continue;
      kind.directory = directory;
      kind.exists = exists;
      out->push_back(kind);
    }
  }

 private:
  std::pair<DirectoryIdentity, bool> Identify(const std::string& directory) {
    FileStat stat;
    const std::string resolved = path::Join(cwd_, directory);
    if (fs_.Stat(resolved.c_str(), /*follow_symlinks=*/true, &stat) == 0 && stat.is_directory()) {
      return {DirectoryIdentity{stat.device, stat.inode, ""}, true};
    }
    return {DirectoryIdentity{0, 0, directory}, false};
  }

  FileSystem& fs_;
  const std::string& cwd_;
};

// The directories of a colon-separated variable; an empty one means the working directory.
void AddVariable(const Environment& environment, std::string_view name, Builder::Chain* chain) {
  const std::optional<std::string> value = name.empty() ? std::nullopt : environment.Get(name);
  if (!value || value->empty()) return;
  for (const std::string_view directory : StrSplit(*value, ':')) {
    chain->emplace_back(directory.empty() ? "." : directory);
  }
}

}  // namespace

std::string_view IncludeVariable(Language language) {
  switch (language) {
    case Language::kC:
    case Language::kAssemblerWithCpp:
      return "C_INCLUDE_PATH";
    case Language::kCxx:
      return "CPLUS_INCLUDE_PATH";
    case Language::kObjectiveC:
      return "OBJC_INCLUDE_PATH";
    case Language::kObjectiveCxx:
      return "OBJCPLUS_INCLUDE_PATH";
    default:
      return "";
  }
}

std::vector<std::string> UserSearchDirectories(const Environment& environment,
                                               const Invocation& invocation) {
  std::vector<std::string> directories;
  for (const SearchDirectory& directory : invocation.search) directories.push_back(directory.path);
  if (invocation.grammar == Grammar::kGnu) {
    AddVariable(environment, "CPATH", &directories);
    AddVariable(environment, IncludeVariable(invocation.language), &directories);
  }
  return directories;
}

std::vector<SearchPathEntry> BuildSearchPath(FileSystem& fs, const std::string& cwd,
                                             const Environment& environment,
                                             const Invocation& invocation,
                                             const std::vector<std::string>& built_in) {
  Builder::Chain quote;
  Builder::Chain bracket;
  Builder::Chain system;
  Builder::Chain after;
  for (const SearchDirectory& directory : invocation.search) {
    switch (directory.chain) {
      case SearchDirectory::Chain::kQuote:
        quote.push_back(directory.path);
        break;
      case SearchDirectory::Chain::kBracket:
        bracket.push_back(directory.path);
        break;
      case SearchDirectory::Chain::kSystem:
        system.push_back(directory.path);
        break;
      case SearchDirectory::Chain::kAfter:
        after.push_back(directory.path);
        break;
    }
  }
  if (invocation.grammar == Grammar::kGnu) {
    AddVariable(environment, "CPATH", &bracket);
    AddVariable(environment, IncludeVariable(invocation.language), &system);
  }
  system.insert(system.end(), built_in.begin(), built_in.end());
  system.insert(system.end(), after.begin(), after.end());

  // From the end to the front, since a system directory wins over the same one named earlier.
  Builder builder(fs, cwd);
  std::set<DirectoryIdentity> known;
  std::vector<SearchPathEntry> system_entries;
  std::vector<SearchPathEntry> bracket_entries;
  std::vector<SearchPathEntry> entries;
  builder.Append(system, {.system = true}, &known, &system_entries);
  std::set<DirectoryIdentity> known_to_quote = known;
  builder.Append(bracket, {}, &known, &bracket_entries);
  builder.Append(quote, {.quote_only = true}, &known_to_quote, &entries);
  entries.insert(entries.end(), bracket_entries.begin(), bracket_entries.end());
  entries.insert(entries.end(), system_entries.begin(), system_entries.end());
  return entries;
}

}  // namespace hpcc
