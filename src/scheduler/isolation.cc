#include "scheduler/isolation.h"

#include <array>
#include <utility>

namespace hpcc {

namespace {

constexpr std::array<std::pair<std::string_view, int>, 5> kRanks = {
    {{"none", 0}, {"process", 1}, {"qemu-tcg", 2}, {"qemu-kvm", 3}, {"firecracker-kvm", 3}}};

}  // namespace

std::optional<int> IsolationRank(std::string_view name) {
  for (const auto& [known, rank] : kRanks) {
    if (known == name) return rank;
  }
  return std::nullopt;
}

}  // namespace hpcc
