// Runner: does operations on a session as fast as it can, and compares every answer in full.

#ifndef SIBYL_BENCH_WORKLOAD_RUNNER_H_
#define SIBYL_BENCH_WORKLOAD_RUNNER_H_

#include <cstdint>
#include <span>
#include <string>

#include "bench/rivals/engine.h"
#include "bench/workload/operations.h"
#include "bench/workload/stopwatch.h"
#include "bench/workload/value_coder.h"
#include "sibyl/result.h"

namespace sibyl::bench {

struct Timing {
  Elapsed elapsed;
  uint64_t operations = 0;  // gets, scans, puts done; kMultiGet32: keys
};

// Holds references only: `state` and `values` outlive it.
//
// Every method's errors: those of the engine, and kCorruption with a message that begins
// "WRONG ANSWER" and names the operation and the key. After an error the session is of no use.
class Runner {
 public:
  Runner(const DatabaseState& state, const ValueCoder& values) : state_(state), values_(values) {}

  // Does operations [begin, end) as `workload` does them: one by one, in batches, or each chosen by
  // the answer before it.
  Result<Timing> Run(Workload workload, const Operations& operations, size_t begin, size_t end,
                     Session& session) const;

  // Hands all present keys in their present version to an empty database, in key order.
  Result<Timing> Ingest(Session& session) const;

  // Does the operations, all of them kPut, in batches.
  Result<Timing> PutInBatches(const Operations& operations, Session& session) const;

  // Reads the whole database in key order and compares every record. Also warms caches.
  Status CheckAll(Session& session) const;

  static constexpr size_t kBatchRecords = 100;

 private:
  const DatabaseState& state_;
  const ValueCoder& values_;
};

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_WORKLOAD_RUNNER_H_
