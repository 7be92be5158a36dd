// What a worker's operators ask of it over its socket, with sandboxes that are none.

#include "worker/operator_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <optional>
#include <thread>

#include "base/frame.h"
#include "worker/worker_test_support.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr milliseconds kLong{20'000};

class OperatorServerTest : public testing::Test {
 protected:
  std::string Socket() const { return OperatorSocket(worker_.server().config()); }
  // A sandbox of the tenant, started as a compile would.
  void Start(std::string_view tenant) {
    const auto lease = worker_.server().pool().Acquire(tenant, "host", kLong);
    ASSERT_TRUE(lease.ok()) << lease.status();
  }
  Connection Connect() const {
    absl::StatusOr<Connection> connection = Connection::ToUnixSocket(Socket());
    EXPECT_TRUE(connection.ok()) << connection.status();
    return *std::move(connection);
  }
  static void Send(Connection& connection, operators_v1::Request request) {
    request.set_protocol_version(kOperatorProtocolVersion);
    EXPECT_TRUE(SendOperatorFrame(connection, request, kLong).ok());
  }
  static operators_v1::Response Receive(Connection& connection) {
    const absl::StatusOr<std::string> frame =
        ReceiveFrame(connection, kMaxOperatorFrameBytes, kLong);
    EXPECT_TRUE(frame.ok()) << frame.status();
    if (!frame.ok()) return {};
    const absl::StatusOr<operators_v1::Response> response = ParseOperatorResponse(*frame);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.value_or(operators_v1::Response());
  }

  struct Told {
    absl::Status status;
    std::string out;
    std::string err;
    operators_v1::Ended ended;
  };
  static operators_v1::Request ExecRequestOf(const std::string& sandbox,
                                             const std::vector<std::string>& words) {
    operators_v1::Request request;
    request.mutable_exec()->set_sandbox(sandbox);
    for (const std::string& word : words) request.mutable_exec()->add_arguments(word);
    return request;
  }
  Told Run(const std::string& sandbox, const std::vector<std::string>& words) const {
    Connection connection = Connect();
    Send(connection, ExecRequestOf(sandbox, words));
    Told told;
    for (;;) {
      const operators_v1::Response response = Receive(connection);
      told.status = StatusOf(response);
      if (!response.has_output()) {
        told.ended = response.ended();
        return told;
      }
      (response.output().error() ? told.err : told.out) += response.output().data();
    }
  }
  std::vector<SecurityEventRow> Events() const {
    std::vector<SecurityEventRow> rows;
    const auto reader = AuditReader::Open(LogPath());
    EXPECT_TRUE(reader.ok()) << reader.status();
    EXPECT_TRUE((*reader)
                    ->ForEachEvent({},
                                   [&](uint64_t, const SecurityEventRow& row) {
                                     rows.push_back(row);
                                     return true;
                                   })
                    .ok());
    return rows;
  }
  std::string LogPath() const {
    return path::Join(worker_.server().config().state_directory, "audit.db");
  }
  static void WaitUntil(const std::function<bool()>& condition) {
    for (int i = 0; i < 2000 && !condition(); ++i) {
      std::this_thread::sleep_for(milliseconds(5));
    }
    EXPECT_TRUE(condition());
  }

  mutable TestWorker worker_;
};

