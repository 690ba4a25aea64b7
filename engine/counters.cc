// The list of the counters, with what each one means.

#include "sibyl/stats.h"

namespace sibyl {

std::vector<NamedCounter> ListCounters(const Counters& counters) {
  std::vector<NamedCounter> list = {
      {"gets", "Keys looked up", counters.gets},
      {"writes_records", "Records written", counters.writes_records},
      {"writes_batches", "Batches written", counters.writes_batches},
      {"log_syncs", "Syncs of the log", counters.log_syncs},
      {"generations_drained", "Generations drained", counters.generations_drained},
      {"compactions", "Compactions, drains included", counters.compactions},
      {"compaction_read_bytes", "Bytes read by compactions", counters.compaction_read_bytes},
      {"compaction_written_bytes", "Bytes written by compactions",
       counters.compaction_written_bytes},
      {"compaction_ns", "Time of compactions", counters.compaction_ns},
      {"compaction_cpu_ns", "CPU time of drains and compactions", counters.compaction_cpu_ns},
      {"training_ns", "CPU time of training models, of that", counters.training_ns},
      {"writer_stall_ns", "Time that writers waited for compactions", counters.writer_stall_ns},
      {"transactions_committed", "Transactions committed", counters.transactions_committed},
      {"transactions_conflicted", "Transactions refused for a conflict",
       counters.transactions_conflicted},
      {"transaction_spills", "Spills of transactions that outgrew their memory",
       counters.transaction_spills},
      {"model_bound_violations", "Records not where a model said: must stay 0",
       counters.model_bound_violations},
      {"block_cache_hits", "Blocks found in the block cache", counters.block_cache_hits},
      {"block_cache_misses", "Blocks read or decompressed for the block cache",
       counters.block_cache_misses},
  };
  // A counter that is added above and not here would be missing from every report.
  static_assert(sizeof(Counters) == 18 * sizeof(uint64_t));
  return list;
}

}  // namespace sibyl
