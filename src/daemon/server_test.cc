// A whole daemon in this process, and what wrappers say to it over its sockets. The compiler is the
// machine's gcc.

#include "daemon/server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/path.h"
#include "base/process.h"
#include "base/strings.h"
#include "client/compile_run.h"
#include "client/daemon_client.h"
#include "client/daemon_place.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLong{10'000};

// The real clock, a minute ahead: stamps taken now are settled.
class LaterClock final : public Clock {
 public:
  int64_t NowNanoseconds() override { return Real().NowNanoseconds() + kAhead; }
  int64_t FileStampNanoseconds() override { return Real().FileStampNanoseconds() + kAhead; }
  int64_t MonotonicNanoseconds() override { return Real().MonotonicNanoseconds(); }
  void Sleep(std::chrono::nanoseconds duration) override { Real().Sleep(duration); }

 private:
  static constexpr int64_t kAhead = 60'000'000'000;
};

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    char name[] = "/tmp/hpcc-server-test-XXXXXX";
    directory_ = mkdtemp(name);
    std::filesystem::create_directory(directory_ + "/tree");
    before_ = std::filesystem::current_path();
    std::filesystem::current_path(directory_ + "/tree");
    environment_.Set("PATH", "/usr/bin:/bin");
    environment_.Set("HPCC_CACHE_DIR", directory_ + "/cache");
    environment_.Set("HPCC_RUNTIME_DIR", directory_ + "/place");
    environment_.Set("HPCC_CONFIG", "/dev/null");
    place_.emplace(*LoadConfig(fs_, environment_), environment_);
    EXPECT_TRUE(PrepareDaemonDirectory(fs_, *place_).ok());
    state_.surroundings = DescribeSurroundings(fs_);
    state_.token = std::string(32, 't');
    unix_.emplace(state_, *Listener::OnUnixSocket(place_->socket()), Transport::kUnix);
    absl::StatusOr<Listener> loopback = Listener::OnLoopback();
    EXPECT_TRUE(
        WriteDaemonAddress(fs_, *place_, {getpid(), 1, loopback->port(), state_.token}).ok());
    loopback_.emplace(state_, *std::move(loopback), Transport::kLoopback);
    EXPECT_TRUE(unix_->Start().ok());
    EXPECT_TRUE(loopback_->Start().ok());
    Write("a.h", "#define A 1\n");
    Write("a.c", "#include \"a.h\"\nint a = A;\n");
  }
  ~ServerTest() override {
    std::filesystem::current_path(before_);
    unix_.reset();
    loopback_.reset();
    std::filesystem::remove_all(directory_);
  }

  static void Write(const std::string& name, const std::string& text) {
    std::ofstream(name) << text;
  }
  static std::string Read(const std::string& name) {
    return *ReadFile(FileSystem::Real(), name, 1 << 20);
  }

  CompileRequest Request(const std::string& source = "a.c") const {
    CompileRequest request;
    request.compiler = {"/usr/bin/gcc", "gcc", "gcc", {"-MD", "-c", source, "-o", "a.o"}};
    request.environment = environment_;
    request.cwd = directory_ + "/tree";
    return request;
  }

  std::unique_ptr<DaemonClient> Connect() const { return DaemonClient::Connect(fs_, *place_); }

  // Makes the compiler known, as the first wrapper does.
  void TeachCompiler() {
    const absl::StatusOr<Config> config = LoadConfig(fs_, environment_);
    CacheChain chain(*config, environment_, fs_, clock_);
    ToolchainMemo memo(chain.store(), fs_, clock_);
    const CompileRequest request = Request();
    CompileSubject subject(fs_, request);
    ASSERT_FALSE(subject.Understand().has_value());
    ASSERT_FALSE(subject.Identify(memo).has_value());
  }

  // Compiles under a lease as the wrapper does, and tells.
  std::optional<daemon_v1::Learned> CompileAndLearn(DaemonClient& client) {
    const absl::StatusOr<Config> config = LoadConfig(fs_, environment_);
    CacheChain chain(*config, environment_, fs_, clock_);
    ToolchainMemo memo(chain.store(), fs_, clock_);
    const CompileRequest request = Request();
    CompileSubject subject(fs_, request);
    EXPECT_FALSE(subject.Understand() || subject.Identify(memo) || subject.Prepare());
    const absl::StatusOr<CompileRun> run =
        RunCompile(fs_, clock_, subject.unit(), request.compiler);
    EXPECT_TRUE(run.ok() && run->process.exit.success());
    return client.Learn(subject.invocation(), *run, CompilePlace{});
  }

  // Something said over one of the sockets by who is no wrapper; the answer, if any.
  absl::StatusOr<std::string> Say(absl::StatusOr<Connection> connection, std::string_view bytes) {
    EXPECT_TRUE(connection.ok());
    EXPECT_TRUE(connection->Send(bytes, kLong).ok());
    return ReceiveFrame(*connection, kLong);
  }
  std::string Frame(const daemon_v1::Request& request) const {
    const std::string message = request.SerializeAsString();
    std::string size(4, '\0');
    for (int i = 0; i < 4; ++i) size[i] = static_cast<char>(message.size() >> (8 * i));
    return size + message;
  }

  FileSystem& fs_ = FileSystem::Real();
  LaterClock clock_;
  std::string directory_;
  std::filesystem::path before_;
  Environment environment_;
  std::optional<DaemonPlace> place_;
  DaemonState state_{fs_, clock_, size_t{16} << 20, 100};
  std::optional<Server> unix_;
  std::optional<Server> loopback_;
};

