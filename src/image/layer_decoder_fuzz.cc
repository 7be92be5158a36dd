// Whatever comes in as a packed layer, in whatever pieces, a decoder takes and makes no more than
// it was given room for, goes on or says what is wrong; and what it accepts in pieces it makes the
// same of in one. Not the other way round: libzstd asks less of a frame that is all there.

#include <cstdlib>
#include <string>

#include "image/layer_decoder.h"

namespace {

// Of what is made: a bomb is another's to stop.
constexpr size_t kMost = 1 << 20;

void Check(bool holds) {
  if (!holds) std::abort();
}

// All that is made of `data`, given in pieces of `piece` bytes at most, and whether it was
// accepted.
std::string Unpacked(std::string_view data, size_t piece, size_t room, bool* accepted) {
  *accepted = false;
  auto decoder = hpcc::LayerDecoder::ForBeginning(data.substr(0, 4));
  if (!decoder.ok()) return "";
  std::string made;
  std::string buffer(room, '\0');
  while (made.size() < kMost) {
    const std::string_view in = data.substr(0, piece);
    const auto step = (*decoder)->Unpack(in, buffer.data(), room);
    if (!step.ok()) return made;
    Check(step->taken <= in.size() && step->made <= room);
    made.append(buffer, 0, step->made);
    data.remove_prefix(step->taken);
    if (step->taken == 0 && step->made == 0) break;
  }
  *accepted = data.empty() && (*decoder)->complete();
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  if (size == 0) return 0;
  const size_t piece = bytes[0] + size_t{1};
  const std::string_view data(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  bool accepted = false;
  bool accepted_in_pieces = false;
  const std::string whole = Unpacked(data, data.size() + 1, 4096, &accepted);
  const std::string pieces = Unpacked(data, piece, piece, &accepted_in_pieces);
  if (whole.size() >= kMost || pieces.size() >= kMost) return 0;
  if (accepted_in_pieces) Check(accepted && whole == pieces);
  return 0;
}
