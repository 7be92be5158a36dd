#ifndef HPCC_ADMIN_CLUSTER_PROGRAM_H_
#define HPCC_ADMIN_CLUSTER_PROGRAM_H_

// The program hpcc-cluster, which `hpcc cluster` hands over to.

namespace hpcc {

// The value is the exit status: 0 after SIGINT or SIGTERM, 1 when something could not start or
// ended by itself, 2 for a wrong command line.
int RunCluster(int argc, char** argv);

}  // namespace hpcc

#endif  // HPCC_ADMIN_CLUSTER_PROGRAM_H_
