#ifndef HPCC_IMAGE_IMAGE_TEST_SUPPORT_H_
#define HPCC_IMAGE_IMAGE_TEST_SUPPORT_H_

// Tar files for tests, block by block, so that any rule can be broken in one.

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "image/tar_header.h"
#include "image/tar_source.h"

namespace hpcc {

inline void PutField(std::string* block, size_t offset, std::string_view bytes) {
  block->replace(offset, bytes.size(), bytes);
}

inline std::string OctalField(uint64_t number, size_t digits) {
  std::string text(digits, '0');
  for (size_t i = digits; i-- > 0; number >>= 3) text[i] = static_cast<char>('0' + (number & 7));
  return text;
}

inline void SumUp(std::string* block) {
  PutField(block, 148, "        ");
  uint64_t sum = 0;
  for (unsigned char byte : *block) sum += byte;
  PutField(block, 148, OctalField(sum, 6) + std::string("\0 ", 2));
}

inline std::string TestHeader(char type, std::string_view name, uint64_t size = 0,
                              std::string_view link = {}) {
  std::string block(kTarBlock, '\0');
  PutField(&block, 0, name);
  PutField(&block, 100, "0000644");
  PutField(&block, 108, "0000012");
  PutField(&block, 116, "0000024");
  PutField(&block, 124, OctalField(size, 11));
  PutField(&block, 136, OctalField(1234567, 11));
  block[156] = type;
  PutField(&block, 157, link);
  PutField(&block, 257, std::string_view("ustar\00000", 8));
  SumUp(&block);
  return block;
}

inline std::string Padded(std::string_view data) {
  std::string padded(data);
  padded.resize((data.size() + kTarBlock - 1) / kTarBlock * kTarBlock);
  return padded;
}

inline std::string TestFile(std::string_view name, std::string_view data, char type = '0') {
  return TestHeader(type, name, data.size()) + Padded(data);
}

inline std::string PaxRecord(std::string_view key, std::string_view value) {
  const std::string body = StrCat(" ", key, "=", value, "\n");
  size_t length = body.size();
  while (StrCat(length).size() + body.size() != length) {
    length = StrCat(length).size() + body.size();
  }
  return StrCat(length, body);
}

inline std::string TestPax(const std::vector<std::pair<std::string, std::string>>& records,
                           char type = 'x') {
  std::string data;
  for (const auto& [key, value] : records) data += PaxRecord(key, value);
  return TestFile("pax", data, type);
}

inline std::string TarEnd() {
  return std::string(2 * kTarBlock, '\0');
}

// Gives a string away in pieces of at most so many bytes.
class StringSource final : public TarSource {
 public:
  explicit StringSource(std::string_view data, size_t piece = ~size_t{0})
      : data_(data), piece_(piece) {}

  absl::StatusOr<std::string_view> Next(size_t most) override {
    const std::string_view part = data_.substr(0, std::min(most, piece_));
    data_.remove_prefix(part.size());
    return part;
  }

 private:
  std::string_view data_;
  const size_t piece_;
};

}  // namespace hpcc

#endif  // HPCC_IMAGE_IMAGE_TEST_SUPPORT_H_
