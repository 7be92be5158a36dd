#include "client/daemon_protocol.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/strings.h"
#include "client/daemon_place.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kSoon{50};
constexpr milliseconds kLong{5000};

class DaemonProtocolTest : public testing::Test {
 protected:
  DaemonProtocolTest() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    near_.emplace(Descriptor(ends[0]));
    far_.emplace(Descriptor(ends[1]));
  }

  static daemon_v1::Request LookUpRequest() {
    daemon_v1::Request request;
    request.set_protocol_version(kDaemonProtocolVersion);
    daemon_v1::LookUp& look_up = *request.mutable_look_up();
    look_up.set_compiler_path("/usr/bin/gcc");
    look_up.set_called_as("gcc");
    look_up.set_compiler_name("gcc");
    look_up.add_arguments("-c");
    look_up.add_environment("A=b");
    look_up.set_working_directory("/w");
    return request;
  }
  static absl::Status Parse(const daemon_v1::Request& request) {
    return ParseRequest(request.SerializeAsString()).status();
  }

  std::optional<Connection> near_;
  std::optional<Connection> far_;
};

TEST_F(DaemonProtocolTest, AMessageComesBackFromItsFrame) {
  ASSERT_TRUE(SendFrame(*near_, LookUpRequest(), kLong).ok());
  const absl::StatusOr<std::string> bytes = ReceiveFrame(*far_, kLong);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const absl::StatusOr<daemon_v1::Request> request = ParseRequest(*bytes);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->look_up().compiler_path(), "/usr/bin/gcc");
}

TEST_F(DaemonProtocolTest, FrameIsAsWrittenDown) {
  daemon_v1::Request request;
  request.set_protocol_version(1);
  request.mutable_stop();
  ASSERT_TRUE(SendFrame(*near_, request, kLong).ok());
  char bytes[8];
  ASSERT_TRUE(far_->Receive(bytes, kLong).ok());
  // The size, then field 1 = 1 and the empty field 6.
  EXPECT_EQ(std::string(bytes, sizeof bytes), std::string("\x04\0\0\0\x08\x01\x32\0", 8));
}

TEST_F(DaemonProtocolTest, AFrameThatPromisesTooMuchIsRefusedBeforeItIsRead) {
  ASSERT_TRUE(near_->Send(std::string("\xff\xff\xff\x7f", 4), kLong).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(ReceiveFrame(*far_, kLong).status()));
}

TEST_F(DaemonProtocolTest, HalfAFrameAndSilenceEndInTime) {
  EXPECT_TRUE(absl::IsDeadlineExceeded(ReceiveFrame(*far_, kSoon).status()));
  ASSERT_TRUE(near_->Send(std::string("\x08\0\0\0half", 8), kLong).ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(ReceiveFrame(*far_, kSoon).status()));
}

TEST_F(DaemonProtocolTest, TheEndBetweenFramesIsTheOnlyProperOne) {
  ASSERT_TRUE(near_->Send(std::string("\x08\0\0\0", 4), kLong).ok());
  near_.reset();
  EXPECT_TRUE(absl::IsDataLoss(ReceiveFrame(*far_, kLong).status()));
  EXPECT_TRUE(absl::IsOutOfRange(ReceiveFrame(*far_, kLong).status()));
}

TEST_F(DaemonProtocolTest, AMessageTooLargeForAFrameIsNotSent) {
  daemon_v1::Request request;
  request.mutable_learn()->set_standard_error(std::string(kMaxFrameBytes, 'x'));
  EXPECT_TRUE(absl::IsResourceExhausted(SendFrame(*near_, request, kLong)));
  EXPECT_FALSE(far_->WaitForInput(milliseconds(0)));
}

TEST_F(DaemonProtocolTest, GarbageIsNoMessage) {
  EXPECT_FALSE(ParseRequest("\xff\xff\xff").ok());
  EXPECT_FALSE(ParseResponse("\xff\xff\xff").ok());
  EXPECT_TRUE(ParseRequest("").ok()) << "which says nothing, and is refused for that later";
}

