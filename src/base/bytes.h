#ifndef HPCC_BASE_BYTES_H_
#define HPCC_BASE_BYTES_H_

// The byte grammar shared by every format hpcc writes to disk: little-endian integers, LEB128
// varints, and strings preceded by their length as a varint. Formats are built from these and
// nothing else, so one bounds-checked reader guards them all.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/digest.h"

namespace hpcc {

class ByteWriter {
 public:
  void Fixed8(uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void Fixed32(uint32_t value);
  void Fixed64(uint64_t value);
  void Varint(uint64_t value);
  void String(std::string_view value);
  void Raw(std::string_view value) { out_.append(value); }
  void DigestBytes(const Digest& digest) { out_.append(digest.bytes()); }

  const std::string& bytes() const { return out_; }
  std::string Take() { return std::move(out_); }
  size_t size() const { return out_.size(); }
  void Reserve(size_t size) { out_.reserve(size); }

 private:
  std::string out_;
};

// Reads what ByteWriter wrote. After the first read past the end, or a malformed varint, ok() is
// false for good and every read returns zero or empty: callers check once, at the end. Returned
// views point into the data given to the constructor.
class ByteReader {
 public:
  explicit ByteReader(std::string_view data) : data_(data) {}

  uint8_t Fixed8();
  uint32_t Fixed32();
  uint64_t Fixed64();
  uint64_t Varint();
  std::string_view String();
  std::string_view Raw(size_t size);
  Digest DigestBytes();

  // A count of things that take at least `min_bytes_each` to write: a count that the remaining
  // data can't hold is refused before anybody allocates for it.
  size_t Count(size_t min_bytes_each);

  bool ok() const { return ok_; }
  bool at_end() const { return data_.empty(); }
  size_t remaining() const { return data_.size(); }

 private:
  void Fail() {
    ok_ = false;
    data_ = {};
  }

  std::string_view data_;
  bool ok_ = true;
};

}  // namespace hpcc

#endif  // HPCC_BASE_BYTES_H_
