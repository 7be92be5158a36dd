// Commands that are programs of their own, beside hpcc.

#include "cli/command.h"

namespace hpcc {

constexpr Command kAuthCommand = {
    .name = "auth",
    .operands = "login | status | logout",
    .summary = "log in for remote compiles",
    .description =
        "Gets a token from the identity provider of your tenant, tells whether you have one, or\n"
        "forgets it. The provider is found through the scheduler that the configuration names.",
    .program = "hpcc-auth",
};

constexpr Command kSchedulerCommand = {
    .name = "scheduler",
    .operands = "[options]",
    .summary = "run a scheduler of remote compiles",
    .description =
        "Runs the scheduler, which says who somebody is and which worker compiles for them, in "
        "the\n"
        "foreground until Ctrl-C or SIGTERM.",
    .needs_config = false,
    .program = "hpcc-scheduler",
};

constexpr Command kWorkerCommand = {
    .name = "worker",
    .operands = "[options]",
    .summary = "run a worker that compiles for others",
    .description =
        "Runs a worker, which compiles in sandboxes of its tenants and writes an audit row for "
        "each\n"
        "job, in the foreground until Ctrl-C or SIGTERM.",
    .needs_config = false,
    .program = "hpcc-worker",
};

constexpr Command kAuditCommand = {
    .name = "audit",
    .operands = "query | verify | replay",
    .summary = "what a worker did: ask, check, repeat",
    .description =
        "Reads a worker's audit log: its rows, whether any was altered or removed, and whether a\n"
        "job gives the same outputs again.",
    .needs_config = false,
    .program = "hpcc-audit",
};

constexpr Command kSandboxCommand = {
    .name = "sandbox",
    .operands = "list",
    .summary = "the sandboxes of a worker on this machine",
    .description =
        "Asks a worker of this machine, as its user or root, which sandboxes it has, whose they "
        "are\n"
        "and what they do.",
    .needs_config = false,
    .program = "hpcc-sandbox",
};

constexpr Command kExecCommand = {
    .name = "exec",
    .operands = "<sandbox> -- <program> [arguments...]",
    .summary = "run a command in a worker's sandbox",
    .description =
        "Runs one command in a sandbox of a worker on this machine, as the worker's user or root. "
        "It\n"
        "stands in the worker's audit log.",
    .needs_config = false,
    .program = "hpcc-sandbox",
    .program_word = "exec",
};

constexpr Command kImageCommand = {
    .name = "image",
    .operands = "pull | build | list | inspect | remove",
    .summary = "images that sandboxes start from",
    .description =
        "Gets images from registries, layouts and archives, makes the roots of sandboxes of them,\n"
        "and tells what there is.",
    .needs_config = false,
    .program = "hpcc-image",
};

constexpr Command kClusterCommand = {
    .name = "cluster",
    .operands = "dev --dir DIR",
    .summary = "a scheduler, a worker and a login here, to try",
    .description =
        "Runs everything remote compiles need on this machine, for development only, until Ctrl-C\n"
        "or SIGTERM.",
    .needs_config = false,
    .program = "hpcc-cluster",
};

}  // namespace hpcc
