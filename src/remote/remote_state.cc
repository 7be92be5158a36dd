#include "remote/remote_state.h"

#include "base/logging.h"
#include "base/strings.h"

namespace hpcc {

void RemoteState::NoteSecurityEvent(std::string_view name, std::string_view what) {
  ++security_events;
  Log(LogLevel::kWarning, StrCat("security: ", name, ": ", what));
}

}  // namespace hpcc
