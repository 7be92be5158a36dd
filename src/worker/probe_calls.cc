#include "worker/probe_calls.h"

#include <string_view>
#include <utility>

#include "base/strings.h"
#include "worker/limits.h"

namespace hpcc {

namespace {

using worker::v1::CompileReply;

// What a probe needs may be on the disk, and a compiler may have to be asked what it is.
constexpr int kThreads = 8;
constexpr int kAwaited = 16;

}  // namespace

void FinishReply(const JobAnswer& answer, std::string_view chunk, worker::v1::CompileReply* reply) {
  worker::v1::Finished& finished = *reply->mutable_finished();
  finished.set_job(answer.job);
  finished.set_hit(answer.hit);
  finished.set_exit_status(answer.exit_status);
  finished.set_cache_key(StrCat(answer.key.bytes()));
  finished.set_isolation(answer.isolation);
  finished.set_wall_ns(answer.wall.count());
  finished.set_last_chunk(chunk.data(), chunk.size());
}

ProbeCall::ProbeCall(ProbeCalls& calls) : calls_(calls) {
  {
    const std::lock_guard lock(calls_.mutex_);
    ++calls_.calls_;
  }
  grpc::ServerCompletionQueue* queue = calls_.queue_.get();
  calls_.service_.RequestProbeCompileCache(&context_, &request_, &writer_, queue, queue, this);
}

ProbeCall::~ProbeCall() {
  const std::lock_guard lock(calls_.mutex_);
  if (--calls_.calls_ == 0) calls_.none_left_.notify_all();
}

void ProbeCall::Step(bool ok) {
  switch (state_) {
    case State::kAwaited:
      if (!ok) break;
      new ProbeCall(calls_);
      calls_.handler_(this);
      return;
    case State::kChunkLeaves:
      if (!ok) return Fail({grpc::StatusCode::CANCELLED, "the client went away"});
      watch_->Heard();
      return SendRest();
    case State::kEnds:
      break;
  }
  delete this;
}

void ProbeCall::Fail(const grpc::Status& status) {
  state_ = State::kEnds;
  writer_.Finish(status, this);
}

// Whoever asks and reads nothing holds the answer here, and not the question besides.
void ProbeCall::BeginSending() {
  request_ = worker::v1::ProbeRequest();
  if (work) work->job.command = WorkerCommand();
  watch_.emplace(
      calls_.timers_, [this] { context_.TryCancel(); }, kReplyTime, kReplySilence);
}

void ProbeCall::Send(const worker::v1::CompileReply& reply) {
  BeginSending();
  state_ = State::kEnds;
  writer_.WriteAndFinish(reply, grpc::WriteOptions(), grpc::Status::OK, this);
}

void ProbeCall::Send(const JobAnswer& answer) {
  answer_ = answer;
  BeginSending();
  SendRest();
}

void ProbeCall::SendRest() {
  const std::string_view rest = std::string_view(*answer_.bundle).substr(sent_);
  if (rest.size() <= kReplyChunkBytes) {
    CompileReply last;
    FinishReply(answer_, rest, &last);
    state_ = State::kEnds;
    return writer_.WriteAndFinish(last, grpc::WriteOptions(), grpc::Status::OK, this);
  }
  sent_ += kReplyChunkBytes;
  state_ = State::kChunkLeaves;
  // Not a member: it is serialized before this returns, and would be held twice.
  CompileReply chunk;
  chunk.set_bundle(StrCat(rest.substr(0, kReplyChunkBytes)));
  writer_.Write(chunk, this);
}

ProbeCalls::ProbeCalls(WorkerCalls& service, grpc::ServerBuilder& builder, CallTimers& timers,
                       Handler handler)
    : service_(service),
      timers_(timers),
      handler_(std::move(handler)),
      queue_(builder.AddCompletionQueue()) {}

void ProbeCalls::Start() {
  for (int i = 0; i < kAwaited; ++i) new ProbeCall(*this);
  for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { Run(); });
}

void ProbeCalls::Run() {
  void* call = nullptr;
  for (bool ok = false; queue_->Next(&call, &ok);) static_cast<ProbeCall*>(call)->Step(ok);
}

ProbeCalls::~ProbeCalls() {
  {
    std::unique_lock lock(mutex_);
    none_left_.wait(lock, [this] { return calls_ == 0; });
  }
  queue_->Shutdown();
  if (threads_.empty()) Run();
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace hpcc
