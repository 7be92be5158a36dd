#include "daemon/daemon_state.h"

#include "base/logging.h"
#include "base/strings.h"

namespace hpcc {

void DaemonState::NoteSecurityEvent(std::string_view what) {
  ++security_events;
  Log(LogLevel::kWarning, StrCat("security: ", what));
}

}  // namespace hpcc
