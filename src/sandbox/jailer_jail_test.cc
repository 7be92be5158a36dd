#include "sandbox/jailer_jail.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/process_state.h"
#include "base/strings.h"
#include "sandbox/jailer_cleanup.h"

namespace hpcc {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class JailTest : public ::testing::Test {
 protected:
  JailTest() {
    std::string name = (fs::path(::testing::TempDir()) / "jail-XXXXXX").string();
    place_ = mkdtemp(name.data());
    settings_ = {.jailer = "/usr/bin/jailer",
                 .firecracker = "/usr/bin/firecracker",
                 .base = (place_ / "jails").string()};
  }
  ~JailTest() override { fs::remove_all(place_); }

  std::unique_ptr<Jail> MakeJail() {
    absl::StatusOr<std::unique_ptr<Jail>> jail = Jail::Make(settings_, geteuid());
    EXPECT_TRUE(jail.ok()) << jail.status();
    return *std::move(jail);
  }
  std::string Write(const fs::path& file, const std::string& text, mode_t mode = 0644) {
    std::ofstream(file) << text;
    chmod(file.c_str(), mode);
    return file.string();
  }
  static std::string Read(const fs::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  size_t JailsThere() const {
    const fs::path jails = fs::path(settings_.base) / "firecracker";
    return static_cast<size_t>(std::distance(fs::directory_iterator(jails), {}));
  }

  // A worker that makes a jail and is killed, and a VMM of it that goes on. The value is the VMM's
  // process.
  pid_t CrashWorker(bool with_vmm) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    const pid_t worker = fork();
    if (worker == 0) {
      const std::unique_ptr<Jail> jail = *Jail::Make(settings_, geteuid());
      const std::string socket = jail->root() + "/api.sock";
      const pid_t vmm = with_vmm ? fork() : 0;
      if (with_vmm && vmm == 0) {
        // What exec would have closed: the marker's lock above all.
        const int told = dup2(ends[1], 3);
        close_range(4, ~0U, 0);
        const Listener listener = *Listener::OnUnixSocket(socket);
        const pid_t self = getpid();
        if (write(told, &self, sizeof(self)) < 0) _exit(1);
        pause();
      }
      if (!with_vmm && write(ends[1], &vmm, sizeof(vmm)) < 0) _exit(1);
      pause();
    }
    pid_t vmm = 0;
    EXPECT_EQ(read(ends[0], &vmm, sizeof(vmm)), static_cast<ssize_t>(sizeof(vmm)));
    close(ends[0]);
    close(ends[1]);
    kill(worker, SIGKILL);
    waitpid(worker, nullptr, 0);
    return vmm;
  }

  fs::path place_;
  JailerSettings settings_;
};

TEST_F(JailTest, ItIsMadeWithAnIdOfItsOwnAndGoesWithItsOwner) {
  std::unique_ptr<Jail> one = MakeJail();
  const std::unique_ptr<Jail> other = MakeJail();
  EXPECT_NE(one->id(), other->id());
  EXPECT_TRUE(IsJailId(one->id()));
  EXPECT_EQ(one->root(), settings_.base + "/firecracker/" + one->id() + "/root");
  EXPECT_EQ(Read(fs::path(one->root()).parent_path() / "hpcc-jail"),
            StrCat("hpcc-jail 1\nuser ", geteuid(), "\n"));
  EXPECT_EQ(JailsThere(), 2u);
  one.reset();
  EXPECT_EQ(JailsThere(), 1u);
}

TEST_F(JailTest, AFileIsProvidedAsALinkToIt) {
  const std::unique_ptr<Jail> jail = MakeJail();
  const std::string kernel = Write(place_ / "vmlinux", "kernel");
  ASSERT_TRUE(jail->Provide(kernel, "kernel").ok());
  EXPECT_TRUE(fs::equivalent(kernel, jail->root() + "/kernel"));
}

TEST_F(JailTest, AFileOfAnotherFileSystemIsMountedForReadingAndItsMountGoesAlong) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can mount";
  const std::string source = Write(fs::path("/dev/shm") / place_.filename(), "root image");
  // The kernel knows mounts by their real paths only.
  fs::create_directory(place_ / "real");
  fs::create_directory_symlink(place_ / "real", place_ / "link");
  settings_.base = (place_ / "link" / "jails").string();
  std::unique_ptr<Jail> jail = MakeJail();
  const absl::Status provided = jail->Provide(source, "root.img");
  ASSERT_TRUE(provided.ok()) << provided;
  const std::string inside = jail->root() + "/root.img";
  EXPECT_EQ(Read(inside), "root image");
  if (!fs::equivalent(place_, "/dev/shm")) {
    EXPECT_LT(open(inside.c_str(), O_WRONLY), 0);
    EXPECT_EQ(errno, EROFS);
  }
  jail.reset();
  EXPECT_EQ(JailsThere(), 0u);
  EXPECT_EQ(Read(source), "root image");
  fs::remove(source);
}

