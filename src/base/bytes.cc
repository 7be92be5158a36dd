#include "base/bytes.h"

namespace hpcc {

namespace {

template <typename T>
void AppendLittleEndian(T value, std::string* out) {
  char bytes[sizeof value];
  for (size_t i = 0; i < sizeof value; ++i) bytes[i] = static_cast<char>(value >> (8 * i));
  out->append(bytes, sizeof bytes);
}

}  // namespace

void ByteWriter::Fixed32(uint32_t value) {
  AppendLittleEndian(value, &out_);
}

void ByteWriter::Fixed64(uint64_t value) {
  AppendLittleEndian(value, &out_);
}

void ByteWriter::Varint(uint64_t value) {
  while (value >= 0x80) {
    Fixed8(static_cast<uint8_t>(value | 0x80));
    value >>= 7;
  }
  Fixed8(static_cast<uint8_t>(value));
}

void ByteWriter::String(std::string_view value) {
  Varint(value.size());
  out_.append(value);
}

std::string_view ByteReader::Raw(size_t size) {
  if (size > data_.size()) {
    Fail();
    return {};
  }
  const std::string_view value = data_.substr(0, size);
  data_.remove_prefix(size);
  return value;
}

uint8_t ByteReader::Fixed8() {
  const std::string_view raw = Raw(1);
  return raw.empty() ? 0 : static_cast<uint8_t>(raw[0]);
}

uint32_t ByteReader::Fixed32() {
  const std::string_view raw = Raw(4);
  uint32_t value = 0;
  for (size_t i = 0; i < raw.size(); ++i) {
    value |= static_cast<uint32_t>(static_cast<uint8_t>(raw[i])) << (8 * i);
  }
  return value;
}

uint64_t ByteReader::Fixed64() {
  const std::string_view raw = Raw(8);
  uint64_t value = 0;
  for (size_t i = 0; i < raw.size(); ++i) {
    value |= static_cast<uint64_t>(static_cast<uint8_t>(raw[i])) << (8 * i);
  }
  return value;
}

uint64_t ByteReader::Varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const uint8_t byte = Fixed8();
    if (!ok_) return 0;
    const uint64_t bits = byte & 0x7f;
    if (shift == 63 && bits > 1) break;
    value |= bits << shift;
    if ((byte & 0x80) == 0) return value;
  }
  Fail();
  return 0;
}

std::string_view ByteReader::String() {
  const uint64_t size = Varint();
  return Raw(size);
}

Digest ByteReader::DigestBytes() {
  const std::string_view raw = Raw(Digest::kSize);
  return Digest::FromBytes(raw).value_or(Digest());
}

size_t ByteReader::Count(size_t min_bytes_each) {
  const uint64_t count = Varint();
  if (min_bytes_each != 0 && count > data_.size() / min_bytes_each) {
    Fail();
    return 0;
  }
  return count;
}

}  // namespace hpcc
