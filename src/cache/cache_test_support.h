#ifndef HPCC_CACHE_CACHE_TEST_SUPPORT_H_
#define HPCC_CACHE_CACHE_TEST_SUPPORT_H_

// What the tests of this folder share: a project in a scratch directory that real compilers
// compile, and what is recorded of it. Used by tests only.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/process.h"
#include "base/strings.h"
#include "cache/closure_check.h"
#include "cache/closure_record.h"
#include "cache/unit.h"
#include "compiler/command_rewriting.h"
#include "compiler/compiler_name.h"
#include "store/store.h"

namespace hpcc {

// The real clock, moved: ahead, stamps taken now are settled, so that they are trusted at once.
class ShiftedClock final : public Clock {
 public:
  explicit ShiftedClock(std::chrono::nanoseconds shift) : shift_ns_(shift.count()) {}
  int64_t NowNanoseconds() override { return Real().NowNanoseconds() + shift_ns_; }
  int64_t FileStampNanoseconds() override { return Real().FileStampNanoseconds() + shift_ns_; }
  int64_t MonotonicNanoseconds() override { return Real().MonotonicNanoseconds(); }
  void Sleep(std::chrono::nanoseconds duration) override { Real().Sleep(duration); }

 private:
  int64_t shift_ns_;
};

// Values in memory; one namespace can be told to refuse to be written, as on a full disk.
class MemoryStore final : public Store {
 public:
  absl::StatusOr<std::string> Get(const StoreKey& key) override {
    const auto found = values_.find({key.ns, key.digest});
    if (found == values_.end()) return absl::NotFoundError("nothing kept");
    return found->second;
  }
  absl::Status Put(const StoreKey& key, std::string_view value) override {
    if (key.ns == refused) return absl::ResourceExhaustedError("full");
    values_[{key.ns, key.digest}] = std::string(value);
    return absl::OkStatus();
  }
  absl::Status Touch(const StoreKey& key) override { return Get(key).status(); }
  absl::Status Remove(const StoreKey& key) override {
    values_.erase({key.ns, key.digest});
    return absl::OkStatus();
  }
  size_t Count(StoreNamespace ns) const {
    size_t count = 0;
    for (const auto& [key, value] : values_) count += key.first == ns ? 1 : 0;
    return count;
  }

  std::optional<StoreNamespace> refused;

 private:
  std::map<std::pair<StoreNamespace, Digest>, std::string> values_;
};

inline std::string Hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
    hex.push_back(kDigits[static_cast<uint8_t>(c) & 15]);
  }
  return hex;
}

// A digest that is easy to see in a dump: 32 times the same byte.
inline Digest DigestOfBytes(uint8_t byte) {
  std::array<uint8_t, Digest::kSize> bytes;
  bytes.fill(byte);
  return Digest(bytes);
}

// `decode` refuses every proper prefix of `bytes`, and `bytes` with something behind; what is
// changed in one byte it refuses or reads as something else, but never crashes on.
template <typename Decode>
void ExpectOnlyWholeIsDecoded(const std::string& bytes, Decode decode) {
  ASSERT_TRUE(decode(bytes).ok());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(decode(bytes.substr(0, size)).status())) << "cut to " << size;
  }
  EXPECT_TRUE(absl::IsDataLoss(decode(bytes + '\0').status()));
  EXPECT_TRUE(absl::IsDataLoss(decode("\x7f" + bytes.substr(1)).status())) << "version";
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const int value : {0, 1, 0x7f, 0x80, 0xff}) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(value);
      const auto decoded = decode(changed);
      EXPECT_TRUE(decoded.ok() || absl::IsDataLoss(decoded.status())) << decoded.status();
    }
  }
}

// Until a change made from now on gets a later stamp than any made before. Kernels that stamp
// finely (since 6.13) are ahead of the coarse clock, so one tick of that isn't always enough.
inline void WaitForTick() {
  const int64_t now = Clock::Real().NowNanoseconds();
  while (Clock::Real().FileStampNanoseconds() <= now) {
    Clock::Real().Sleep(std::chrono::milliseconds(1));
  }
}

// A project directory, which is also the working directory while the test runs.
class ProjectTest : public testing::Test {
 protected:
  ProjectTest() : before_(std::filesystem::current_path()) {
    std::string name = testing::TempDir() + "hpcc-cache-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    cwd_ = std::filesystem::canonical(name).string();
    std::filesystem::current_path(cwd_);
    environment_.Set("PATH", Environment::OfThisProcess().GetOrEmpty("PATH"));
    environment_.Set("LC_ALL", "C");
  }
  ~ProjectTest() override {
    std::filesystem::current_path(before_);
    std::error_code ignored;
    std::filesystem::remove_all(cwd_, ignored);
  }

