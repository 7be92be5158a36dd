#ifndef HPCC_AGENT_UNPRIVILEGED_H_
#define HPCC_AGENT_UNPRIVILEGED_H_

// The last steps of a process before it becomes a sandboxed command: it gives up all it could do
// beyond computing.

#include "agent/exec_plan.h"
#include "agent/exec_world.h"
#include "agent/system_call_filter.h"

namespace hpcc {

// Resource limits, a lower priority, and first in line when memory runs out.
FailedStep LimitResources(const ExecPlan& plan);

// Groups, ids, every capability, and any way to get one back. Then the filter: the next execve is
// the command's.
FailedStep DropPrivileges(const ExecPlan& plan, const SystemCallFilter& filter);

}  // namespace hpcc

#endif  // HPCC_AGENT_UNPRIVILEGED_H_
