#ifndef HPCC_AGENT_GUEST_IMAGE_H_
#define HPCC_AGENT_GUEST_IMAGE_H_

// What of a virtual machine's root file system is the image to a command.

#include <string>

#include "absl/status/statusor.h"
#include "sandbox/image_layout.h"

namespace hpcc {

// The parts of the tree at `root` ("" in a guest), as a command sees them. Not among them:
//  - what is the sandbox's own: /dev, /proc, /sys, /run, /tmp, /.hpcc
//  - where people keep their sources, which an image has nothing to say about: /home, /root, /mnt,
//    /media, /srv, /var, /boot, /usr/src; and directories with nothing in them
// FailedPrecondition: nothing is left, or more than kMaxImageParts.
absl::StatusOr<ImageLayout> GuestImage(const std::string& root);

}  // namespace hpcc

#endif  // HPCC_AGENT_GUEST_IMAGE_H_