TEST_F(ServerTest, ACompilerNobodyKnowsIsNotAsked) {
  const DaemonClient::Answer answer = Connect()->LookUp(Request());
  EXPECT_FALSE(answer.hit);
  EXPECT_FALSE(answer.lease);
  EXPECT_TRUE(answer.compiler_unknown);
}

TEST_F(ServerTest, WhatOneCompilesTheNextGets) {
  TeachCompiler();
  {
    const std::unique_ptr<DaemonClient> client = Connect();
    ASSERT_TRUE(client->LookUp(Request()).lease.has_value());
    const std::optional<daemon_v1::Learned> learned = CompileAndLearn(*client);
    ASSERT_TRUE(learned.has_value());
    EXPECT_TRUE(learned->has_dependency_file());
    EXPECT_EQ(learned->dependency_file(), "a.o: a.c /usr/include/stdc-predef.h a.h\n");
  }
  for (int i = 0; i < 2; ++i) {
    const std::unique_ptr<DaemonClient> client = Connect();
    const DaemonClient::Answer answer = client->LookUp(Request());
    ASSERT_TRUE(answer.hit != nullptr);
    if (answer.hit->message.tentative()) {
      EXPECT_TRUE(client->AfterTentative().confirmed);
    }
    EXPECT_EQ(answer.hit->outputs(), Read("a.o"));
    EXPECT_EQ(answer.hit->message.dependency_file(), "a.o: a.c /usr/include/stdc-predef.h a.h\n");
  }
  Write("a.h", "#define A 2\n");
  const std::unique_ptr<DaemonClient> client = Connect();
  EXPECT_TRUE(client->LookUp(Request()).hit != nullptr);
  const DaemonClient::Answer answer = client->AfterTentative();
  EXPECT_FALSE(answer.confirmed);
  EXPECT_TRUE(answer.lease.has_value());
}

TEST_F(ServerTest, WhatIsHeldInMemoryIsSentFirstAndConfirmedAfterwards) {
  TeachCompiler();
  {
    const std::unique_ptr<DaemonClient> client = Connect();
    ASSERT_TRUE(client->LookUp(Request()).lease.has_value());
    ASSERT_TRUE(CompileAndLearn(*client).has_value());
  }
  const DaemonClient::Answer from_store = Connect()->LookUp(Request());
  ASSERT_TRUE(from_store.hit != nullptr);
  EXPECT_FALSE(from_store.hit->message.tentative());
  const std::unique_ptr<DaemonClient> client = Connect();
  const DaemonClient::Answer from_memory = client->LookUp(Request());
  ASSERT_TRUE(from_memory.hit != nullptr);
  EXPECT_TRUE(from_memory.hit->message.tentative());
  EXPECT_EQ(from_memory.hit->outputs(), Read("a.o"));
  EXPECT_TRUE(client->AfterTentative().confirmed);
}

TEST_F(ServerTest, ResultsThereIsNoRoomForAreLeftInTheStore) {
  TeachCompiler();
  // Larger than all the memory this daemon has for results.
  Write("a.c", "#include \"a.h\"\nint a[3000000] = {A};\n");
  {
    const std::unique_ptr<DaemonClient> client = Connect();
    ASSERT_TRUE(client->LookUp(Request()).lease.has_value());
    ASSERT_TRUE(CompileAndLearn(*client).has_value());
  }
  for (const bool tentative : {false, true}) {
    const std::unique_ptr<DaemonClient> client = Connect();
    const DaemonClient::Answer answer = client->LookUp(Request());
    ASSERT_TRUE(answer.hit != nullptr);
    EXPECT_EQ(answer.hit->message.tentative(), tentative);
    EXPECT_EQ(answer.hit->message.outputs_size(), 0);
    EXPECT_TRUE(Digest::FromBytes(answer.hit->message.stored_result()).has_value());
    EXPECT_EQ(answer.hit->message.dependency_file(), "a.o: a.c /usr/include/stdc-predef.h a.h\n");
    if (tentative) {
      EXPECT_TRUE(client->AfterTentative().confirmed);
    }
  }
}

