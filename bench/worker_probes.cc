// How many probes a worker answers in a second of one core's time: over TLS on loopback, with a
// checked token, from several clients at once. Prints a JSON object.
//
//   cmake --build --preset release --target hpcc_bench_worker_probes
//   build/release/bench/hpcc_bench_worker_probes [CLIENTS]
//
// Claim: at least 5,000 in a second of one core. A hit also writes an audit row to the disk; rows
// of clients that ask at once share a sync, so hits cost less the more clients there are (default:
// 4).
//
// The worker runs in this process and its clients in another, so that the worker's processor time
// is what getrusage() says of this one. No sandbox takes part: a probe starts no compile.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "worker/worker_test_support.h"

namespace hpcc {
namespace {

int kClients = 4;
constexpr std::chrono::seconds kTime{3};

double ProcessorSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return t.tv_sec + t.tv_usec / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void WriteAll(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written <= 0) _exit(1);
    text.remove_prefix(static_cast<size_t>(written));
  }
}

// A line; "" at the end.
std::string ReadLine(int descriptor) {
  std::string line;
  for (char c = 0; read(descriptor, &c, 1) == 1 && c != '\n';) line.push_back(c);
  return line;
}

std::string Hex(std::string_view bytes) {
  std::string text;
  constexpr char kDigits[] = "0123456789abcdef";
  for (const unsigned char c : bytes) {
    text.push_back(kDigits[c >> 4]);
    text.push_back(kDigits[c & 15]);
  }
  return text;
}

std::string Unhex(std::string_view hex) {
  std::string bytes;
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(value(hex[i]) * 16 + value(hex[i + 1])));
  }
  return bytes;
}

struct Target {
  std::string address, certificate, token;
  worker::v1::ProbeRequest request;
};

// Asks until the time is over; the value is how many answers came.
uint64_t Ask(const Target& target) {
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs = target.certificate;
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride("localhost");
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto stub = worker::v1::Worker::NewStub(
      grpc::CreateCustomChannel(target.address, grpc::SslCredentials(ssl), arguments));
  uint64_t answers = 0;
  const auto end = std::chrono::steady_clock::now() + kTime;
  while (std::chrono::steady_clock::now() < end) {
    const auto context = TestWorker::CallWith(target.token);
    const auto reader = stub->ProbeCompileCache(context.get(), target.request);
    worker::v1::CompileReply reply;
    while (reader->Read(&reply)) continue;
    if (!reader->Finish().ok()) std::abort();
    ++answers;
  }
  return answers;
}

// The clients' process: for each target it is told, answers with the number of probes.
void RunClients(int from_worker, int to_worker) {
  while (true) {
    Target target;
    target.address = ReadLine(from_worker);
    if (target.address.empty()) _exit(0);
    target.certificate = Unhex(ReadLine(from_worker));
    target.token = ReadLine(from_worker);
    if (!target.request.ParseFromString(Unhex(ReadLine(from_worker)))) _exit(1);
    std::atomic<uint64_t> answers{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < kClients; ++i) clients.emplace_back([&] { answers += Ask(target); });
    for (std::thread& client : clients) client.join();
    WriteAll(to_worker, StrCat(answers.load(), "\n"));
  }
}

void Measure(const char* what, const TestWorker& worker, const TestUnit& unit, int to_clients,
             int from_clients) {
  worker::v1::ProbeRequest request;
  *request.mutable_command() = CommandOf(unit);
  request.set_manifest_digest(StrCat(unit.ManifestName().bytes()));
  const double before = ProcessorSeconds();
  WriteAll(to_clients, StrCat(worker.address(), "\n", Hex(worker.certificate_pem()), "\n",
                              worker.Token("acme"), "\n", Hex(request.SerializeAsString()), "\n"));
  const double probes = std::stod(ReadLine(from_clients));
  const double seconds = ProcessorSeconds() - before;
  printf("\"%s\": {\"probes\": %.0f, \"per_second\": %.0f, \"per_core_second\": %.0f}", what,
         probes, probes / static_cast<double>(kTime.count()), probes / seconds);
}

int Run() {
  int to_clients[2];
  int to_worker[2];
  if (pipe(to_clients) != 0 || pipe(to_worker) != 0) return 1;
  // Before gRPC has a thread in this process.
  if (fork() == 0) {
    close(to_clients[1]);
    RunClients(to_clients[0], to_worker[1]);
  }
  close(to_clients[0]);
  const TestWorker worker;
  TestUnit unit(worker.unit_root());
  printf("{");
  Measure("miss", worker, unit, to_clients[1], to_worker[0]);
  if (!worker.UploadAll("acme", unit).ok() || !worker.Compile("acme", unit).finished) return 1;
  printf(", ");
  Measure("hit", worker, unit, to_clients[1], to_worker[0]);
  printf("}\n");
  close(to_clients[1]);
  int status = 0;
  wait(&status);
  return status;
}

}  // namespace
}  // namespace hpcc

int main(int argc, char** argv) {
  if (argc > 1) hpcc::kClients = std::stoi(argv[1]);
  return hpcc::Run();
}
