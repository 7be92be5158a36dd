#include "admin/cluster_program.h"

int main(int argc, char** argv) {
  return hpcc::RunCluster(argc, argv);
}
