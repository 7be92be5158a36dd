#include "agent/exec_plan.h"

#include "base/bytes.h"

namespace hpcc {

namespace {

void PutAll(const std::vector<std::string>& strings, ByteWriter* writer) {
  writer->Varint(strings.size());
  for (const std::string& string : strings) writer->String(string);
}

std::vector<std::string> TakeAll(ByteReader* reader) {
  std::vector<std::string> strings(reader->Count(1));
  for (std::string& string : strings) string = reader->String();
  return strings;
}

}  // namespace

std::string EncodeExecPlan(const ExecPlan& plan) {
  ByteWriter writer;
  PutAll(plan.arguments, &writer);
  PutAll(plan.environment, &writer);
  writer.String(plan.working_directory);
  PutAll(plan.writable, &writer);
  writer.Varint(plan.identity.user);
  writer.Varint(plan.identity.group);
  writer.Fixed8(plan.own_identity ? 1 : 0);
  writer.Fixed64(static_cast<uint64_t>(plan.bounds.wall.count()));
  writer.Fixed64(static_cast<uint64_t>(plan.bounds.cpu.count()));
  writer.Fixed64(plan.bounds.memory_bytes);
  writer.Fixed64(plan.bounds.file_bytes);
  writer.Fixed64(plan.bounds.processes);
  writer.Fixed64(plan.bounds.stage_bytes);
  writer.Fixed64(plan.stage_bytes_before);
  return writer.Take();
}

absl::StatusOr<ExecPlan> DecodeExecPlan(std::string_view bytes) {
  ByteReader reader(bytes);
  ExecPlan plan;
  plan.arguments = TakeAll(&reader);
  plan.environment = TakeAll(&reader);
  plan.working_directory = reader.String();
  plan.writable = TakeAll(&reader);
  plan.identity.user = static_cast<uint32_t>(reader.Varint());
  plan.identity.group = static_cast<uint32_t>(reader.Varint());
  plan.own_identity = reader.Fixed8() != 0;
  plan.bounds.wall = std::chrono::milliseconds(reader.Fixed64());
  plan.bounds.cpu = std::chrono::milliseconds(reader.Fixed64());
  plan.bounds.memory_bytes = reader.Fixed64();
  plan.bounds.file_bytes = reader.Fixed64();
  plan.bounds.processes = reader.Fixed64();
  plan.bounds.stage_bytes = reader.Fixed64();
  plan.stage_bytes_before = reader.Fixed64();
  if (!reader.ok() || !reader.at_end()) return absl::InternalError("a broken plan of an exec");
  return plan;
}

}  // namespace hpcc