TEST_F(OperatorServerTest, TheSocketIsItsUsersAlone) {
  struct stat about = {};
  ASSERT_EQ(stat(Socket().c_str(), &about), 0);
  EXPECT_TRUE(S_ISSOCK(about.st_mode));
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  ASSERT_EQ(stat(std::string(path::Dirname(Socket())).c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0700u);
}

TEST_F(OperatorServerTest, TheListSaysWhoseEachSandboxIs) {
  Start("acme");
  Start("globex");
  const auto lease = worker_.server().pool().Acquire("globex", "host", kLong);
  Connection connection = Connect();
  operators_v1::Request request;
  request.mutable_list();
  Send(connection, request);
  const operators_v1::Response response = Receive(connection);
  ASSERT_TRUE(StatusOf(response).ok()) << response.message();
  ASSERT_EQ(response.sandboxes().sandboxes_size(), 2);
  const operators_v1::SandboxState& first = response.sandboxes().sandboxes(0);
  const operators_v1::SandboxState& second = response.sandboxes().sandboxes(1);
  EXPECT_EQ(first.id(), "worker-1-1");
  EXPECT_EQ(first.tenant(), "acme");
  EXPECT_EQ(first.image(), "host");
  EXPECT_EQ(first.isolation(), "none-test-only");
  EXPECT_EQ(first.state(), "running");
  EXPECT_EQ(first.execs(), 0u);
  EXPECT_EQ(first.cpus(), 4u);
  EXPECT_EQ(second.tenant(), "globex");
  EXPECT_EQ(second.execs(), 1u);
  EXPECT_EQ(second.idle_ns(), 0);
}

TEST_F(OperatorServerTest, ACommandRunsAndItsStreamsAndStatusComeBack) {
  Start("acme");
  const Told told = Run("worker-1-1", {"/bin/sh", "-c", "pwd; echo $0 >&2; exit 7", "it"});
  ASSERT_TRUE(told.status.ok()) << told.status;
  EXPECT_EQ(told.out, "/tmp\n");
  EXPECT_EQ(told.err, "it\n");
  EXPECT_EQ(told.ended.exit_status(), 7);
  EXPECT_EQ(told.ended.why(), "");
}

TEST_F(OperatorServerTest, ACommandHasItsEventBeforeAndItsRowAfter) {
  Start("acme");
  const Told told = Run("worker-1-1", {"/bin/sh", "-c", "kill -TERM $$", "a\nb"});
  ASSERT_TRUE(told.status.ok()) << told.status;
  EXPECT_EQ(told.ended.exit_status(), 128 + 15);
  EXPECT_EQ(told.ended.why(), "signal 15 ended it");
  const std::vector<AuditRow> rows = worker_.Rows();
  ASSERT_THAT(rows, SizeIs(1));
  const AuditRow& row = rows[0];
  EXPECT_TRUE(IsOperatorCommand(row));
  EXPECT_EQ(row.job_id, told.ended.job());
  EXPECT_EQ(row.tenant, "acme");
  EXPECT_EQ(row.user, StrCat("uid:", geteuid()));
  EXPECT_EQ(row.sandbox, "worker-1-1");
  EXPECT_EQ(row.isolation, "none-test-only");
  EXPECT_EQ(row.image_digest, "host");
  EXPECT_EQ(row.compiler, "/bin/sh");
  EXPECT_THAT(row.flags, ElementsAre("-c", "kill -TERM $$", "a\nb"));
  EXPECT_EQ(row.working_directory, "/tmp");
  EXPECT_EQ(row.exit_status, 128 + 15);
  EXPECT_TRUE(row.source_digest.is_zero());
  EXPECT_FALSE(row.hit);
  EXPECT_EQ(row.scheduler, "");

  const std::vector<SecurityEventRow> events = Events();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].event, "operator-command");
  EXPECT_EQ(events[0].tenant, "acme");
  EXPECT_EQ(events[0].user, row.user);
  EXPECT_THAT(events[0].peer, HasSubstr(StrCat("pid:", getpid())));
  EXPECT_THAT(events[0].detail,
              HasSubstr(StrCat("job ", row.job_id, " in worker-1-1: /bin/sh -c ")));
  EXPECT_THAT(events[0].detail, HasSubstr("a?b"));
  const auto reader = AuditReader::Open(LogPath());
  const absl::StatusOr<ChainReport> report = (*reader)->Verify();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->problems, IsEmpty());
}

TEST_F(OperatorServerTest, NoSandboxIsMadeForACommand) {
  Start("acme");
  const Told told = Run("worker-1-2", {"/bin/true"});
  EXPECT_TRUE(absl::IsNotFound(told.status)) << told.status;
  EXPECT_THAT(std::string(told.status.message()), HasSubstr("no sandbox worker-1-2"));
  EXPECT_THAT(worker_.Rows(), IsEmpty());
  EXPECT_EQ(worker_.server().pool().List().size(), 1u);
}

