// What a database can tell about itself: its levels, segments, models and counters.

#ifndef SIBYL_STATS_H_
#define SIBYL_STATS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sibyl/tree.h"

namespace sibyl {

// The model of one tree within one segment.
struct ModelStats {
  Tree tree;
  std::string kind;  // how the model was chosen: "learned", or "b-tree" where learning did not pay
  uint64_t records = 0;
  uint64_t blocks = 0;
  uint64_t pieces = 0;
  uint64_t nodes = 0;
  uint32_t depth = 0;  // stages on the longest path
  uint64_t model_bytes = 0;
};

struct SegmentStats {
  uint64_t id = 0;
  std::string path;
  uint32_t level = 0;
  uint64_t file_bytes = 0;
  uint64_t records = 0;  // tombstones included
  uint64_t tombstones = 0;
  uint64_t blocks = 0;
  uint64_t largest_block_records = 0;
  uint64_t largest_block_bytes = 0;
  uint64_t data_bytes = 0;  // blocks and out-of-line values, as they are stored
  uint64_t compressed_blocks = 0;
  uint64_t packed_blocks = 0;       // with packed keys, compressed ones included
  uint64_t plain_blocks_bytes = 0;  // of all blocks before compression
  uint64_t index_bytes = 0;         // model, block offsets, ranks and filter: what is not data
  uint64_t filter_bytes = 0;        // of those, the filter's
  uint64_t training_ns = 0;         // of the processor, for fitting the models
  uint64_t build_ns = 0;            // for the whole of making this segment, training included
  std::string model_note;  // whether its models were to be learned, and why; of old files: empty
  uint64_t model_bound_violations = 0;  // must stay 0; else its models are no longer trusted
  std::vector<ModelStats> models;       // one per tree, in tree order
};

struct LevelStats {
  uint32_t level = 0;  // several may be level 0: runs, each from one drain, which may overlap
  std::vector<SegmentStats> segments;  // in key order
};

struct GenerationStats {
  uint64_t id = 0;
  bool active = false;
  uint64_t records = 0;
  uint64_t bytes = 0;
};

// Counted since the database was opened.
struct Counters {
  uint64_t gets = 0;  // keys looked up by Get and MultiGet, those of snapshots not counted
  uint64_t writes_records = 0;
  uint64_t writes_batches = 0;
  uint64_t log_syncs = 0;
  uint64_t generations_drained = 0;
  uint64_t compactions = 0;
  uint64_t compaction_read_bytes = 0;
  uint64_t compaction_written_bytes = 0;
  uint64_t compaction_ns = 0;      // by the clock, of merges
  uint64_t compaction_cpu_ns = 0;  // of the processor, for drains and merges, training included
  uint64_t training_ns = 0;        // of that, for fitting models
  uint64_t writer_stall_ns = 0;
  uint64_t transactions_committed = 0;
  uint64_t transactions_conflicted = 0;
  uint64_t transaction_spills = 0;  // of writes to disk, in transactions that outgrew their memory
  uint64_t model_bound_violations = 0;  // must stay 0: see docs/architecture.md
  uint64_t block_cache_hits = 0;
  uint64_t block_cache_misses = 0;  // blocks that were read from a file, decompressed, or both
};

// The one list that every report of the counters is made from.
struct NamedCounter {
  const char* name;  // its member's; ends with _ns or _bytes where it has that unit
  const char* meaning;
  uint64_t value = 0;
};
std::vector<NamedCounter> ListCounters(const Counters& counters);

// How long calls took. Quarters of powers of two: a quantile is right within a fifth.
struct LatencyHistogram {
  static constexpr size_t kBuckets = 252;

  uint64_t sample_every = 1;     // calls that stand behind one that was recorded
  uint64_t recorded = 0;         // calls recorded, since the database was opened
  uint64_t total_ns = 0;         // of those
  uint64_t longest_ns = 0;       // of those
  std::vector<uint64_t> counts;  // kBuckets; of calls that took less than UpperBoundNs(bucket) and
                                 // not less than the bucket before

  static size_t BucketOf(uint64_t ns);
  static uint64_t UpperBoundNs(size_t bucket);

  // What `fraction` of the calls did not exceed: 0.5 the median, 1 the longest. 0 without calls.
  uint64_t QuantileNs(double fraction) const;
};

struct LatencyStats {
  std::string call;  // get, multi_get, write, synced_write, sync, commit, flush, compact, ...
  LatencyHistogram histogram;
};

// Where memory goes. Mapped segment files are the page cache's and not counted.
struct MemoryStats {
  uint64_t delta_bytes = 0;        // generations of the latest view: writes not in segments yet
  uint64_t index_bytes = 0;        // models and block directories of its segments
  uint64_t block_cache_bytes = 0;  // never above Options::block_cache_bytes
  uint64_t transaction_bytes = 0;  // writes of open transactions

  // Of the whole process, whatever it does besides: jemalloc's numbers where it is linked, else the
  // C library's; 0 under sanitizers.
  uint64_t process_allocated_bytes = 0;
  uint64_t process_resident_bytes = 0;
};

struct Stats {
  std::vector<GenerationStats> generations;  // newest first
  std::vector<LevelStats> levels;            // newest first; the last is the largest
  std::vector<TreeInfo> trees;
  Counters counters;
  std::vector<LatencyStats> latencies;
  MemoryStats memory;
  uint64_t last_sequence = 0;
  uint64_t pinned_views = 0;  // snapshots, iterators and transactions alive

  // Ranges that were deleted as a whole and still hide records: see Options::range_deletion_keys.
  uint64_t range_deletions = 0;

  // Generations that are in segments already, but still in memory for the readers that see them.
  uint64_t pinned_generations = 0;
  uint64_t pinned_generation_bytes = 0;

  // Segments written for snapshots in place of such generations, since the database was opened: see
  // Options::max_pinned_generation_bytes.
  uint64_t spilled_generation_bytes = 0;

  // Why the database takes no more writes until it is opened again: one to its log failed, mostly
  // because the disk was full. Empty: all is well.
  std::string writes_stopped_by;

  // Why the background thread stopped to merge: damage that it found in a segment. Empty: all is
  // well. Writes go on and are drained; what they leave behind is not merged until the database is
  // opened again.
  std::string merging_stopped_by;
};

// The statistics in the text format of Prometheus, every name beginning "sibyl_".
std::string PrometheusText(const Stats& stats);

}  // namespace sibyl

#endif  // SIBYL_STATS_H_
