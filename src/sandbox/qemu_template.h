#ifndef HPCC_SANDBOX_QEMU_TEMPLATE_H_
#define HPCC_SANDBOX_QEMU_TEMPLATE_H_

// Machines that have been booted once and saved, to be copied: a sandbox that begins as a clone is
// there in a tenth of the time. A template has run nothing but the kernel and the agent, and has
// spoken to nobody's compile.
//
// Its memory and its state are files in memory, sealed: a clone maps them for itself (copy on
// write), and whatever becomes of a clone, its QEMU can't write to them.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"
#include "sandbox/qemu_host.h"
#include "sandbox/vm_made_once.h"

namespace hpcc {

struct QemuTemplate {
  Descriptor memory;
  Descriptor state;
};

// At most kMostTemplates are kept, the least recently used goes. Thread-safe.
class QemuTemplates {
 public:
  static constexpr size_t kMostTemplates = 8;

  // The template for sandboxes like `spec` on the root that is open as `root`; made when there is
  // none. Several that want the same one wait for one boot, each within its bound.
  absl::StatusOr<std::shared_ptr<const QemuTemplate>> Get(const QemuHost& host,
                                                          const SandboxSpec& spec, int root,
                                                          std::chrono::milliseconds bound);

 private:
  MadeOnce<QemuTemplate> made_{kMostTemplates};
  std::atomic<uint64_t> last_id_{0};
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_QEMU_TEMPLATE_H_
