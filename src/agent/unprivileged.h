#ifndef HPCC_AGENT_UNPRIVILEGED_H_
#define HPCC_AGENT_UNPRIVILEGED_H_

// The last steps of a process before it becomes a sandboxed command: it gives up all it could do
// beyond computing, before it knows what it is to do.

#include "agent/exec_plan.h"
#include "agent/exec_world.h"
#include "agent/system_call_filter.h"

namespace hpcc {

// What needs no plan: the limits that are the same for all, a lower priority, and first in line
// when memory runs out. Then groups, ids, every capability, and any way to get one back; at last
// the filter.
FailedStep DropPrivileges(const ExecOwner& owner, const SystemCallFilter& filter);

// The plan's resource limits, for a process that has nothing any more: none is higher than what it
// has.
FailedStep LimitResources(const ExecBounds& bounds);

}  // namespace hpcc

#endif  // HPCC_AGENT_UNPRIVILEGED_H_
