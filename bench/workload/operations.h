// Operations: what a workload does, written down before it is timed.
//
// Every engine gets the same operations in the same order, each with the answer that it must give.
// They lie in memory in the order of their use, keys included, so that generating them, or missing
// the cache on the benchmark's own tables, is no part of what is measured.

#ifndef SIBYL_BENCH_WORKLOAD_OPERATIONS_H_
#define SIBYL_BENCH_WORKLOAD_OPERATIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/data/random.h"
#include "bench/workload/key_set.h"
#include "bench/workload/zipf.h"
#include "sibyl/result.h"

namespace sibyl::bench {

enum class OperationKind : uint8_t {
  kGet,              // must find the version of read_seed
  kGetAbsent,        // must find nothing
  kPut,              // writes the version of write_seed
  kReadModifyWrite,  // kGet, then kPut
  kScan,             // must find scan_records records that make scan_digest
};

struct Operation {
  uint64_t read_seed = 0;    // ValueCoder seed of the value that is there
  uint64_t write_seed = 0;   // and of the value to write
  uint64_t scan_digest = 0;  // of the ScanAnswer that is right
  uint32_t key_offset = 0;   // in Operations::key_bytes
  uint32_t rank = 0;         // of the key; unused for an absent one
  uint16_t key_size = 0;
  uint8_t scan_records = 0;  // as many, or to the last key
  bool is_insert = false;    // a kPut of a key that is not there yet
  OperationKind kind = OperationKind::kGet;
};

struct Operations {
  std::vector<Operation> list;
  std::string key_bytes;

  std::string_view Key(const Operation& operation) const {
    return {key_bytes.data() + operation.key_offset, operation.key_size};
  }
  void Add(Operation operation, std::string_view key);
};

// The named workloads. kSerial's operations come in groups of kSerialChoices, of which one is done.
enum class Workload : uint8_t {
  kLoad,
  kIngest,
  kUniform,
  kSerial,
  kZipf,
  kAbsent,
  kMultiGet32,
  kScan50,
  kYcsbA,
  kYcsbB,
  kYcsbC,
  kYcsbE,
  kYcsbF,
  kUpdate,
};

inline constexpr uint32_t kSerialChoices = 4;
inline constexpr uint32_t kMultiGetKeys = 32;
inline constexpr uint8_t kScanRecords = 50;
inline constexpr uint8_t kYcsbScanRecordsMax = 100;

const char* WorkloadName(Workload workload);
std::optional<Workload> FindWorkload(std::string_view name);
bool Writes(Workload workload);
bool Scans(Workload workload);

// Which keys are in the database, and in which version, as the operations so far have left it.
class DatabaseState {
 public:
  // All keys present in version 1, except `held_out` of them, which later inserts will add.
  DatabaseState(const KeySet& keys, uint32_t held_out, uint64_t seed);

  const KeySet& keys() const { return keys_; }
  uint32_t present_count() const { return static_cast<uint32_t>(present_.size()); }
  uint32_t held_out_count() const { return static_cast<uint32_t>(held_out_.size()); }

  // The i-th present key, in an order that means nothing.
  uint32_t PresentRank(uint64_t i) const { return present_[i]; }

  bool IsPresent(uint32_t rank) const { return versions_[rank] != 0; }
  uint64_t ValueSeed(uint32_t rank) const;

  // Writes the next version of a present key. Returns its value's seed.
  uint64_t Update(uint32_t rank);

  // Adds a key that was held out. Returns its rank. Precondition: held_out_count() > 0.
  uint32_t Insert();

 private:
  const KeySet& keys_;
  std::vector<uint32_t> versions_;  // by rank; 0: absent
  std::vector<uint32_t> present_;
  std::vector<uint32_t> held_out_;
};

// Puts of all present keys in their present version, in the order that means nothing.
Operations LoadOperations(const DatabaseState& state);

// Generates the operations of `workload` and advances `state` past them. kMultiGet32: each
// operation is one key. kYcsbE: once no held-out key is left, it scans instead of inserting.
// Errors: kInvalidArgument if kAbsent finds no absent keys between those of a dense set.
Result<Operations> GenerateOperations(Workload workload, uint64_t count, DatabaseState* state,
                                      const Zipf& zipf, Random* random);

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_WORKLOAD_OPERATIONS_H_
