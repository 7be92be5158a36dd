#include "client/daemon_place.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/path.h"
#include "base/private_directory.h"
#include "base/status.h"
#include "base/strings.h"
#include "config/runtime_directory.h"

namespace hpcc {

namespace {

constexpr int kFileVersion = 1;
constexpr uint64_t kMaxAddressBytes = 4096;

absl::Status NoAddress(const DaemonPlace& place) {
  return absl::InvalidArgumentError(StrCat(place.address_file(), ": is no address of a daemon"));
}

// A whole number in `json`, from 1 to `most`; 0 when there is none.
int64_t NumberIn(const nlohmann::json& json, const char* key, int64_t most) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number_integer()) return 0;
  const int64_t value = found->get<int64_t>();
  return value > 0 && value <= most ? value : 0;
}

}  // namespace

DaemonPlace::DaemonPlace(const Config& config, const Environment& environment)
    : directory_(RuntimeDirectory(config, environment)) {}

std::string DaemonPlace::socket() const {
  return path::Join(directory_, "daemon.sock");
}
std::string DaemonPlace::address_file() const {
  return path::Join(directory_, "daemon.json");
}
std::string DaemonPlace::lock_file() const {
  return path::Join(directory_, "daemon.lock");
}
std::string DaemonPlace::silent_marker() const {
  return path::Join(directory_, "daemon.silent");
}

std::string DaemonPlace::start_marker() const {
  return path::Join(directory_, "daemon.starting");
}

absl::Status PrepareDaemonDirectory(FileSystem& fs, const DaemonPlace& place) {
  return PrepareRuntimeDirectory(fs, place.directory());
}

absl::Status WriteDaemonAddress(FileSystem& fs, const DaemonPlace& place,
                                const DaemonAddress& address) {
  const std::optional<Digest> token = Digest::FromBytes(address.token);
  if (!token) return absl::InvalidArgumentError("a token of another size");
  const nlohmann::json json = {{"version", kFileVersion},
                               {"protocol", address.protocol},
                               {"process", address.process},
                               {"port", address.port},
                               {"token", token->ToHex()}};
  return WriteFileAtomically(fs, place.address_file(), StrCat(json.dump(2), "\n"), 0600);
}

absl::StatusOr<DaemonAddress> ReadDaemonAddress(FileSystem& fs, const DaemonPlace& place) {
  HPCC_RETURN_IF_ERROR(CheckPrivateFile(place.address_file()));
  HPCC_ASSIGN_OR_RETURN(const std::string text,
                        ReadFile(fs, place.address_file(), kMaxAddressBytes));
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || NumberIn(json, "version", kFileVersion) != kFileVersion) {
    return NoAddress(place);
  }
  const auto token_text = json.find("token");
  if (token_text == json.end() || !token_text->is_string()) return NoAddress(place);
  const std::optional<Digest> token = Digest::FromHex(token_text->get_ref<const std::string&>());
  DaemonAddress address;
  address.process = NumberIn(json, "process", std::numeric_limits<int32_t>::max());
  address.protocol =
      static_cast<uint32_t>(NumberIn(json, "protocol", std::numeric_limits<int32_t>::max()));
  address.port =
      static_cast<uint16_t>(NumberIn(json, "port", std::numeric_limits<uint16_t>::max()));
  if (!token || address.process == 0 || address.protocol == 0 || address.port == 0) {
    return NoAddress(place);
  }
  address.token = std::string(token->bytes());
  return address;
}

bool TokensMatch(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  }
  return difference == 0;
}

}  // namespace hpcc