TEST_F(DaemonProtocolTest, LimitsOfARequestHold) {
  EXPECT_TRUE(Parse(LookUpRequest()).ok());
  const auto expect_refused = [](const std::function<void(daemon_v1::Request*)>& change) {
    daemon_v1::Request request = LookUpRequest();
    change(&request);
    EXPECT_TRUE(absl::IsInvalidArgument(Parse(request)));
  };
  const std::string long_text(kMaxStringBytes + 1, 'x');
  using Request = daemon_v1::Request;
  expect_refused([](Request* r) { r->set_token(std::string(kMaxTokenBytes + 1, 'x')); });
  expect_refused([&](Request* r) { r->mutable_look_up()->add_arguments(long_text); });
  expect_refused([&](Request* r) { r->mutable_look_up()->add_environment(long_text); });
  expect_refused([&](Request* r) { r->mutable_look_up()->set_compiler_path(long_text); });
  expect_refused([](Request* r) { r->mutable_look_up()->set_working_directory("relative"); });
  expect_refused([](Request* r) { r->mutable_look_up()->clear_working_directory(); });
  expect_refused([](Request* r) { r->mutable_look_up()->clear_compiler_path(); });
  expect_refused([](Request* r) { r->mutable_look_up()->add_arguments(std::string("a\0b", 3)); });
  expect_refused(
      [](Request* r) { r->mutable_look_up()->set_working_directory(std::string("/a\0b", 4)); });
  expect_refused([](Request* r) {
    for (int i = 0; i <= kMaxStrings; ++i) r->mutable_look_up()->add_arguments("");
  });
  daemon_v1::Request learn;
  for (int i = 0; i <= kMaxFrameOutputs; ++i) learn.mutable_learn()->add_outputs(0);
  EXPECT_TRUE(absl::IsInvalidArgument(Parse(learn)));

  const auto expect_learn_refused = [](const std::function<void(daemon_v1::Learn*)>& change) {
    daemon_v1::Request request;
    request.mutable_learn()->set_place(2);
    ASSERT_TRUE(Parse(request).ok());
    change(request.mutable_learn());
    EXPECT_TRUE(absl::IsInvalidArgument(Parse(request)));
  };
  expect_learn_refused([](daemon_v1::Learn* l) { l->set_place(3); });
  expect_learn_refused([](daemon_v1::Learn* l) { l->set_fallback_cause(256); });
  expect_learn_refused(
      [](daemon_v1::Learn* l) { l->set_fallback_detail(std::string(kMaxDetailBytes + 1, 'x')); });
}

// Eight million empty strings fit into a frame, and would take half a gigabyte.
TEST_F(DaemonProtocolTest, AFrameOfManyShortFieldsIsNotEvenParsed) {
  daemon_v1::Request request = LookUpRequest();
  for (int i = 0; i < 8'000'000; ++i) request.mutable_look_up()->add_arguments("");
  std::string bytes;
  ASSERT_TRUE(request.SerializeToString(&bytes));
  ASSERT_LT(bytes.size(), kMaxFrameBytes);
  request.Clear();
  malloc_trim(0);
  const size_t before = mallinfo2().arena + mallinfo2().hblkhd;
  EXPECT_TRUE(absl::IsInvalidArgument(ParseRequest(bytes).status()));
  EXPECT_LT(mallinfo2().arena + mallinfo2().hblkhd, before + (size_t{8} << 20));
}

TEST_F(DaemonProtocolTest, SizesInAHitMustAddUp) {
  daemon_v1::Response response;
  daemon_v1::Hit& hit = *response.mutable_hit();
  hit.add_outputs()->set_size(3);
  hit.add_outputs()->set_size(4);
  hit.set_total_size(7);
  EXPECT_TRUE(ParseResponse(response.SerializeAsString()).ok());
  hit.set_total_size(8);
  EXPECT_FALSE(ParseResponse(response.SerializeAsString()).ok());
  hit.mutable_outputs(0)->set_size(~uint64_t{0});
  hit.set_total_size(3);
  EXPECT_FALSE(ParseResponse(response.SerializeAsString()).ok());
}

class DaemonPlaceTest : public testing::Test {
 protected:
  DaemonPlaceTest() {
    char name[] = "/tmp/hpcc-place-test-XXXXXX";
    directory_ = mkdtemp(name);
    environment_.Set("HPCC_RUNTIME_DIR", directory_ + "/place");
  }
  ~DaemonPlaceTest() override { std::filesystem::remove_all(directory_); }

  static Config SomeConfig() {
    Config config;
    config.local_directory = "/cache";
    return config;
  }

