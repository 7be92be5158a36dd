#include "worker/worker_config.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

// As in config/config_file.cc: without exceptions a malformed document is a value.
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "base/nearest_name.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"
#include "config/config_values.h"
#include "sandbox/vm_guest.h"

namespace hpcc {

namespace {

constexpr uint64_t kMaxWorkerConfigBytes = uint64_t{1} << 20;
constexpr uint64_t kMaxSecretBytes = 4096;
constexpr uint64_t kMaxSlots = 4096;
constexpr uint64_t kMaxPulls = 16;
constexpr uint64_t kLeastBlobs = uint64_t{512} << 20;
constexpr uint64_t kBlobsPerProcessor = uint64_t{64} << 20;
constexpr size_t kMaxRegistries = 100;

using Config = WorkerConfig;

// How a key's value is written, and where it goes.
struct Text {
  std::string Config::*member;
};
struct Address {
  std::string Config::*member;
};
struct Path {
  std::string Config::*member;
};
struct Number {
  uint64_t Config::*member;
  uint64_t min;
  uint64_t max;
};
struct Size {
  uint64_t Config::*member;
};
struct Share {
  uint64_t TenantShares::*member;
};
struct Duration {
  std::chrono::milliseconds Config::*member;
};
// The same of [images].
struct ImagePath {
  std::string ImageSettings::*member;
};
struct ImageSize {
  uint64_t ImageSettings::*member;
};
struct ImageDuration {
  std::chrono::milliseconds ImageSettings::*member;
};
struct ImageNumber {
  uint64_t ImageSettings::*member;
  uint64_t max;  // and at least 1
};
struct Registries {};
struct SharedCache {};

struct Key {
  std::string_view table;  // "" for the top
  std::string_view name;
  std::variant<Text, Address, Path, Number, Size, Share, Duration, ImagePath, ImageSize,
               ImageDuration, ImageNumber, Registries, SharedCache>
      kind;
};

const Key kKeys[] = {
    {"", "name", Text{&Config::name}},
    {"", "listen", Address{&Config::listen}},
    {"", "address", Address{&Config::address}},
    {"", "state_dir", Path{&Config::state_directory}},
    {"", "slots", Number{&Config::slots, 1, kMaxSlots}},
    {"", "log_file", Path{&Config::log_file}},
    {"", "cache_file", SharedCache{}},
    {"scheduler", "address", Address{&Config::scheduler_address}},
    {"scheduler", "ca_file", Path{&Config::scheduler_ca_file}},
    {"scheduler", "server_name", Text{&Config::scheduler_server_name}},
    {"scheduler", "secret_file", Path{&Config::scheduler_secret_file}},
    {"tls", "certificate_file", Path{&Config::certificate_file}},
    {"tls", "key_file", Path{&Config::key_file}},
    {"operator", "socket", Path{&Config::operator_socket}},
    {"sandbox", "driver", Text{&Config::driver}},
    {"sandbox", "agent", Path{&Config::agent}},
    {"sandbox", "firecracker", Path{&Config::firecracker}},
    {"sandbox", "jailer", Path{&Config::jailer}},
    {"sandbox", "kernel", Path{&Config::guest_kernel}},
    {"sandbox", "root", Path{&Config::guest_root}},
    {"sandbox", "channel", Text{&Config::channel}},
    {"sandbox", "cpus", Number{&Config::sandbox_cpus, 1, kMaxSlots}},
    {"sandbox", "memory", Size{&Config::sandbox_memory}},
    {"sandbox", "blobs", Size{&Config::sandbox_blobs}},
    {"sandbox", "total_memory", Size{&Config::sandbox_total_memory}},
    {"sandbox", "count", Number{&Config::sandbox_count, 1, 10'000}},
    {"sandbox", "suspend", Duration{&Config::sandbox_suspend}},
    {"sandbox", "idle", Duration{&Config::sandbox_idle}},
    {"sandbox", "session", Duration{&Config::sandbox_session}},
    {"images", "registries", Registries{}},
    {"images", "directory", ImagePath{&ImageSettings::directory}},
    {"images", "ca_file", ImagePath{&ImageSettings::ca_file}},
    {"images", "credentials_file", ImagePath{&ImageSettings::credentials_file}},
    {"images", "max_image", ImageSize{&ImageSettings::max_image}},
    {"images", "max_roots", ImageSize{&ImageSettings::max_roots}},
    {"images", "pull_time", ImageDuration{&ImageSettings::pull_time}},
    {"images", "idle", ImageDuration{&ImageSettings::idle}},
    {"images", "pulls", ImageNumber{&ImageSettings::pulls, kMaxPulls}},
    {"limits", "job_time", Duration{&Config::job_time}},
    {"limits", "job_margin", Duration{&Config::job_margin}},
    {"limits", "queue_time", Duration{&Config::queue_time}},
    {"limits", "job_memory", Size{&Config::job_memory}},
    {"limits", "job_output", Size{&Config::job_output}},
    {"limits", "waiting", Number{&Config::waiting, 0, 10'000}},
    {"limits", "sources", Share{&TenantShares::sources}},
    {"limits", "results", Share{&TenantShares::results}},
    {"limits", "manifests", Share{&TenantShares::manifests}},
};

// Where a value stands, for messages.
struct Place {
  std::string_view file;
  int line = 0;
  std::string key;

  absl::Status Wrong(std::string_view what) const {
    return absl::InvalidArgumentError(StrCat(file, ":", line, ": ", key, ": ", what));
  }
};

absl::StatusOr<std::string> TextOf(const toml::node& node, const Place& place,
                                   std::string_view wanted) {
  const toml::value<std::string>* text = node.as_string();
  if (text == nullptr || text->get().empty()) return place.Wrong(StrCat("write ", wanted));
  return text->get();
}

absl::StatusOr<uint64_t> SizeOf(const toml::node& node, const Place& place) {
  if (const toml::value<int64_t>* bytes = node.as_integer(); bytes != nullptr) {
    if (bytes->get() <= 0) return place.Wrong("must be more than 0");
    return static_cast<uint64_t>(bytes->get());
  }
  HPCC_ASSIGN_OR_RETURN(const std::string text, TextOf(node, place, "a size such as \"10G\""));
  const absl::StatusOr<uint64_t> size = ParseByteSize(text);
  if (!size.ok()) return place.Wrong(std::string(size.status().message()));
  if (*size == 0) return place.Wrong("must be more than 0");
  return *size;
}

bool IsAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view port = text.substr(colon + 1);
  int number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return error == std::errc() && end == port.data() + port.size() && number >= 0 &&
         number <= 65'535;
}

// Reads one value into a configuration, by the kind of its key.
class ValueReader {
 public:
  ValueReader(const toml::node& node, const Place& place, const Environment& environment,
              Config* config)
      : node_(node), place_(place), environment_(environment), config_(*config) {}

  absl::Status operator()(const Text& kind) const {
    HPCC_ASSIGN_OR_RETURN(config_.*kind.member, TextOf(node_, place_, "text in quotes"));
    return absl::OkStatus();
  }
  absl::Status operator()(const Address& kind) const {
    HPCC_ASSIGN_OR_RETURN(config_.*kind.member, TextOf(node_, place_, "\"host:port\""));
    return IsAddress(config_.*kind.member) ? absl::OkStatus() : place_.Wrong("write \"host:port\"");
  }
  absl::Status operator()(const Path& kind) const { return ReadPath(&(config_.*kind.member)); }
  absl::Status operator()(const Number& kind) const {
    return ReadNumber(kind.min, kind.max, &(config_.*kind.member));
  }
  absl::Status operator()(const Size& kind) const { return ReadSize(&(config_.*kind.member)); }
  absl::Status operator()(const Share& kind) const {
    return ReadSize(&(config_.shares.*kind.member));
  }
  absl::Status operator()(const Duration& kind) const {
    return ReadDuration(&(config_.*kind.member));
  }
  absl::Status operator()(const ImagePath& kind) const {
    return ReadPath(&(config_.images.*kind.member));
  }
  absl::Status operator()(const ImageSize& kind) const {
    return ReadSize(&(config_.images.*kind.member));
  }
  absl::Status operator()(const ImageDuration& kind) const {
    return ReadDuration(&(config_.images.*kind.member));
  }
  absl::Status operator()(const ImageNumber& kind) const {
    return ReadNumber(1, kind.max, &(config_.images.*kind.member));
  }
  absl::Status operator()(const SharedCache&) const {
    std::string path;
    HPCC_RETURN_IF_ERROR(ReadPath(&path));
    absl::StatusOr<CacheFile> file = LoadCacheFile(FileSystem::Real(), path, environment_);
    // Mistakes in the other file have their place there.
    if (absl::IsInvalidArgument(file.status())) return file.status();
    if (!file.ok()) return place_.Wrong(std::string(file.status().message()));
    config_.shared_cache = *std::move(file);
    return absl::OkStatus();
  }
  absl::Status operator()(const Registries&) const {
    const toml::array* list = node_.as_array();
    if (list == nullptr || list->empty() || list->size() > kMaxRegistries) {
      return place_.Wrong(StrCat("write a list of 1 to ", kMaxRegistries, " registries"));
    }
    config_.images.registries.clear();
    for (const toml::node& entry : *list) {
      HPCC_ASSIGN_OR_RETURN(std::string text, TextOf(entry, place_, "registries in quotes"));
      if (const absl::Status right = CheckRegistryEntry(text); !right.ok()) {
        return place_.Wrong(std::string(right.message()));
      }
      config_.images.registries.push_back(std::move(text));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ReadPath(std::string* to) const {
    HPCC_ASSIGN_OR_RETURN(const std::string text, TextOf(node_, place_, "a path in quotes"));
    absl::StatusOr<std::string> path = ExpandPath(text, FileSystem::Real(), environment_);
    if (!path.ok()) return place_.Wrong(std::string(path.status().message()));
    *to = *std::move(path);
    return absl::OkStatus();
  }
  absl::Status ReadNumber(uint64_t min, uint64_t max, uint64_t* to) const {
    const toml::value<int64_t>* value = node_.as_integer();
    const bool fits = value != nullptr && value->get() >= 0 &&
                      static_cast<uint64_t>(value->get()) >= min &&
                      static_cast<uint64_t>(value->get()) <= max;
    if (!fits) return place_.Wrong(StrCat("write a number from ", min, " to ", max));
    *to = static_cast<uint64_t>(value->get());
    return absl::OkStatus();
  }
  absl::Status ReadSize(uint64_t* to) const {
    HPCC_ASSIGN_OR_RETURN(*to, SizeOf(node_, place_));
    return absl::OkStatus();
  }
  absl::Status ReadDuration(std::chrono::milliseconds* to) const {
    HPCC_ASSIGN_OR_RETURN(const std::string text,
                          TextOf(node_, place_, "a duration such as \"90s\""));
    const absl::StatusOr<std::chrono::milliseconds> duration = ParseDuration(text);
    if (!duration.ok()) return place_.Wrong(std::string(duration.status().message()));
    if (duration->count() <= 0) return place_.Wrong("must be more than 0");
    *to = *duration;
    return absl::OkStatus();
  }

  const toml::node& node_;
  const Place& place_;
  const Environment& environment_;
  Config& config_;
};

std::vector<std::string_view> KnownNames(std::string_view table) {
  std::vector<std::string_view> names;
  for (const Key& key : kKeys) {
    if (key.table == table) names.push_back(key.name);
  }
  if (table.empty()) {
    names.insert(names.end(), {"scheduler", "tls", "operator", "sandbox", "images", "limits"});
  }
  return names;
}

std::string Printable(std::string_view key) {
  std::string text(key.substr(0, 100));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

class FileReader {
 public:
  FileReader(std::string_view file, const Environment& environment, Config* config)
      : file_(file), environment_(environment), config_(config) {}

  absl::Status ReadTable(const toml::table& table, std::string_view name) {
    // toml++ has names in order; mistakes are reported in the order of the file.
    std::vector<std::pair<int, std::string_view>> order;
    for (const auto& [key, node] : table) {
      order.emplace_back(static_cast<int>(key.source().begin.line), key.str());
    }
    std::stable_sort(order.begin(), order.end());
    for (const auto& [line, key] : order) {
      HPCC_RETURN_IF_ERROR(ReadEntry(*table.get(key), name, key, line));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ReadEntry(const toml::node& node, std::string_view table, std::string_view name,
                         int line) {
    const Place place{file_, line,
                      table.empty() ? Printable(name) : StrCat(table, ".", Printable(name))};
    const std::vector<std::string_view> known = KnownNames(table);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string_view nearest = NearestName(name, known);
      if (!nearest.empty()) return place.Wrong(StrCat("unknown key; did you mean ", nearest, "?"));
      return place.Wrong(StrCat("unknown key; the keys known here are ", StrJoin(known, ", ")));
    }
    for (const Key& key : kKeys) {
      if (key.table != table || key.name != name) continue;
      return std::visit(ValueReader(node, place, environment_, config_), key.kind);
    }
    const toml::table* inner = node.as_table();
    if (inner == nullptr) return place.Wrong(StrCat("write a table, [", name, "]"));
    return ReadTable(*inner, name);
  }

  std::string_view file_;
  const Environment& environment_;
  Config* config_;
};

// Rules of [sandbox] between its keys. The message leads to the line of one of them.
absl::Status CheckSandbox(const Config& config, const toml::table& file, std::string_view path) {
  const auto place = [&](std::string_view key) {
    const toml::node_view<const toml::node> value = file["sandbox"][key];
    const int line = value ? static_cast<int>(value.node()->source().begin.line) : 1;
    return Place{path, line, StrCat("sandbox.", key)};
  };
  if (config.channel != "serial" && config.channel != "vsock") {
    return place("channel").Wrong("write \"serial\" or \"vsock\"");
  }
  if (config.channel == "vsock" && config.driver != "qemu") {
    return place("channel").Wrong("is for driver = \"qemu\"; others have one way only");
  }
  if (config.has_machines() && config.sandbox_cpus > kMaxGuestCpus) {
    return place("cpus").Wrong(
        StrCat("write a number from 1 to ", kMaxGuestCpus,
               ": the kernel of virtual machines has no more processors than that"));
  }
  const uint64_t blobs = config.sandbox_blobs == 0 ? kLeastBlobs : config.sandbox_blobs;
  if (config.sandbox_total_memory != 0 &&
      config.sandbox_total_memory < config.sandbox_memory + blobs) {
    return place("total_memory")
        .Wrong("must be as much as one sandbox has: sandbox.memory and sandbox.blobs together");
  }
  return absl::OkStatus();
}

absl::Status CheckWhole(const Config& config, std::string_view path) {
  const auto missing = [&](std::string_view key) {
    return absl::InvalidArgumentError(StrCat(path, ":1: ", key, ": is missing"));
  };
  if (config.state_directory.empty()) return missing("state_dir");
  if (config.scheduler_address.empty()) return missing("scheduler.address");
  if (config.certificate_file.empty() != config.key_file.empty()) {
    return missing(config.key_file.empty() ? "tls.key_file" : "tls.certificate_file");
  }
  if (config.driver != "process" && !config.has_machines()) {
    return absl::InvalidArgumentError(
        StrCat(path, ":1: sandbox.driver: write \"process\", \"qemu\" or \"firecracker\""));
  }
  if (config.has_machines() && config.guest_kernel.empty()) return missing("sandbox.kernel");
  if (config.has_machines() && config.guest_root.empty() && !config.pulls_images()) {
    return absl::InvalidArgumentError(
        StrCat(path,
               ":1: sandbox.root: is missing, and so is images.registries: there would be no "
               "image to compile in"));
  }
  if (config.pulls_images() && !config.has_machines()) {
    return absl::InvalidArgumentError(
        StrCat(path,
               ":1: images: need virtual machines: sandbox.driver \"qemu\" or "
               "\"firecracker\""));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WorkerConfig> ParseWorkerConfig(std::string_view text, std::string_view path,
                                               const Environment& environment) {
  const toml::parse_result parsed = toml::parse(text, path);
  if (!parsed) {
    return absl::InvalidArgumentError(
        StrCat(path, ":", parsed.error().source().begin.line, ": ", parsed.error().description()));
  }
  WorkerConfig config;
  HPCC_RETURN_IF_ERROR(FileReader(path, environment, &config).ReadTable(parsed.table(), ""));
  if (const toml::node* images = parsed.table().get("images");
      images != nullptr && !config.pulls_images()) {
    return Place{path, static_cast<int>(images->source().begin.line), "images.registries"}.Wrong(
        "is missing");
  }
  HPCC_RETURN_IF_ERROR(CheckWhole(config, path));
  HPCC_RETURN_IF_ERROR(CheckSandbox(config, parsed.table(), path));
  if (config.images.directory.empty()) {
    config.images.directory = path::Join(config.state_directory, "images");
  }
  return config;
}

std::string OperatorSocket(const WorkerConfig& config) {
  if (!config.operator_socket.empty()) return config.operator_socket;
  return path::Join(config.state_directory, "operator/socket");
}

WorkerMachine ThisMachine() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_bytes = sysconf(_SC_PAGESIZE);
  return {.name = name.data(),
          .processors = std::max(1U, std::thread::hardware_concurrency()),
          .memory_bytes = pages > 0 && page_bytes > 0
                              ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes)
                              : 0};
}

void FillIn(const WorkerMachine& machine, WorkerConfig* config) {
  if (config->name.empty()) config->name = machine.name;
  if (config->slots == 0) config->slots = machine.processors;
  if (config->sandbox_cpus == 0) {
    config->sandbox_cpus =
        config->has_machines() ? std::min<uint64_t>(config->slots, kMaxGuestCpus) : config->slots;
  }
  if (config->sandbox_blobs == 0) {
    config->sandbox_blobs = std::max(kLeastBlobs, config->sandbox_cpus * kBlobsPerProcessor);
    // That the least has its place was checked.
    if (config->sandbox_total_memory != 0) {
      config->sandbox_blobs =
          std::min(config->sandbox_blobs, config->sandbox_total_memory - config->sandbox_memory);
    }
  }
  // A machine keeps what it once had. What processes have, the slots and the limits of jobs bound.
  if (config->sandbox_total_memory == 0 && config->has_machines()) {
    config->sandbox_total_memory = machine.memory_bytes / 4 * 3;
  }
}

absl::StatusOr<WorkerConfig> LoadWorkerConfig(FileSystem& fs, const std::string& path,
                                              const Environment& environment) {
  HPCC_ASSIGN_OR_RETURN(const std::string text, ReadFile(fs, path, kMaxWorkerConfigBytes));
  HPCC_ASSIGN_OR_RETURN(WorkerConfig config, ParseWorkerConfig(text, path, environment));
  FillIn(ThisMachine(), &config);
  return config;
}

absl::StatusOr<std::string> WorkerSecret(const WorkerConfig& config, FileSystem& fs,
                                         const Environment& environment) {
  std::string secret = environment.GetOrEmpty("HPCC_WORKER_SECRET");
  if (!config.scheduler_secret_file.empty()) {
    HPCC_ASSIGN_OR_RETURN(secret, ReadFile(fs, config.scheduler_secret_file, kMaxSecretBytes));
  }
  const std::string stripped(StripBlanks(secret));
  const bool usable =
      std::all_of(stripped.begin(), stripped.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (stripped.empty() || !usable) {
    return absl::InvalidArgumentError(
        "no secret for the scheduler: scheduler.secret_file or HPCC_WORKER_SECRET must hold one, "
        "in "
        "printable characters without blanks");
  }
  return stripped;
}

}  // namespace hpcc
