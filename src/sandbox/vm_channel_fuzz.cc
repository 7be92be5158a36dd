// Whatever a guest writes to its port, in whatever pieces: the same greetings are found, each of
// them stands among the bytes, and what is kept between the pieces stays small.

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "sandbox/vm_channel.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

std::vector<hpcc::VmGreeting> Find(std::string_view bytes, size_t piece, std::string* rest) {
  hpcc::VmGreetingScanner scanner;
  std::vector<hpcc::VmGreeting> found;
  for (size_t offset = 0; offset < bytes.size(); offset += piece) {
    scanner.Add(bytes.substr(offset, piece));
    while (auto greeting = scanner.Next()) found.push_back(*std::move(greeting));
  }
  *rest = scanner.TakeRest();
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t piece = data[0] % 31 + 1;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string rest;
  std::string rest_of_pieces;
  const std::vector<hpcc::VmGreeting> whole = Find(bytes, bytes.size() + 1, &rest);
  Require(Find(bytes, piece, &rest_of_pieces) == whole);
  Require(rest_of_pieces == rest && rest.size() < 25);
  for (const hpcc::VmGreeting& greeting : whole) {
    Require(greeting.nonce.size() == hpcc::VmGreeting::kNonceBytes);
    Require(bytes.find(hpcc::EncodeVmGreeting(greeting)) != std::string_view::npos);
  }
  return 0;
}