  void Write(const std::filesystem::path& path, const std::string& text) {
    if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  void MakeDirectory(const std::filesystem::path& path) {
    std::filesystem::create_directories(path);
  }
  void Remove(const std::filesystem::path& path) { std::filesystem::remove_all(path); }
  // As "ln -sfn" does.
  void Link(const std::string& target, const std::string& path) {
    std::filesystem::remove(path);
    std::filesystem::create_symlink(target, path);
  }

  std::string cwd_;
  Environment environment_;

 private:
  std::filesystem::path before_;
};

// One command line, compiled by a real compiler and recorded as hpcc would.
class RecordedCompile {
 public:
  RecordedCompile(const std::string& compiler, std::vector<std::string> args, std::string cwd,
                  const Environment& environment)
      : compiler_(compiler),
        args_(std::move(args)),
        cwd_(std::move(cwd)),
        environment_(environment) {
    path_ = FindOnPath(fs_, environment_, compiler);
    invocation_ = ParseGnu({fs_, environment_, cwd_, compiler, LooksLikeClang(compiler)}, args_);
    absl::StatusOr<ToolchainFacts> facts = ProbeToolchain(
        fs_,
        {.path = path_, .cwd = cwd_, .invocation = &invocation_, .environment = &environment_});
    EXPECT_TRUE(facts.ok()) << facts.status();
    if (facts.ok()) toolchain_ = *std::move(facts);
  }
  RecordedCompile(const RecordedCompile&) = delete;
  RecordedCompile& operator=(const RecordedCompile&) = delete;

  const Invocation& invocation() const { return invocation_; }
  const ClosureResult& closure() const { return closure_; }
  const Unit& unit() const { return unit_; }

  // Compiles and records; `meanwhile` happens when the compiler is done and before hpcc looks.
  void Record(const std::function<void()>& meanwhile = {}) {
    ASSERT_FALSE(invocation_.refusal.has_value());
    unit_ = Describe();
    WaitForTick();
    const int64_t started = Clock::Real().FileStampNanoseconds();
    const std::string dependencies = StrCat("/tmp/hpcc-test-", getpid(), ".d");
    const absl::StatusOr<CapturedRun> run =
        RunCompiler(CompileCommand(invocation_, dependencies, {}));
    ASSERT_TRUE(run.ok() && run->exit.success()) << (run.ok() ? run->err : "not started");
    if (meanwhile) {
      WaitForTick();
      meanwhile();
    }
    std::vector<std::string> files;
    if (HasPreprocessor(invocation_.language)) {
      const absl::StatusOr<std::string> text = ReadFile(fs_, dependencies, 1 << 20);
      fs_.Remove(dependencies).IgnoreError();
      ASSERT_TRUE(text.ok()) << text.status();
      absl::StatusOr<std::vector<std::string>> parsed = ParseDependencyFiles(*text);
      ASSERT_TRUE(parsed.ok()) << parsed.status();
      files = *std::move(parsed);
    }
    ShiftedClock clock(std::chrono::seconds(10));
    closure_ = RecordClosure(fs_, clock, unit_, files, started);
    record_.files = closure_.files;
    record_.directories = closure_.directories;
    record_.places = closure_.places;
    WaitForTick();
  }

  // Whether what was recorded would be served now without asking any compiler.
  bool Serves() {
    if (closure_.refusal || closure_.needs_preprocessor) return false;
    return Describe().direct_key == unit_.direct_key && !WhyNot().has_value();
  }
  std::optional<MissReason> WhyNot() {
    ShiftedClock clock(std::chrono::seconds(10));
    DirectRecord copy = record_;
    return ClosureChecker(fs_, cwd_, unit_.root, clock.FileStampNanoseconds()).Check(&copy);
  }

  // What the compiler makes of the sources now: its object, or its complaints.
  std::string PlainOutput() {
    const absl::StatusOr<CapturedRun> run = RunCompiler(args_);
    if (!run.ok()) return "not started";
    if (!run->exit.success()) return StrCat("failed: ", run->err);
    const absl::StatusOr<std::string> object = ReadFile(fs_, invocation_.output, 1 << 28);
    return StrCat(object.ok() ? *object : "no object", run->err);
  }

 private:
  Unit Describe() {
    absl::StatusOr<Unit> unit = MakeUnit(fs_, {.invocation = &invocation_,
                                               .toolchain = &toolchain_,
                                               .environment = &environment_,
                                               .compiler = path_,
                                               .cwd = cwd_});
    return unit.ok() ? *std::move(unit) : Unit();
  }

  absl::StatusOr<CapturedRun> RunCompiler(const std::vector<std::string>& words) {
    std::vector<std::string> argv = {path_};
    argv.insert(argv.end(), words.begin(), words.end());
    return RunCaptured(argv, environment_, {.timeout = std::chrono::seconds(60)});
  }

  FileSystem& fs_ = FileSystem::Real();
  std::string compiler_;
  std::vector<std::string> args_;
  std::string cwd_;
  Environment environment_;
  std::string path_;
  Invocation invocation_;
  ToolchainFacts toolchain_;
  Unit unit_;
  ClosureResult closure_;
  DirectRecord record_;
};

}  // namespace hpcc

#endif  // HPCC_CACHE_CACHE_TEST_SUPPORT_H_