  FileSystem& fs_ = FileSystem::Real();
  std::string directory_;
  Environment environment_;
};

TEST_F(DaemonPlaceTest, TheDirectoryIsTheFirstThatIsSaid) {
  Environment environment;
  EXPECT_EQ(DaemonPlace(SomeConfig(), environment).directory(), "/cache/daemon");
  environment.Set("XDG_RUNTIME_DIR", "/run/user/1");
  EXPECT_EQ(DaemonPlace(SomeConfig(), environment).directory(), "/run/user/1/hpcc");
  environment.Set("HPCC_RUNTIME_DIR", "/own");
  EXPECT_EQ(DaemonPlace(SomeConfig(), environment).directory(), "/own");
  environment.Set("HPCC_RUNTIME_DIR", "relative");
  EXPECT_EQ(DaemonPlace(SomeConfig(), environment).directory(), "/run/user/1/hpcc");
}

TEST_F(DaemonPlaceTest, TheDirectoryIsMadeForThisUserAlone) {
  const DaemonPlace place(SomeConfig(), environment_);
  ASSERT_TRUE(PrepareDaemonDirectory(fs_, place).ok());
  EXPECT_EQ(std::filesystem::status(place.directory()).permissions(), std::filesystem::perms(0700));
  ASSERT_TRUE(PrepareDaemonDirectory(fs_, place).ok());
  chmod(place.directory().c_str(), 0755);
  EXPECT_TRUE(absl::IsFailedPrecondition(PrepareDaemonDirectory(fs_, place)));
}

TEST_F(DaemonPlaceTest, TheAddressComesBackAndIsSecret) {
  const DaemonPlace place(SomeConfig(), environment_);
  ASSERT_TRUE(PrepareDaemonDirectory(fs_, place).ok());
  EXPECT_TRUE(absl::IsNotFound(ReadDaemonAddress(fs_, place).status()));
  const std::string token(32, '\x5a');
  ASSERT_TRUE(WriteDaemonAddress(fs_, place, {4711, 1, 40123, token}).ok());
  EXPECT_EQ(std::filesystem::status(place.address_file()).permissions(),
            std::filesystem::perms(0600));
  const absl::StatusOr<DaemonAddress> address = ReadDaemonAddress(fs_, place);
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->process, 4711);
  EXPECT_EQ(address->protocol, 1u);
  EXPECT_EQ(address->port, 40123);
  EXPECT_EQ(address->token, token);
  chmod(place.address_file().c_str(), 0644);
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadDaemonAddress(fs_, place).status()));
}

TEST_F(DaemonPlaceTest, AnythingElseIsNoAddress) {
  const DaemonPlace place(SomeConfig(), environment_);
  ASSERT_TRUE(PrepareDaemonDirectory(fs_, place).ok());
  const std::string hex(64, 'a');
  for (const std::string& text : std::vector<std::string>{
           "", "{", "[]", "null", "{}", "{\"version\": 2}",
           "{\"version\":1,\"protocol\":1,\"process\":1,\"port\":70000,\"token\":\"" + hex + "\"}",
           "{\"version\":1,\"protocol\":1,\"process\":-1,\"port\":7,\"token\":\"" + hex + "\"}",
           "{\"version\":1,\"protocol\":1,\"process\":1,\"port\":7,\"token\":\"abc\"}",
           "{\"version\":1,\"protocol\":1,\"process\":1,\"port\":7,\"token\":7}",
           "{\"version\":1,\"protocol\":\"1\",\"process\":1,\"port\":7,\"token\":\"" + hex + "\"}",
           std::string(100'000, ' ')}) {
    std::ofstream(place.address_file()) << text;
    chmod(place.address_file().c_str(), 0600);
    EXPECT_FALSE(ReadDaemonAddress(fs_, place).ok()) << text.substr(0, 200);
  }
}

TEST_F(DaemonPlaceTest, TokensMatchWhole) {
  EXPECT_TRUE(TokensMatch("abc", "abc"));
  EXPECT_TRUE(TokensMatch("", ""));
  EXPECT_FALSE(TokensMatch("abc", "abd"));
  EXPECT_FALSE(TokensMatch("abc", "ab"));
  EXPECT_FALSE(TokensMatch("abc", "abcd"));
}

}  // namespace
}  // namespace hpcc