TEST_F(ServerTest, OverLoopbackTheOutputsFollowTheAnswer) {
  TeachCompiler();
  Write("big.h", "");
  Write("a.c", "#include \"a.h\"\nint a[100000] = {A};\n");
  {
    const std::unique_ptr<DaemonClient> client = Connect();
    ASSERT_TRUE(client->LookUp(Request()).lease.has_value());
    ASSERT_TRUE(CompileAndLearn(*client).has_value());
  }
  std::filesystem::remove(place_->socket());
  const DaemonClient::Answer answer = Connect()->LookUp(Request());
  ASSERT_TRUE(answer.hit != nullptr);
  EXPECT_GT(Read("a.o").size(), kMaxSmallOutputs);
  EXPECT_TRUE(answer.hit->outputs() == Read("a.o"));
}

TEST_F(ServerTest, WhoAsksForAUnitInFlightGetsItsResult) {
  TeachCompiler();
  std::unique_ptr<DaemonClient> first = Connect();
  ASSERT_TRUE(first->LookUp(Request()).lease.has_value());
  DaemonClient::Answer answer;
  std::thread second([&] { answer = Connect()->LookUp(Request()); });
  while (state_.waiting == 0) std::this_thread::yield();
  ASSERT_TRUE(CompileAndLearn(*first).has_value());
  second.join();
  EXPECT_TRUE(answer.hit != nullptr);
}

TEST_F(ServerTest, ALeaseWhoseHolderLeavesPassesOn) {
  TeachCompiler();
  std::unique_ptr<DaemonClient> first = Connect();
  ASSERT_TRUE(first->LookUp(Request()).lease.has_value());
  DaemonClient::Answer answer;
  std::thread second([&] { answer = Connect()->LookUp(Request()); });
  while (state_.waiting == 0) std::this_thread::yield();
  first.reset();
  second.join();
  EXPECT_TRUE(answer.lease.has_value());
}

TEST_F(ServerTest, WhoeverSeesOtherFilesWorksAlone) {
  TeachCompiler();
  state_.surroundings.set_mount_namespace("mnt:[1]");
  const DaemonClient::Answer answer = Connect()->LookUp(Request());
  EXPECT_FALSE(answer.hit || answer.lease || answer.compiler_unknown);
  EXPECT_EQ(state_.security_events, 0u);
}

TEST_F(ServerTest, ADirectoryThatIsNotTheCallersIsNotBelieved) {
  TeachCompiler();
  CompileRequest request = Request();
  request.cwd = directory_;
  const DaemonClient::Answer answer = Connect()->LookUp(request);
  EXPECT_FALSE(answer.hit || answer.lease);
}

TEST_F(ServerTest, FilesThatEachProcessHasItsOwnOfAreNotLookedAt) {
  TeachCompiler();
  const DaemonClient::Answer answer = Connect()->LookUp(Request("/proc/self/cwd/a.c"));
  EXPECT_FALSE(answer.hit || answer.lease);
}

TEST_F(ServerTest, AnotherVersionIsRefusedPolitely) {
  daemon_v1::Request request;
  request.set_protocol_version(kDaemonProtocolVersion + 1);
  request.mutable_status();
  const absl::StatusOr<std::string> answer =
      Say(Connection::ToUnixSocket(place_->socket()), Frame(request));
  ASSERT_TRUE(answer.ok()) << answer.status();
  const absl::StatusOr<daemon_v1::Response> response = ParseResponse(*answer);
  EXPECT_TRUE(
      StrContains(response->refused().reason(), StrCat("speaks version ", kDaemonProtocolVersion)))
      << answer.status();
  EXPECT_EQ(state_.security_events, 0u);
  // But to end: an update could not bring its own otherwise.
  request.mutable_stop();
  const absl::StatusOr<std::string> stopped =
      Say(Connection::ToUnixSocket(place_->socket()), Frame(request));
  ASSERT_TRUE(stopped.ok()) << stopped.status();
  EXPECT_TRUE(ParseResponse(*stopped)->has_stopping());
}

