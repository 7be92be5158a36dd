#ifndef HPCC_REMOTE_REMOTE_COMPILES_H_
#define HPCC_REMOTE_REMOTE_COMPILES_H_

// What hpcc-remote needs of whoever can have something compiled by a worker. The room that can
// (src/dispatch) stands above this one; its program puts the two together.

#include <functional>
#include <string>

#include "remote/fallback_cause.h"
#include "remote/remote_protocol.h"

namespace hpcc {

// Thread-safe.
class RemoteCompiles {
 public:
  virtual ~RemoteCompiles() = default;

  struct Answer {
    // kNone: compiled, and the rest is set. Else `message` says more, without secrets.
    FallbackCause cause = FallbackCause::kNone;
    std::string message;
    remote_v1::Compiled compiled;  // without its size
    std::string bundle;
  };

  // `go_on` is called every quarter of a second or so, from the calling thread, while there is
  // something to wait for; false: nobody wants the result any more. May change the working
  // directory of the calling thread, which is the thread's own from then on.
  virtual Answer Compile(const remote_v1::Compile& request, const std::function<bool()>& go_on) = 0;
};

}  // namespace hpcc

#endif  // HPCC_REMOTE_REMOTE_COMPILES_H_
