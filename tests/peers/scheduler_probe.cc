// Presents a token to a scheduler as a tenant. Driven by tests/peers/glewlwyd_test.py:
//
//   scheduler_probe ADDRESS CERTIFICATE_FILE TENANT      the token is its input
//
// Prints "accepted" or the refusal, and ends with 0 or 1.

#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include "hpcc/scheduler/v1/scheduler.grpc.pb.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  std::ifstream file(argv[2]);
  std::stringstream certificate;
  certificate << file.rdbuf();
  const auto stub = hpcc::scheduler::v1::Scheduler::NewStub(
      grpc::CreateChannel(argv[1], grpc::SslCredentials({.pem_root_certs = certificate.str()})));
  hpcc::scheduler::v1::AuthenticateRequest request;
  request.set_tenant(argv[3]);
  std::getline(std::cin, *request.mutable_token());
  hpcc::scheduler::v1::AuthenticateResponse response;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  const grpc::Status status = stub->Authenticate(&context, request, &response);
  printf("%s\n", status.ok() ? "accepted" : status.error_message().c_str());
  return status.ok() ? 0 : 1;
}
