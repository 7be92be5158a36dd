#include "worker/operator_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/strings.h"

namespace hpcc {
namespace {

using testing::HasSubstr;

operators_v1::Request ExecRequestOf(std::vector<std::string> words) {
  operators_v1::Request request;
  request.set_protocol_version(kOperatorProtocolVersion);
  request.mutable_exec()->set_sandbox("w-1");
  for (std::string& word : words) request.mutable_exec()->add_arguments(std::move(word));
  return request;
}

std::string Mistake(const operators_v1::Request& request) {
  const absl::StatusOr<operators_v1::Request> parsed =
      ParseOperatorRequest(request.SerializeAsString());
  return parsed.ok() ? "" : std::string(parsed.status().message());
}

TEST(OperatorProtocolTest, ACommandIsReadAsItWasWritten) {
  operators_v1::Request request = ExecRequestOf({"/usr/bin/env", "", "a b\n"});
  request.mutable_exec()->set_wall_ms(1500);
  const absl::StatusOr<operators_v1::Request> read =
      ParseOperatorRequest(request.SerializeAsString());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->SerializeAsString(), request.SerializeAsString());
}

// Whoever changes a number in the .proto changes these bytes.
TEST(OperatorProtocolTest, TheBytesAreTheOnesOfVersionOne) {
  operators_v1::Request request = ExecRequestOf({"/bin/a"});
  request.mutable_exec()->set_wall_ms(5);
  EXPECT_EQ(request.SerializeAsString(),
            std::string("\x08\x01\x1a\x0f\x0a\x03w-1\x12\x06/bin/a\x18\x05"));
  operators_v1::Response response;
  response.set_protocol_version(kOperatorProtocolVersion);
  response.mutable_output()->set_error(true);
  response.mutable_output()->set_data("x");
  EXPECT_EQ(response.SerializeAsString(), std::string("\x08\x01\x2a\x05\x08\x01\x12\x01x"));
}

TEST(OperatorProtocolTest, WhatBreaksALimitIsRefusedByName) {
  EXPECT_EQ(Mistake(ExecRequestOf({"/bin/true"})), "");
  EXPECT_THAT(Mistake(ExecRequestOf({})), HasSubstr("command: there is none"));
  EXPECT_THAT(Mistake(ExecRequestOf({"gcc"})), HasSubstr("whole path of the program"));
  EXPECT_THAT(Mistake(ExecRequestOf({"/usr/../bin/true"})), HasSubstr("whole path"));
  EXPECT_THAT(Mistake(ExecRequestOf({"/bin/echo", std::string("a\0b", 3)})), HasSubstr("NUL"));
  EXPECT_THAT(Mistake(ExecRequestOf({"/bin/echo", std::string(kMaxOperatorCommandBytes, 'x')})),
              HasSubstr("too long"));
  EXPECT_THAT(Mistake(ExecRequestOf(std::vector<std::string>(kMaxOperatorCommandWords + 1, "/x"))),
              HasSubstr("too many words"));
  operators_v1::Request request = ExecRequestOf({"/bin/true"});
  request.mutable_exec()->set_wall_ms(kOperatorWallMost.count() + 1);
  EXPECT_THAT(Mistake(request), HasSubstr("at most 60 minutes"));
  request = ExecRequestOf({"/bin/true"});
  request.mutable_exec()->set_sandbox(std::string(kMaxSandboxIdBytes + 1, 'x'));
  EXPECT_THAT(Mistake(request), HasSubstr("no id of a sandbox"));
  EXPECT_FALSE(ParseOperatorRequest("\xff\xff").ok());
  EXPECT_FALSE(ParseOperatorResponse("\xff\xff").ok());
  operators_v1::Response response;
  response.set_code(99);
  EXPECT_FALSE(ParseOperatorResponse(response.SerializeAsString()).ok());
}

}  // namespace
}  // namespace hpcc
