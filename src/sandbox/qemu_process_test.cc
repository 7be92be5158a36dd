#include "sandbox/qemu_process.h"

#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/strings.h"

namespace hpcc {
namespace {

TEST(QemuProcessTest, WithoutAUserOfItsOwnItDoesNotRunAsRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "only root gives users away";
  std::vector<std::unique_ptr<IdRange>> all;
  while (std::unique_ptr<IdRange> range = IdRange::Take()) all.push_back(std::move(range));
  // What would run as whoever starts it, and at once end.
  const QemuLaunch launch{
      .program = "/bin/true", .directory = testing::TempDir(), .id = "none", .machine = {}};
  const auto refused = QemuProcess::Launch(launch, std::chrono::seconds(5));
  EXPECT_TRUE(absl::IsResourceExhausted(refused.status())) << refused.status();
  all.clear();
  const auto started = QemuProcess::Launch(launch, std::chrono::seconds(5));
  EXPECT_FALSE(absl::IsResourceExhausted(started.status())) << started.status();
}

// A kernel that QEMU boots (by its note of where to begin) and that does nothing for ever.
struct HaltingKernel {
  static constexpr uint64_t kBase = 0x10'0000;

  Elf64_Ehdr header{};
  Elf64_Phdr load{};
  Elf64_Phdr note{};
  Elf64_Nhdr note_header{.n_namesz = 4, .n_descsz = 8, .n_type = 18};  // XEN_ELFNOTE_PHYS32_ENTRY
  char name[4] = {'X', 'e', 'n', '\0'};
  uint64_t entry = kBase + offsetof(HaltingKernel, code);
  unsigned char code[8] = {0xfa, 0xf4, 0xeb, 0xfd};  // cli; hlt; back to hlt

  HaltingKernel() {
    header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
              .e_type = ET_EXEC,
              .e_machine = EM_X86_64,
              .e_version = EV_CURRENT,
              .e_entry = entry,
              .e_phoff = offsetof(HaltingKernel, load),
              .e_shoff = 0,
              .e_flags = 0,
              .e_ehsize = sizeof(Elf64_Ehdr),
              .e_phentsize = sizeof(Elf64_Phdr),
              .e_phnum = 2,
              .e_shentsize = 0,
              .e_shnum = 0,
              .e_shstrndx = 0};
    load = Segment(PT_LOAD, 0, sizeof(HaltingKernel), 4096);
    note = Segment(PT_NOTE, offsetof(HaltingKernel, note_header),
                   offsetof(HaltingKernel, code) - offsetof(HaltingKernel, note_header), 4);
  }

 private:
  static Elf64_Phdr Segment(uint32_t type, uint64_t offset, uint64_t size, uint64_t align) {
    return {.p_type = type,
            .p_flags = PF_R | PF_W | PF_X,
            .p_offset = offset,
            .p_vaddr = kBase + offset,
            .p_paddr = kBase + offset,
            .p_filesz = size,
            .p_memsz = size,
            .p_align = align};
  }
};
static_assert(offsetof(HaltingKernel, code) == 200, "no padding");

// A real QEMU, where there is one, with a guest that never says anything.
class RealQemuTest : public ::testing::Test {
 protected:
  static constexpr char kProgram[] = "/usr/bin/qemu-system-x86_64";
  static constexpr std::chrono::milliseconds kPatience{60'000};

  void SetUp() override {
    if (access(kProgram, X_OK) != 0) GTEST_SKIP() << "there is no QEMU here";
    std::filesystem::create_directory(directory_);
    kernel_ = Descriptor(memfd_create("kernel", MFD_CLOEXEC));
    const Descriptor root(memfd_create("root", MFD_CLOEXEC));
    const HaltingKernel kernel;
    ASSERT_EQ(write(kernel_.get(), &kernel, sizeof(kernel)), ssize_t{sizeof(kernel)});
    ASSERT_EQ(ftruncate(root.get(), 4096), 0);
    // QEMU takes it only as it is open: read-only.
    root_ = Descriptor(open(StrCat("/proc/self/fd/", root.get()).c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(root_.valid());
  }
  ~RealQemuTest() override { std::filesystem::remove_all(directory_); }

  QemuLaunch Machine() const {
    QemuLaunch launch{
        .program = kProgram, .directory = directory_, .id = "real-qemu-test", .machine = {}};
    launch.machine.memory_bytes = uint64_t{64} << 20;
    launch.kernel = kernel_.get();
    launch.root = root_.get();
    return launch;
  }

  const std::string directory_ = ::testing::TempDir() + StrCat("real_qemu_", getpid());
  Descriptor kernel_;
  Descriptor root_;
};

TEST_F(RealQemuTest, AMachineThatCantBeSavedGoesOnAndIsSavedWhenThereIsRoom) {
  const auto qemu = QemuProcess::Launch(Machine(), kPatience);
  ASSERT_TRUE(qemu.ok()) << qemu.status();
  const Descriptor full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  ASSERT_TRUE(full.valid());
  for (int i = 0; i < 2; ++i) {
    const absl::Status saved = (*qemu)->Save(full.get(), kPatience);
    EXPECT_TRUE(absl::IsFailedPrecondition(saved)) << saved;
    EXPECT_TRUE(StrContains(std::string(saved.message()), "No space left")) << saved;
    EXPECT_TRUE((*qemu)->process().alive());
    const absl::Status gone_on = (*qemu)->GoOn(kPatience);
    EXPECT_TRUE(gone_on.ok()) << gone_on;
  }
  const Descriptor state(memfd_create("state", MFD_CLOEXEC));
  const absl::Status saved = (*qemu)->Save(state.get(), kPatience);
  EXPECT_TRUE(saved.ok()) << saved;
  EXPECT_FALSE((*qemu)->process().alive());
  EXPECT_GT(lseek(state.get(), 0, SEEK_END), 0);
}

TEST_F(RealQemuTest, OneThatWasNotEvenToldToSaveItselfGoesOn) {
  const auto qemu = QemuProcess::Launch(Machine(), kPatience);
  ASSERT_TRUE(qemu.ok()) << qemu.status();
  EXPECT_FALSE((*qemu)->Save(-1, kPatience).ok());
  const absl::Status gone_on = (*qemu)->GoOn(kPatience);
  EXPECT_TRUE(gone_on.ok()) << gone_on;
  EXPECT_TRUE((*qemu)->process().alive());
}

// What QEMU is told of a vsock is what it takes: it gets as far as the device that is none.
TEST_F(RealQemuTest, AVsockDeviceThatIsNoneEndsItSayingSo) {
  const std::string device = directory_ + "/vhost-vsock";
  std::ofstream(device) << "no device";
  QemuLaunch launch = Machine();
  auto claim = VhostVsock(device, [](int, uint64_t) { return 0; }).Claim();
  ASSERT_TRUE(claim.ok()) << claim.status();
  launch.vsock = std::make_shared<const VsockClaim>(*std::move(claim));
  launch.machine.guest.channel = VmGuestSetup::Channel::kVsock;
  const absl::Status status = QemuProcess::Launch(launch, kPatience).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_TRUE(StrContains(std::string(status.message()), "vhost_set_owner failed")) << status;
}

}  // namespace
}  // namespace hpcc
