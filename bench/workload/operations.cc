#include "bench/workload/operations.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "bench/workload/scan_answer.h"
#include "bench/workload/value_coder.h"

namespace sibyl::bench {
namespace {

struct NamedWorkload {
  Workload workload;
  const char* name;
};
constexpr std::array kWorkloads = {
    NamedWorkload{Workload::kLoad, "load"},
    NamedWorkload{Workload::kIngest, "ingest"},
    NamedWorkload{Workload::kUniform, "uniform"},
    NamedWorkload{Workload::kSerial, "serial"},
    NamedWorkload{Workload::kZipf, "zipf"},
    NamedWorkload{Workload::kAbsent, "absent"},
    NamedWorkload{Workload::kMultiGet32, "multiget32"},
    NamedWorkload{Workload::kScan50, "scan50"},
    NamedWorkload{Workload::kYcsbA, "A"},
    NamedWorkload{Workload::kYcsbB, "B"},
    NamedWorkload{Workload::kYcsbC, "C"},
    NamedWorkload{Workload::kYcsbE, "E"},
    NamedWorkload{Workload::kYcsbF, "F"},
    NamedWorkload{Workload::kUpdate, "update"},
};

// Shares of a YCSB workload's operations, in percent (Cooper et al., SoCC 2010, table 2).
struct Mix {
  uint32_t update = 0;
  uint32_t read_modify_write = 0;
  uint32_t insert = 0;
};

Mix MixOf(Workload workload) {
  switch (workload) {
    case Workload::kYcsbA:
      return {.update = 50};
    case Workload::kYcsbB:
      return {.update = 5};
    case Workload::kYcsbE:
      return {.insert = 5};
    case Workload::kYcsbF:
      return {.read_modify_write = 50};
    case Workload::kUpdate:
      return {.update = 100};
    default:
      return {};
  }
}

bool IsUniform(Workload workload) {
  return workload == Workload::kUniform || workload == Workload::kSerial ||
         workload == Workload::kMultiGet32 || workload == Workload::kScan50 ||
         workload == Workload::kUpdate;
}

OperationKind KindOf(Workload workload, const Mix& mix, Random* random) {
  const uint64_t percent = random->Below(100);
  if (percent < mix.update) return OperationKind::kPut;
  if (percent < mix.update + mix.read_modify_write) return OperationKind::kReadModifyWrite;
  return Scans(workload) ? OperationKind::kScan : OperationKind::kGet;
}

// What a scan of `limit_records` from the key of `rank` finds in `state`.
uint64_t ScanDigest(const DatabaseState& state, uint32_t rank, uint8_t limit_records) {
  ScanAnswer answer;
  for (; rank < state.keys().size() && answer.records() < limit_records; ++rank) {
    if (state.IsPresent(rank)) answer.Add(state.keys().Key(rank), state.ValueSeed(rank));
  }
  return answer.digest();
}

// One operation on a present key.
void AddOperation(OperationKind kind, uint32_t rank, uint8_t scan_records, DatabaseState* state,
                  Operations* operations) {
  Operation operation;
  operation.kind = kind;
  operation.rank = rank;
  operation.read_seed = state->ValueSeed(rank);
  if (kind == OperationKind::kScan) {
    operation.scan_records = scan_records;
    operation.scan_digest = ScanDigest(*state, rank, scan_records);
  }
  if (kind == OperationKind::kPut || kind == OperationKind::kReadModifyWrite) {
    operation.write_seed = state->Update(rank);
  }
  operations->Add(operation, state->keys().Key(rank));
}

void AddInsert(DatabaseState* state, Operations* operations) {
  Operation operation;
  operation.kind = OperationKind::kPut;
  operation.is_insert = true;
  operation.rank = state->Insert();
  operation.write_seed = state->ValueSeed(operation.rank);
  operations->Add(operation, state->keys().Key(operation.rank));
}

Status AddAbsent(const KeySet& keys, Random* random, Operations* operations) {
  const auto key = keys.AbsentKey(*random);
  if (!key) {
    return Error{ErrorCode::kInvalidArgument,
                 "the key set is dense: there are no absent keys between its keys"};
  }
  Operation operation;
  operation.kind = OperationKind::kGetAbsent;
  operations->Add(operation, *key);
  return Ok();
}

}  // namespace

void Operations::Add(Operation operation, std::string_view key) {
  SIBYL_CHECK(key_bytes.size() + key.size() <= UINT32_MAX && key.size() <= UINT16_MAX);
  operation.key_offset = static_cast<uint32_t>(key_bytes.size());
  operation.key_size = static_cast<uint16_t>(key.size());
  key_bytes += key;
  list.push_back(operation);
}

const char* WorkloadName(Workload workload) {
  for (const NamedWorkload& named : kWorkloads) {
    if (named.workload == workload) return named.name;
  }
  return "unknown";
}

std::optional<Workload> FindWorkload(std::string_view name) {
  for (const NamedWorkload& named : kWorkloads) {
    if (named.name == name) return named.workload;
  }
  return std::nullopt;
}

bool Writes(Workload workload) {
  if (workload == Workload::kIngest) return true;
  const Mix mix = MixOf(workload);
  return mix.update + mix.read_modify_write + mix.insert > 0;
}

bool Scans(Workload workload) {
  return workload == Workload::kScan50 || workload == Workload::kYcsbE;
}

DatabaseState::DatabaseState(const KeySet& keys, uint32_t held_out, uint64_t seed)
    : keys_(keys), versions_(keys.size(), 1), present_(keys.size()) {
  SIBYL_CHECK(held_out < keys.size());
  for (uint32_t rank = 0; rank < keys.size(); ++rank) present_[rank] = rank;
  // A Fisher-Yates shuffle: the order of loading, and the last of it is held out.
  Random random(seed);
  for (uint32_t i = keys.size() - 1; i > 0; --i) {
    std::swap(present_[i], present_[random.Below(i + 1)]);
  }
  held_out_.assign(present_.end() - held_out, present_.end());
  present_.resize(keys.size() - held_out);
  for (const uint32_t rank : held_out_) versions_[rank] = 0;
}

uint64_t DatabaseState::ValueSeed(uint32_t rank) const {
  return ValueCoder::Seed(rank, versions_[rank]);
}

uint64_t DatabaseState::Update(uint32_t rank) {
  ++versions_[rank];
  return ValueSeed(rank);
}

uint32_t DatabaseState::Insert() {
  const uint32_t rank = held_out_.back();
  held_out_.pop_back();
  present_.push_back(rank);
  versions_[rank] = 1;
  return rank;
}

Operations LoadOperations(const DatabaseState& state) {
  Operations operations;
  operations.list.reserve(state.present_count());
  operations.key_bytes.reserve(state.keys().key_bytes());
  for (uint32_t i = 0; i < state.present_count(); ++i) {
    Operation operation;
    operation.kind = OperationKind::kPut;
    operation.is_insert = true;
    operation.rank = state.PresentRank(i);
    operation.write_seed = state.ValueSeed(operation.rank);
    operations.Add(operation, state.keys().Key(operation.rank));
  }
  return operations;
}

Result<Operations> GenerateOperations(Workload workload, uint64_t count, DatabaseState* state,
                                      const Zipf& zipf, Random* random) {
  Operations operations;
  operations.list.reserve(count);
  const Mix mix = MixOf(workload);
  const bool uniform = IsUniform(workload);
  for (uint64_t i = 0; i < count; ++i) {
    if (workload == Workload::kAbsent) {
      auto added = AddAbsent(state->keys(), random, &operations);
      if (!added) return std::move(added).error();
      continue;
    }
    if (random->Below(100) < mix.insert && state->held_out_count() > 0) {
      AddInsert(state, &operations);
      continue;
    }
    const OperationKind kind = KindOf(workload, mix, random);
    const uint64_t item = uniform ? random->Below(state->present_count()) : zipf.Scrambled(*random);
    const auto scan_records = static_cast<uint8_t>(
        workload == Workload::kScan50 ? kScanRecords : 1 + random->Below(kYcsbScanRecordsMax));
    AddOperation(kind, state->PresentRank(item), scan_records, state, &operations);
  }
  return operations;
}

}  // namespace sibyl::bench
