#ifndef HPCC_AGENT_UNPRIVILEGED_H_
#define HPCC_AGENT_UNPRIVILEGED_H_

// The last steps of a process before it becomes a sandboxed command: it gives up all it could do
// beyond computing.

#include <string>

#include "agent/exec_plan.h"
#include "agent/exec_world.h"
#include "agent/system_call_filter.h"

namespace hpcc {

// What needs no plan: the limits that are the same for all, a lower priority, and first in line
// when memory runs out.
FailedStep LimitAhead();

// The plan's resource limits.
FailedStep LimitResources(const ExecOwner& owner, const ExecBounds& bounds);

// Groups, ids, every capability, and any way to get one back. Then the filter: the next execve is
// the command's.
FailedStep DropPrivileges(const ExecOwner& owner, const std::string& working_directory,
                          const SystemCallFilter& filter);

}  // namespace hpcc

#endif  // HPCC_AGENT_UNPRIVILEGED_H_