TEST_F(ServerTest, OverLoopbackOnlyTheRightTokenIsHeard) {
  const absl::StatusOr<DaemonAddress> address = ReadDaemonAddress(fs_, *place_);
  ASSERT_TRUE(address.ok());
  std::string off_by_one = address->token;
  off_by_one.back() ^= 1;
  uint64_t events = 0;
  for (const std::string& token :
       {std::string(), off_by_one, address->token.substr(1), address->token + "x"}) {
    daemon_v1::Request request;
    request.set_protocol_version(kDaemonProtocolVersion);
    request.set_token(token);
    request.mutable_status();
    const absl::StatusOr<std::string> answer =
        Say(Connection::ToLoopback(address->port, kLong), Frame(request));
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(ParseResponse(*answer)->refused().reason(), "wrong token");
    EXPECT_EQ(state_.security_events, ++events);
  }
  daemon_v1::Request request;
  request.set_protocol_version(kDaemonProtocolVersion);
  request.set_token(address->token);
  request.mutable_status();
  EXPECT_TRUE(ParseResponse(*Say(Connection::ToLoopback(address->port, kLong), Frame(request)))
                  ->has_status());
}

TEST_F(ServerTest, GarbageCostsOneConnectionAndIsNoted) {
  uint64_t events = 0;
  for (const std::string& bytes :
       {std::string("\xff\xff\xff\xff garbage"), std::string("\x02\0\0\0\xff\xff", 6),
        std::string("GET / HTTP/1.1\r\n\r\n")}) {
    EXPECT_FALSE(Say(Connection::ToUnixSocket(place_->socket()), bytes).ok());
    EXPECT_EQ(state_.security_events, ++events) << bytes;
  }
  // A request that is none at all is refused in words.
  daemon_v1::Request request;
  request.set_protocol_version(kDaemonProtocolVersion);
  EXPECT_TRUE(Say(Connection::ToUnixSocket(place_->socket()), Frame(request)).ok());
  EXPECT_EQ(state_.security_events, ++events);
  // Looking whether somebody listens is no crime, and others are served as before.
  { const absl::StatusOr<Connection> looked = Connection::ToUnixSocket(place_->socket()); }
  EXPECT_FALSE(Connect()->LookUp(Request()).hit);
  EXPECT_EQ(state_.security_events, events);
}

TEST_F(ServerTest, StatusTellsAndStopStops) {
  TeachCompiler();
  const std::unique_ptr<DaemonClient> holder = Connect();
  ASSERT_TRUE(holder->LookUp(Request()).lease.has_value());
  daemon_v1::Request request;
  request.mutable_status();
  const absl::StatusOr<daemon_v1::Response> status = Connect()->Ask(request);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->status().process(), getpid());
  EXPECT_EQ(status->status().compiles_in_flight(), 1u);
  daemon_v1::Request stop;
  stop.mutable_stop();
  EXPECT_TRUE(Connect()->Ask(stop)->has_stopping());
  // What is in flight is finished.
  EXPECT_TRUE(CompileAndLearn(*holder).has_value());
}

TEST_F(ServerTest, ManyAtOnceAreAllServed) {
  TeachCompiler();
  {
    const std::unique_ptr<DaemonClient> client = Connect();
    ASSERT_TRUE(client->LookUp(Request()).lease.has_value());
    ASSERT_TRUE(CompileAndLearn(*client).has_value());
  }
  std::atomic<int> hits = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 20; ++j) hits += Connect()->LookUp(Request()).hit ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(hits, 16 * 20);
}

TEST_F(ServerTest, AWrapperDoesNotWaitForADaemonThatIsSilent) {
  unix_.reset();  // ends it; what is bound anew is never accepted from
  const absl::StatusOr<Listener> silent = Listener::OnUnixSocket(place_->socket());
  ASSERT_TRUE(silent.ok()) << silent.status();
  const int64_t started = clock_.MonotonicNanoseconds();
  EXPECT_FALSE(Connect()->LookUp(Request()).hit);
  EXPECT_LT(clock_.MonotonicNanoseconds() - started,
            2 * std::chrono::nanoseconds(kDaemonPatience).count());
  // Whoever comes next doesn't even try, but later somebody does: by then it may have been killed.
  EXPECT_EQ(Connect(), nullptr);
  const int64_t before = Clock::Real().NowNanoseconds() - 61'000'000'000;
  ASSERT_TRUE(FileSystem::Real().SetModified(place_->silent_marker(), before).ok());
  EXPECT_NE(Connect(), nullptr);
}

}  // namespace
}  // namespace hpcc
