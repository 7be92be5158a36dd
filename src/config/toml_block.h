#ifndef HPCC_CONFIG_TOML_BLOCK_H_
#define HPCC_CONFIG_TOML_BLOCK_H_

// The configuration file of a program, read key by key: whoever reads says which keys there are by
// asking for them, and what nobody asked for is a mistake. The first mistake is kept, as
// "<file>:<line>: <key>: <what is wrong>", and told by Finish(); until then getters give what they
// can.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hpcc {

// One table of the file. Cheap to copy: copies are the same block. Not thread-safe.
class TomlBlock {
 public:
  // The file's top level. InvalidArgument: it is no TOML.
  static absl::StatusOr<TomlBlock> Parse(std::string_view text, std::string_view file);

  // Nothing when the key is missing, or holds something else (which is a mistake).
  std::optional<std::string> Text(std::string_view key);
  std::optional<bool> Switch(std::string_view key);
  std::optional<uint64_t> Number(std::string_view key, uint64_t least, uint64_t most);
  std::optional<uint64_t> Size(std::string_view key);  // bytes: "10G", or a number
  std::optional<std::chrono::milliseconds> Duration(std::string_view key,
                                                    std::chrono::milliseconds least,
                                                    std::chrono::milliseconds most);
  std::vector<std::string> Texts(std::string_view key);  // of an array of texts

  // [key]; an empty block when it is missing.
  TomlBlock Block(std::string_view key);
  // [[key]], in the order of the file.
  std::vector<TomlBlock> Blocks(std::string_view key);

  bool Has(std::string_view key) const;
  // Notes a mistake at a key, or at the block when it doesn't have the key. The message must not
  // repeat a secret.
  void Fail(std::string_view key, std::string_view what);
  // The first mistake of the whole file; also a key, anywhere, that nobody has asked for.
  absl::Status Finish() const;

 private:
  struct File;
  struct Node;
  TomlBlock(std::shared_ptr<File> file, std::shared_ptr<Node> node)
      : file_(std::move(file)), node_(std::move(node)) {}
  TomlBlock Sub(std::shared_ptr<Node> node);

  std::shared_ptr<File> file_;
  std::shared_ptr<Node> node_;
};

}  // namespace hpcc

#endif  // HPCC_CONFIG_TOML_BLOCK_H_
