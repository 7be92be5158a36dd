#include "admin/audit_commands.h"

int main(int argc, char** argv) {
  return hpcc::RunAudit(argc, argv);
}
