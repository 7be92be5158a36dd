#ifndef HPCC_DISPATCH_DISPATCHER_TEST_SUPPORT_H_
#define HPCC_DISPATCH_DISPATCHER_TEST_SUPPORT_H_

// A dispatcher with a scheduler, a worker, and a project to compile. Used by tests only.

#include <filesystem>
#include <fstream>
#include <string>

#include "compiler/toolchain.h"
#include "dispatch/dispatch_test_support.h"
#include "dispatch/dispatcher.h"
#include "remote/compile_client.h"
#include "remote/notice_file.h"

namespace hpcc {

inline bool Forever() {
  return true;
}

class DispatcherTest : public testing::Test {
 protected:
  DispatcherTest() : dispatcher_(FileSystem::Real(), Clock::Real()) {
    std::string pattern = testing::TempDir() + "/hpcc-dispatch-XXXXXX";
    root_ = std::filesystem::canonical(mkdtemp(pattern.data())).string();
    std::ofstream(root_ + "/ca.pem") << scheduler_.server().certificate().certificate_pem;
    Write("project/a.c", "#include \"a.h\"\nint a;\n");
    Write("project/a.h", std::string(10'000, '\n'));
    scheduler_.SetRoutes({worker_.Route("one")});
    SignedIn("session");
  }
  ~DispatcherTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& name, const std::string& text) {
    const std::filesystem::path path(root_ + "/" + name);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

  RemoteSettings Settings() {
    return {
        .scheduler = scheduler_.server().address(), .ca_file = root_ + "/ca.pem", .tenant = "acme"};
  }
  void SignedIn(const std::string& session) {
    StoredTokens tokens;
    tokens.tenant = "acme";
    tokens.access_token = "a.b.c";
    tokens.expires_s = Clock::Real().NowNanoseconds() / 1'000'000'000 + 3600;
    tokens.session = session;
    tokens.session_expires_s = tokens.expires_s;
    const std::string file = TokenFilePath(root_ + "/local", Settings());
    ASSERT_TRUE(MakeDirectories(FileSystem::Real(), root_ + "/local").ok());
    ASSERT_TRUE(WriteTokenFile(FileSystem::Real(), file, tokens).ok());
  }

  remote_v1::Compile Request(const std::string& project = "project", bool marked = false) {
    remote_v1::Compile request;
    request.mutable_destination()->set_scheduler(Settings().scheduler);
    request.mutable_destination()->set_ca_file(Settings().ca_file);
    request.mutable_destination()->set_tenant("acme");
    request.mutable_destination()->set_image("host");
    request.set_local_directory(root_ + "/local");
    request.set_compiler("/usr/bin/gcc");
    request.set_compiler_name("gcc");
    const std::string directory = root_ + "/" + project;
    for (const std::string& word :
         {std::string("-c"), directory + "/a.c", std::string("-o"), std::string("../elsewhere/a.o"),
          std::string("-MD"), std::string("-O2")}) {
      request.add_arguments(word);
    }
    request.add_environment("LANG=C");
    request.add_environment("PATH=/usr/bin");
    request.set_working_directory(directory);
    ToolchainFacts facts;
    facts.family = CompilerFamily::kGcc;
    facts.identity = Digest::Of("gcc");
    request.set_toolchain(EncodeToolchainFacts(facts));
    if (marked) request.set_project_root(directory);
    return request;
  }
  RemoteCompiles::Answer Compile() { return dispatcher_.Compile(Request(), Forever); }
  std::string Notice() {
    return ReadNotice(FileSystem::Real(), CompileNoticeFile(root_ + "/local")).text;
  }

  std::string root_;
  FakeWorker worker_;
  FakeScheduler scheduler_;
  Dispatcher dispatcher_;
};

}  // namespace hpcc

#endif  // HPCC_DISPATCH_DISPATCHER_TEST_SUPPORT_H_
