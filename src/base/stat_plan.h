#ifndef HPCC_BASE_STAT_PLAN_H_
#define HPCC_BASE_STAT_PLAN_H_

// Many files to look at, put in order once: walking a long path costs more than looking at the file
// at its end, so files of one directory are looked at together, through the directory.

#include <cstdint>
#include <string>
#include <vector>

namespace hpcc {

class StatPlan {
 public:
  // Files of one directory, or, where `directory` is empty, files to be looked at singly.
  struct Group {
    std::string directory;          // without the slash at its end
    std::vector<uint32_t> members;  // places in paths()
  };

  StatPlan() = default;
  explicit StatPlan(std::vector<std::string> paths);

  const std::vector<std::string>& paths() const { return paths_; }
  // Each path is in one group. None is long, so that several threads can share them out.
  const std::vector<Group>& groups() const { return groups_; }

 private:
  std::vector<std::string> paths_;
  std::vector<Group> groups_;
};

}  // namespace hpcc

#endif  // HPCC_BASE_STAT_PLAN_H_
