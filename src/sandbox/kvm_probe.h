#ifndef HPCC_SANDBOX_KVM_PROBE_H_
#define HPCC_SANDBOX_KVM_PROBE_H_

// Whether this machine's KVM really runs a virtual processor. The device being there says little:
// inside another virtual machine it may be, and fail at the first instruction. So a VM of one page
// and one processor is made, and the processor runs two instructions (Linux:
// Documentation/virt/kvm/api).
//
// Even so a whole guest may fail where two instructions don't: what counts in the end is that a
// sandbox's agent answers.

#include <chrono>
#include <cstdint>
#include <string>

namespace hpcc {

struct KvmProbe {
  // How far it came, in order.
  enum class Stage : uint8_t {
    kOpen,       // the device can't be opened
    kVersion,    // it isn't KVM's, or not of its one stable version
    kMachine,    // no VM can be made
    kMemory,     // it gets no memory
    kProcessor,  // it gets no processor
    kRun,        // the processor doesn't run, or not as it should
    kWorks,
  };
  Stage stage = Stage::kOpen;
  int error = 0;           // an errno value; 0: nothing failed, but the result was wrong
  bool timed_out = false;  // at this stage

  bool works() const { return stage == Stage::kWorks; }
  // "KVM works", or what doesn't and what to do about it.
  std::string ToText() const;
};

// Takes some milliseconds; `bound` at the most, whatever KVM does: it is tried in a process of its
// own. Thread-safe.
KvmProbe ProbeKvm(const std::string& device = "/dev/kvm",
                  std::chrono::milliseconds bound = std::chrono::milliseconds(3'000));

}  // namespace hpcc

#endif  // HPCC_SANDBOX_KVM_PROBE_H_