TEST_F(OperatorServerTest, ACommandItsAskerLeavesIsCancelledAndHasItsRow) {
  Start("acme");
  worker_.sandboxes().blocked = true;
  {
    Connection connection = Connect();
    Send(connection, ExecRequestOf("worker-1-1", {"/bin/true"}));
    WaitUntil([this] { return worker_.sandboxes().running == 1; });
  }
  WaitUntil([this] { return worker_.sandboxes().running == 0; });
  WaitUntil([this] { return worker_.Rows().size() == 1; });
  EXPECT_EQ(worker_.Rows()[0].exit_status, 130);
}

TEST_F(OperatorServerTest, AWorkerThatEndsEndsItsOperatorsCommands) {
  Start("acme");
  worker_.sandboxes().blocked = true;
  Connection connection = Connect();
  Send(connection, ExecRequestOf("worker-1-1", {"/bin/true"}));
  WaitUntil([this] { return worker_.sandboxes().running == 1; });
  worker_.server().Stop(milliseconds(0));
  EXPECT_TRUE(absl::IsCancelled(StatusOf(Receive(connection))));
  EXPECT_FALSE(std::filesystem::exists(Socket()));
}

TEST_F(OperatorServerTest, ASandboxLostMeanwhileIsSaidAndRecorded) {
  Start("acme");
  worker_.sandboxes().lost = true;
  EXPECT_TRUE(absl::IsUnavailable(Run("worker-1-1", {"/bin/true"}).status));
  ASSERT_THAT(worker_.Rows(), SizeIs(1));
  EXPECT_EQ(worker_.Rows()[0].exit_status, 125);
}

TEST_F(OperatorServerTest, WhatIsPrintedArrivesWholeHoweverLateItIsRead) {
  Start("acme");
  Connection connection = Connect();
  Send(connection,
       ExecRequestOf("worker-1-1", {"/bin/sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x"}));
  std::this_thread::sleep_for(milliseconds(300));
  size_t bytes = 0;
  operators_v1::Response response = Receive(connection);
  for (; response.has_output(); response = Receive(connection)) {
    bytes += response.output().data().size();
  }
  EXPECT_EQ(bytes, 3'000'000u);
  EXPECT_TRUE(response.has_ended());
}

TEST_F(OperatorServerTest, AnotherVersionsRequestIsToldSo) {
  Connection connection = Connect();
  operators_v1::Request request;
  request.mutable_list();
  request.set_protocol_version(2);
  ASSERT_TRUE(SendOperatorFrame(connection, request, kLong).ok());
  const absl::Status status = StatusOf(Receive(connection));
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
}

TEST_F(OperatorServerTest, NonsenseIsAnsweredAndEndsTheConnection) {
  Connection connection = Connect();
  ASSERT_TRUE(connection.Send(StrCat(FrameHead(3), "\xff\xff\xff"), kLong).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(StatusOf(Receive(connection))));
  char more;
  EXPECT_TRUE(absl::IsOutOfRange(connection.Receive({&more, 1}, kLong)));
}

TEST(OperatorServerStartTest, AFolderThatIsOpenToOthersIsRefused) {
  WorkerScratch scratch;
  std::filesystem::create_directory(scratch / "open");
  std::filesystem::permissions(scratch / "open", std::filesystem::perms(0755));
  const auto server = OperatorServer::Start(scratch / "open/socket", {.fs = &FileSystem::Real()});
  EXPECT_TRUE(absl::IsFailedPrecondition(server.status())) << server.status();
}

TEST_F(OperatorServerTest, ASecondWorkerDoesNotTakeTheSocketAway) {
  const auto server = OperatorServer::Start(Socket(), {.fs = &FileSystem::Real()});
  EXPECT_TRUE(absl::IsAlreadyExists(server.status())) << server.status();
}

}  // namespace
}  // namespace hpcc