TEST_F(JailTest, WhatTheVmmCouldNotReadOrCouldChangeIsNotProvided) {
  if (geteuid() != 0) GTEST_SKIP() << "a jail's user is another one only for root";
  absl::StatusOr<std::unique_ptr<Jail>> jail = Jail::Make(settings_, 0x5000'0000);
  ASSERT_TRUE(jail.ok()) << jail.status();
  const std::string secret = Write(place_ / "secret", "x", 0600);
  EXPECT_TRUE(absl::IsFailedPrecondition((*jail)->Provide(secret, "a")));
  const std::string open = Write(place_ / "open", "x", 0666);
  EXPECT_TRUE(absl::IsFailedPrecondition((*jail)->Provide(open, "b")));
  EXPECT_TRUE(absl::IsFailedPrecondition((*jail)->Provide("/dev/null", "c")));
  EXPECT_TRUE(absl::IsNotFound((*jail)->Provide("/no/such/file", "d")));
}

TEST_F(JailTest, ASocketIsReachedHoweverLongThePathIs) {
  settings_.base += "/" + std::string(100, 'a') + "/" + std::string(100, 'b');
  const std::unique_ptr<Jail> jail = MakeJail();
  EXPECT_TRUE(absl::IsNotFound(jail->Socket("v.sock").status()));
  const auto listener = Listener::OnUnixSocket(jail->root() + "/v.sock");
  ASSERT_TRUE(listener.ok()) << listener.status();
  const absl::StatusOr<JailSocket> socket = jail->Socket("v.sock");
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_LT(socket->path().size(), 100u);
  const absl::StatusOr<Connection> connection = socket->Connect(geteuid());
  EXPECT_TRUE(connection.ok()) << connection.status();
}

TEST_F(JailTest, ASocketOfAnotherUserIsNotTalkedTo) {
  const std::unique_ptr<Jail> jail = MakeJail();
  const auto listener = Listener::OnUnixSocket(jail->root() + "/v.sock");
  ASSERT_TRUE(listener.ok());
  EXPECT_TRUE(absl::IsPermissionDenied(jail->Socket("v.sock")->Connect(geteuid() + 1).status()));
}

TEST_F(JailTest, AVmmCanPutNothingInASocketsPlace) {
  const std::unique_ptr<Jail> jail = MakeJail();
  const auto outside = Listener::OnUnixSocket((place_ / "outside.sock").string());
  ASSERT_TRUE(outside.ok());
  fs::create_symlink(place_ / "outside.sock", jail->root() + "/v.sock");
  EXPECT_TRUE(absl::IsFailedPrecondition(jail->Socket("v.sock").status()));
  Write(jail->root() + "/api.sock", "no socket");
  EXPECT_TRUE(absl::IsFailedPrecondition(jail->Socket("api.sock").status()));
}

TEST_F(JailTest, AFileMovesFromOneToTheNext) {
  std::unique_ptr<Jail> old = MakeJail();
  Write(old->root() + "/memory.1", "pages");
  const std::unique_ptr<Jail> next = MakeJail();
  ASSERT_TRUE(next->Adopt(*old, "memory.1").ok());
  EXPECT_TRUE(absl::IsNotFound(next->Adopt(*old, "memory.1")));
  old.reset();
  EXPECT_EQ(Read(next->root() + "/memory.1"), "pages");
}

TEST_F(JailTest, WhatACrashedWorkerLeftIsRemovedWithItsProcesses) {
  const pid_t vmm = CrashWorker(/*with_vmm=*/true);
  ASSERT_GT(vmm, 0);
  EXPECT_FALSE(IsStoppedOrGone(vmm));
  const absl::StatusOr<size_t> removed = RemoveLeftJails(settings_);
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(*removed, 1u);
  EXPECT_EQ(JailsThere(), 0u);
  EXPECT_TRUE(IsStoppedOrGone(vmm));
}

TEST_F(JailTest, LivingWorkersJailsAndOtherPeoplesDirectoriesAreLeftAlone) {
  const std::unique_ptr<Jail> living = MakeJail();
  const fs::path jails = fs::path(settings_.base) / "firecracker";
  fs::create_directories(jails / "somebodys-vm" / "root");
  fs::create_directories(jails / "forged" / "root");
  Write(jails / "forged" / "hpcc-jail", "hpcc-jail 1\nuser x\n");
  fs::create_directories(jails / "half" / "root");
  Write(jails / "half" / "hpcc-jail.new", "hpcc-jail 1\nuser 1\n");
  CrashWorker(/*with_vmm=*/false);
  EXPECT_EQ(*RemoveLeftJails(settings_), 1u);
  EXPECT_EQ(JailsThere(), 4u);
  EXPECT_TRUE(fs::exists(living->root()));
}

TEST_F(JailTest, AFileThatIsSealedBelongsToTheWorkerAndNobodyWritesToIt) {
  const uint32_t user = geteuid() == 0 ? 12'345 : geteuid();
  const std::unique_ptr<Jail> used = *Jail::Make(settings_, user);
  const std::unique_ptr<Jail> kept = MakeJail();
  const std::string file = Write(fs::path(used->root()) / "memory", "a guest's", 0666);
  ASSERT_EQ(chown(file.c_str(), user, user), 0);
  ASSERT_TRUE(kept->Seal(*used, "memory").ok());
  struct stat facts;
  ASSERT_EQ(stat((kept->root() + "/memory").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_uid, geteuid());
  EXPECT_EQ(facts.st_mode & 07777, 0444u);
  EXPECT_FALSE(fs::exists(file));
}

TEST_F(JailTest, WhatIsNotOneFileOfTheVmmsIsNotSealed) {
  const std::unique_ptr<Jail> used = MakeJail();
  const std::unique_ptr<Jail> kept = MakeJail();
  const fs::path root = used->root();
  const std::string secret = Write(place_ / "secret", "a host's", 0600);
  fs::create_symlink(secret, root / "link");
  fs::create_hard_link(secret, root / "other");
  fs::create_directory(root / "directory");
  ASSERT_EQ(mkfifo((root / "fifo").c_str(), 0600), 0);
  for (const char* name : {"link", "other", "directory", "fifo", "nothing"}) {
    EXPECT_FALSE(kept->Seal(*used, name).ok()) << name;
  }
  struct stat facts;
  ASSERT_EQ(stat(secret.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 07777, 0600u);
  if (geteuid() != 0) return;
  const std::string foreign = Write(root / "foreign", "x");
  ASSERT_EQ(chown(foreign.c_str(), 12'345, 12'345), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(kept->Seal(*used, "foreign")));
}

TEST_F(JailTest, WithoutAnyJailNothingIsLeft) {
  EXPECT_EQ(*RemoveLeftJails(settings_), 0u);
}

TEST_F(JailTest, ABaseThatOthersCanWriteToIsRefused) {
  fs::create_directory(settings_.base);
  chmod(settings_.base.c_str(), 0777);
  EXPECT_TRUE(absl::IsFailedPrecondition(Jail::Make(settings_, geteuid()).status()));
}

TEST(JailerCleanupTest, MountPointsAreFoundWhateverTheirNamesHold) {
  constexpr std::string_view kInfo =
      "22 1 0:21 / / rw - ext4 /dev/vda rw\n"
      "30 22 0:5 / /srv/a\\040b rw shared:1 - tmpfs tmpfs rw\n"
      "31 22 0:5 /x /srv/a\\040b/root/root.img ro - ext4 /dev/vda rw\n"
      "32 22 0:5 / /srv/a rw - tmpfs tmpfs rw\n"
      "short line\n";
  EXPECT_THAT(MountPointsBelow(kInfo, "/srv/a b"),
              ElementsAre("/srv/a b/root/root.img", "/srv/a b"));
  EXPECT_THAT(MountPointsBelow(kInfo, "/srv/a"), ElementsAre("/srv/a"));
  EXPECT_THAT(MountPointsBelow("", "/"), ElementsAre());
}

TEST(JailerCleanupTest, OnlyAProcessOfTheRightUserIsKilled) {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  EXPECT_EQ(UserOfProcess(child), geteuid());
  EXPECT_TRUE(KillProcessOf(child, geteuid() + 1).ok());
  EXPECT_FALSE(IsStoppedOrGone(child));
  EXPECT_TRUE(KillProcessOf(child, geteuid()).ok());
  EXPECT_TRUE(IsStoppedOrGone(child));
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(KillProcessOf(child, geteuid()).ok());
}

}  // namespace
}  // namespace hpcc
