// What the doctor says of the daemon, before daemons made of a socket and one answer.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/socket.h"
#include "base/strings.h"
#include "cli/doctor_checks.h"
#include "client/daemon_place.h"
#include "client/daemon_protocol.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

class DoctorDaemonTest : public testing::Test {
 protected:
  DoctorDaemonTest() {
    std::string pattern = testing::TempDir() + "/hpcc-doctor-XXXXXX";
    root_ = std::filesystem::canonical(mkdtemp(pattern.data()));
    environment_.Set("HOME", root_);
    environment_.Set("HPCC_RUNTIME_DIR", Place());
    Reload();
  }
  ~DoctorDaemonTest() override {
    if (daemon_.joinable()) daemon_.join();
    std::filesystem::remove_all(root_);
  }

  void Reload() {
    absl::StatusOr<Config> config =
        LoadConfig(FileSystem::Real(), environment_, root_ + "/system.toml");
    ASSERT_TRUE(config.ok()) << config.status();
    config_ = *std::move(config);
  }

  std::string Place() const { return root_ + "/run"; }

  void MakePlace(std::filesystem::perms permissions = std::filesystem::perms(0700)) {
    std::filesystem::create_directory(Place());
    std::filesystem::permissions(Place(), permissions);
  }

  // A daemon that answers the first who connects with `response`.
  void Answer(daemon_v1::Response response) {
    MakePlace();
    absl::StatusOr<Listener> listener = Listener::OnUnixSocket(Place() + "/daemon.sock");
    ASSERT_TRUE(listener.ok()) << listener.status();
    daemon_ = std::thread([listener = *std::move(listener), response = std::move(response)] {
      absl::StatusOr<Connection> connection = listener.Accept();
      if (!connection.ok() || !ReceiveFrame(*connection, milliseconds(5000)).ok()) return;
      SendFrame(*connection, response, milliseconds(5000)).IgnoreError();
    });
  }
  static daemon_v1::Response Status(const std::string& version) {
    daemon_v1::Response response;
    response.set_protocol_version(kDaemonProtocolVersion);
    response.mutable_status()->set_process(4711);
    response.mutable_status()->set_hpcc_version(version);
    return response;
  }

  // All findings, a line each.
  std::string Check() {
    const CommandContext context{
        FileSystem::Real(), Clock::Real(), environment_, config_, root_, "", console_};
    std::vector<Finding> findings;
    CheckDaemon(context, &findings);
    std::string all;
    for (const Finding& finding : findings) {
      EXPECT_EQ(finding.check, "daemon");
      StrAppend(&all, FindingLevelName(finding.level), ": ", finding.text, "\n");
    }
    return all;
  }

  std::string root_;
  Environment environment_;
  Config config_;
  StringConsole console_;
  std::thread daemon_;
};

TEST_F(DoctorDaemonTest, NoneIsFine) {
  EXPECT_EQ(Check(), StrCat("ok: no daemon runs (", Place(), "), and none is needed\n"));
  EXPECT_FALSE(std::filesystem::exists(Place()));
  environment_.Set("HPCC_DAEMON_AUTOSTART", "1");
  Reload();
  EXPECT_THAT(Check(), HasSubstr("the next compile starts one"));
}

TEST_F(DoctorDaemonTest, TheSocketOfAKilledOneIsFineToo) {
  MakePlace();
  { ASSERT_TRUE(Listener::OnUnixSocket(Place() + "/daemon.sock").ok()); }
  ASSERT_TRUE(std::filesystem::exists(Place() + "/daemon.sock"));
  EXPECT_THAT(Check(), StartsWith("ok: no daemon runs"));
}

TEST_F(DoctorDaemonTest, OneOfThisVersionThatAnswersIsFine) {
  Answer(Status(HPCC_VERSION));
  EXPECT_EQ(Check(), StrCat("ok: the daemon answers at ", Place(), " (process 4711)\n"));
}

TEST_F(DoctorDaemonTest, AnotherVersionShouldBeRestarted) {
  Answer(Status("0.0.1"));
  EXPECT_THAT(Check(), StartsWith("warn: the daemon (process 4711) is hpcc 0.0.1, this is "));
}

TEST_F(DoctorDaemonTest, SecurityEventsAreWorthALook) {
  daemon_v1::Response response = Status(HPCC_VERSION);
  response.mutable_status()->set_security_events(3);
  Answer(std::move(response));
  EXPECT_THAT(Check(), HasSubstr("warn: the daemon counted 3 security events"));
}

TEST_F(DoctorDaemonTest, OneThatSpeaksAnotherProtocolMustGo) {
  daemon_v1::Response response;
  response.set_protocol_version(kDaemonProtocolVersion + 1);
  response.mutable_refused()->set_reason("this daemon speaks version 2");
  Answer(std::move(response));
  ASSERT_TRUE(WriteDaemonAddress(FileSystem::Real(), DaemonPlace(config_, environment_),
                                 {.process = getpid(),
                                  .protocol = kDaemonProtocolVersion + 1,
                                  .port = 1,
                                  .token = std::string(32, 't')})
                  .ok());
  const std::string found = Check();
  EXPECT_THAT(found, StartsWith("warn: the daemon refuses to talk to this hpcc"));
  EXPECT_THAT(found, HasSubstr("this daemon speaks version 2. End it and run: "))
      << "no number of another program is given to kill";
}

TEST_F(DoctorDaemonTest, OneThatClosesWithoutAWordIsReported) {
  MakePlace();
  absl::StatusOr<Listener> listener = Listener::OnUnixSocket(Place() + "/daemon.sock");
  ASSERT_TRUE(listener.ok());
  daemon_ = std::thread([&listener] { listener->Accept().IgnoreError(); });
  EXPECT_THAT(Check(), HasSubstr("does not answer as it should"));
}

TEST_F(DoctorDaemonTest, AMarkThatOneWasSilentIsReported) {
  MakePlace();
  std::ofstream(Place() + "/daemon.silent") << "";
  EXPECT_THAT(Check(), StartsWith("warn: a daemon did not answer in time"));
}

TEST_F(DoctorDaemonTest, APlaceOthersCanReachIsReported) {
  MakePlace(std::filesystem::perms(0755));
  EXPECT_EQ(Check(), StrCat("warn: wrappers ask no daemon, and none starts: ", Place(),
                            ": is open to other users; chmod go= it\n"));
}

TEST_F(DoctorDaemonTest, ForgottenSettingsAreReported) {
  environment_.Set("HPCC_DAEMON", "0");
  Reload();
  EXPECT_EQ(Check(), "ok: daemon.use is false: no daemon is asked\n");
  environment_.Set("HPCC_DAEMON_AUTOSTART", "1");
  environment_.Set("HPCC_RUNTIME_DIR", "run");
  Reload();
  EXPECT_EQ(Check(),
            "warn: HPCC_RUNTIME_DIR is not an absolute path (run) and is not looked at\n"
            "warn: daemon.autostart has no effect while daemon.use is false\n");
}

}  // namespace
}  // namespace hpcc
