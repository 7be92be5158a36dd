#ifndef HPCC_ADMIN_AUTH_COMMANDS_H_
#define HPCC_ADMIN_AUTH_COMMANDS_H_

// The commands of hpcc-auth, which `hpcc auth` hands over to: a user's tokens for remote compiles.
// The tokens lie where hpcc-remote looks for them (dispatch/sign_in.h).

#include "cli/command.h"

namespace hpcc {

extern const Command kAuthLoginCommand;
extern const Command kAuthStatusCommand;
extern const Command kAuthLogoutCommand;

// The whole program: the value is its exit status.
int RunAuth(int argc, char** argv);

}  // namespace hpcc

#endif  // HPCC_ADMIN_AUTH_COMMANDS_H_
