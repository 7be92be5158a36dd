#include "worker/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker/tenant.h"
#include "worker/worker_test_support.h"

namespace hpcc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ReplayTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(worker_.UploadAll("acme", unit_).ok());
    ASSERT_TRUE(worker_.Compile("acme", unit_).finished.has_value());
    row_ = worker_.Rows().back();
    folder_ = TenantFolderIn(worker_.server().config().state_directory, "acme");
  }

  ReplayReport Replay() {
    ReplayParts parts;
    parts.state_directory = worker_.server().config().state_directory;
    parts.runtime = &runtime_;
    parts.image = &image_;
    parts.fs = &FileSystem::Real();
    parts.sandbox.id = "replay-1";
    absl::StatusOr<ReplayReport> report = ReplayJob(row_, parts);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.value_or(ReplayReport());
  }
  void ExpectNotReproducible(std::string_view why) {
    const ReplayReport report = Replay();
    EXPECT_EQ(report.verdict, ReplayVerdict::kNotReproducible);
    EXPECT_THAT(report.findings, testing::Contains(HasSubstr(std::string(why))));
    EXPECT_THAT(report.outputs, IsEmpty());
  }
  std::string BlobPath(const Digest& digest) const {
    return StrCat(folder_, "/blobs/", digest.ToHex().substr(0, 2), "/", digest.ToHex());
  }

  TestWorker worker_;
  TestUnit unit_{worker_.unit_root()};
  AuditRow row_;
  std::string folder_;
  // Not the worker's own: a replay is another process.
  NoSandboxRuntime runtime_{std::string(path::Dirname(worker_.unit_root()))};
  HostToolchains image_{TestImage(), FileSystem::Real(), Clock::Real()};
};

TEST_F(ReplayTest, TheSameSourcesGiveTheSameOutputs) {
  const ReplayReport report = Replay();
  EXPECT_EQ(report.verdict, ReplayVerdict::kEqual);
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_EQ(report.outputs, row_.output_digests);
  // It leaves no trace in the log.
  EXPECT_EQ(worker_.Rows().size(), 1U);
}

TEST_F(ReplayTest, AHitIsReplayedLikeTheCompileItCameFrom) {
  ASSERT_TRUE(worker_.Probe("acme", unit_).finished.has_value());
  row_ = worker_.Rows().back();
  ASSERT_TRUE(row_.hit);
  EXPECT_EQ(Replay().verdict, ReplayVerdict::kEqual);
}

TEST_F(ReplayTest, AFailedCompileFailsAgain) {
  TestUnit wrong(worker_.unit_root());
  wrong.Add("unit.c", "int f(void) { return nowhere; }\n");
  ASSERT_TRUE(worker_.UploadAll("acme", wrong).ok());
  ASSERT_TRUE(worker_.Compile("acme", wrong).finished.has_value());
  row_ = worker_.Rows().back();
  ASSERT_EQ(row_.exit_status, 1);
  EXPECT_EQ(Replay().verdict, ReplayVerdict::kEqual);
  row_.exit_status = 0;
  const ReplayReport report = Replay();
  EXPECT_EQ(report.verdict, ReplayVerdict::kDiffers);
  EXPECT_THAT(report.findings, ElementsAre("exit status: 1, not 0"));
}

TEST_F(ReplayTest, AnotherOutputIsNamedWithBothDigests) {
  const std::string now = row_.output_digests[0].digest.ToHex();
  row_.output_digests[0].digest = Digest::Of("another object");
  row_.output_digests.push_back({"coverage-notes", Digest::Of("notes")});
  const ReplayReport report = Replay();
  EXPECT_EQ(report.verdict, ReplayVerdict::kDiffers);
  EXPECT_THAT(report.findings,
              ElementsAre(StrCat("object: ", now, ", not ", Digest::Of("another object").ToHex()),
                          "coverage-notes was not made"));
}

TEST_F(ReplayTest, ASourceThatIsGoneIsNamed) {
  const Digest digest = Digest::Of(unit_.blobs[1]);
  std::filesystem::remove(BlobPath(digest));
  ExpectNotReproducible(StrCat(unit_.root, "/unit.h is no longer kept: ", digest.ToHex()));
}

TEST_F(ReplayTest, AnAlteredSourceIsNamedAndLeftWhereItIs) {
  const std::string path = BlobPath(Digest::Of(unit_.blobs[1]));
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Real(), path, "#define VALUE 43\n").ok());
  ExpectNotReproducible("unit.h: ");
  EXPECT_TRUE(FileExists(FileSystem::Real(), path));
}

TEST_F(ReplayTest, WithoutTheManifestThereIsNothingToReplay) {
  std::filesystem::remove_all(folder_ + "/manifests");
  ExpectNotReproducible("its manifest is no longer kept");
}

TEST_F(ReplayTest, AnotherCompilerIsNamed) {
  row_.cache_key = Digest::Of("the key that another compiler's identity makes");
  ExpectNotReproducible("/usr/bin/gcc is another compiler than the job's");
}

TEST_F(ReplayTest, AnotherImageAndAnotherSandboxAreNamed) {
  row_.image_digest = "sha256:1234";
  ExpectNotReproducible("its image is not here: sha256:1234");
  row_.isolation = "qemu-kvm";
  ExpectNotReproducible("it ran in a sandbox of the kind qemu-kvm");
}

TEST_F(ReplayTest, AnotherTenantsSourcesAreNotRead) {
  row_.tenant = "other";
  ExpectNotReproducible("its manifest is no longer kept");
}

TEST_F(ReplayTest, FindingsAreCountedBeyondTheirBound) {
  TestUnit many(worker_.unit_root());
  for (int i = 0; i < 30; ++i) many.Add(StrCat("header", i, ".h"), StrCat("#define H", i, "\n"));
  ASSERT_TRUE(worker_.UploadAll("acme", many).ok());
  ASSERT_TRUE(worker_.Compile("acme", many).finished.has_value());
  row_ = worker_.Rows().back();
  std::filesystem::remove_all(folder_ + "/blobs");
  const ReplayReport report = Replay();
  EXPECT_EQ(report.findings.size(), kMaxReplayFindings + 1);
  EXPECT_EQ(report.findings.back(), "and 12 more");
}

// What arrives at a live worker stays where it is.
TEST_F(ReplayTest, AnArrivingUploadIsLeftAlone) {
  const std::string arriving = folder_ + "/blobs/tmp/1";
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Real(), arriving, "half").ok());
  EXPECT_EQ(Replay().verdict, ReplayVerdict::kEqual);
  EXPECT_TRUE(FileExists(FileSystem::Real(), arriving));
}

}  // namespace
}  // namespace hpcc
