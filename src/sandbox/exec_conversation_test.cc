#include "sandbox/exec_conversation.h"

#include <gtest/gtest.h>

#include "sandbox/agent_limits.h"

namespace hpcc {
namespace {

agent_v1::ExecResponse Stdio(const std::string& data, bool error = false) {
  agent_v1::ExecResponse response;
  response.mutable_stdio()->set_data(data);
  response.mutable_stdio()->set_error(error);
  return response;
}

agent_v1::ExecResponse Result(const std::vector<std::pair<std::string, uint64_t>>& outputs) {
  agent_v1::ExecResponse response;
  response.mutable_result()->set_exit_status(3);
  for (const auto& [path, size] : outputs) {
    agent_v1::OutputInfo& info = *response.mutable_result()->add_outputs();
    info.set_path(path);
    info.set_size(size);
    info.set_mode(04644);
  }
  return response;
}

agent_v1::ExecResponse Output(uint32_t index, const std::string& data) {
  agent_v1::ExecResponse response;
  response.mutable_output()->set_index(index);
  response.mutable_output()->set_data(data);
  return response;
}

class ExecAnswerTest : public ::testing::Test {
 protected:
  ExecAnswerTest() {
    request_.outputs = {"/work/a.o", "/work/a.d"};
    request_.limits.stdio_bytes = 10;
  }
  // Whether an agent may say this.
  absl::StatusOr<ExecResult> Take(std::vector<agent_v1::ExecResponse> responses) {
    ExecAnswer answer(request_);
    for (agent_v1::ExecResponse& response : responses) {
      const absl::Status status = answer.Take(std::move(response));
      if (!status.ok()) return status;
    }
    return answer.Finish();
  }

  ExecRequest request_;
};

TEST_F(ExecAnswerTest, PiecesBecomeAResult) {
  const absl::StatusOr<ExecResult> result =
      Take({Stdio("ou"), Stdio("er", true), Stdio("t"),
            Result({{"/work/a.o", 4}, {"/work/a.d", 0}}), Output(0, "ab"), Output(0, "cd")});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->standard_output, "out");
  EXPECT_EQ(result->standard_error, "er");
  EXPECT_EQ(result->exit_status, 3);
  ASSERT_EQ(result->outputs.size(), 2u);
  EXPECT_EQ(result->outputs[0].data, "abcd");
  EXPECT_EQ(result->outputs[0].mode, 0644u);  // no setuid bit comes out of a sandbox
  EXPECT_EQ(result->outputs[1].data, "");
}

TEST_F(ExecAnswerTest, WhoeverWantsTheStreamsAsTheyComeGetsThem) {
  std::string heard;
  request_.stdio = [&heard](bool error, std::string_view data) {
    heard += error ? "e:" : "o:";
    heard += data;
    heard += ' ';
  };
  const absl::StatusOr<ExecResult> result =
      Take({Stdio("ou"), Stdio("er", true), Stdio("t"), Result({})});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(heard, "o:ou e:er o:t ");
  EXPECT_EQ(result->standard_output, "");
  EXPECT_EQ(result->standard_error, "");
  EXPECT_FALSE(Take({Stdio("012345"), Stdio("67890"), Result({})}).ok());  // the bound is the same
}

TEST_F(ExecAnswerTest, WhatNoAgentSaysIsRefused) {
  const agent_v1::ExecResponse one = Result({{"/work/a.o", 4}});
  EXPECT_FALSE(Take({}).ok());
  EXPECT_FALSE(Take({agent_v1::ExecResponse()}).ok());
  EXPECT_FALSE(Take({Stdio("more than ten bytes"), one}).ok());
  EXPECT_FALSE(Take({one, Output(0, "abcd"), Stdio("x")}).ok());
  EXPECT_FALSE(Take({one, one}).ok());
  EXPECT_FALSE(Take({one, Output(0, "abc")}).ok());
  EXPECT_FALSE(Take({one, Output(0, "abcde")}).ok());
  EXPECT_FALSE(Take({one, Output(1, "a")}).ok());
  EXPECT_FALSE(Take({Output(0, "a")}).ok());
  EXPECT_FALSE(Take({Result({{"/etc/passwd", 4}}), Output(0, "abcd")}).ok());
  EXPECT_FALSE(Take({Result({{"/work/a.d", 0}, {"/work/a.o", 0}})}).ok());
  EXPECT_FALSE(Take({Result({{"/work/a.o", 0}, {"/work/a.o", 0}})}).ok());
  EXPECT_FALSE(Take({Result({{"/work/a.o", kAgentOutputBytes + 1}})}).ok());
  EXPECT_FALSE(Take({Result({{"/work/a.o", kAgentOutputBytes}, {"/work/a.d", 1}})}).ok());
}

TEST(SendBlobTest, ALongBlobGoesInPiecesAndAnEmptyOneInOne) {
  for (const size_t size : {size_t{0}, size_t{1}, kAgentChunkBytes, 2 * kAgentChunkBytes + 5}) {
    const std::string data(size, 'x');
    std::string sent;
    int pieces = 0;
    bool last = false;
    EXPECT_TRUE(SendBlob(Digest::Of(data), data, [&](const agent_v1::ExecRequest& message) {
      EXPECT_FALSE(last);
      EXPECT_EQ(message.input().digest().empty(), pieces > 0);
      EXPECT_LE(message.input().data().size(), kAgentChunkBytes);
      sent += message.input().data();
      last = message.input().last();
      ++pieces;
      return true;
    }));
    EXPECT_TRUE(last);
    EXPECT_EQ(sent, data);
  }
}

TEST(SendBlobTest, WhenTheOtherEndTakesNoMoreItStops) {
  int pieces = 0;
  EXPECT_FALSE(SendBlob(Digest::Of(""), std::string(3 * kAgentChunkBytes, 'x'),
                        [&pieces](const agent_v1::ExecRequest&) { return ++pieces < 2; }));
  EXPECT_EQ(pieces, 2);
}

}  // namespace
}  // namespace hpcc
