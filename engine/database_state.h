// What the parts of an open database share.

#ifndef SIBYL_ENGINE_DATABASE_STATE_H_
#define SIBYL_ENGINE_DATABASE_STATE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "engine/event_log.h"
#include "engine/latency.h"
#include "engine/lock_table.h"
#include "engine/read_point.h"
#include "engine/segment_store.h"
#include "engine/snapshot_pins.h"
#include "engine/tree_rules.h"
#include "engine/view.h"
#include "sibyl/options.h"
#include "sibyl/result.h"
#include "storage/commit_log.h"
#include "storage/file_system.h"

namespace sibyl::engine {

// The outside world, exchangeable in tests. `files` must outlive the database, unless `owned_files`
// has it; the last member is needed only where Options::read_only is.
struct Environment {
  storage::FileSystem* files = nullptr;
  using OpenLog = std::function<Result<std::unique_ptr<storage::CommitLog>>(const storage::Path&)>;
  OpenLog open_log;
  OpenLog open_log_read_only = {};
  std::shared_ptr<storage::FileSystem> owned_files = nullptr;
};

// Relaxed counters, one writer or many.
struct AtomicCounters {
  std::atomic<uint64_t> gets{0};
  std::atomic<uint64_t> writes_records{0};  // this and the next: by the leader of the commit queue
  std::atomic<uint64_t> writes_batches{0};
  std::atomic<uint64_t> log_syncs{0};
  std::atomic<uint64_t> generations_drained{0};
  std::atomic<uint64_t> compactions{0};
  std::atomic<uint64_t> compaction_read_bytes{0};
  std::atomic<uint64_t> compaction_written_bytes{0};
  std::atomic<uint64_t> compaction_ns{0};
  std::atomic<uint64_t> compaction_cpu_ns{0};
  std::atomic<uint64_t> training_ns{0};
  std::atomic<uint64_t> writer_stall_ns{0};
  std::atomic<uint64_t> transactions_committed{0};
  std::atomic<uint64_t> transactions_conflicted{0};
  std::atomic<uint64_t> transaction_spills{0};
  std::atomic<uint64_t> retired_bound_violations{0};  // of segments that are gone
  std::atomic<uint64_t> pinned_views{0};
  std::atomic<uint64_t> spilled_bytes{0};      // of generations written out for snapshots
  std::atomic<uint64_t> transaction_bytes{0};  // of memory, of open transactions
};

inline void Count(std::atomic<uint64_t>& counter, uint64_t amount = 1) {
  counter.fetch_add(amount, std::memory_order_relaxed);
}

// The same for a counter that one thread at a time changes: nothing waits for its stores before.
inline void CountAlone(std::atomic<uint64_t>& counter, uint64_t amount = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

// Thread-safe as far as its members are. Lock order, outermost first: the leadership of the commit
// queue, the compactor's merge and drain mutexes, the level installer's, the view keeper's.
struct DatabaseState {
  DatabaseState(const Options& chosen, storage::Path where, storage::FileSystem& file_system)
      : options(chosen),
        directory(std::move(where)),
        segments(file_system, directory / "segments", directory / "lost", options),
        views(std::make_shared<View>()),
        events(file_system, directory, chosen.read_only ? 0 : chosen.event_log_bytes,
               chosen.event_listener) {
    segments.SetViolationListener([this](const LearnedSegment& segment) {
      events.Write("model_bound_violation", {{"segment", segment.id()}},
                   segment.path().string());
    });
  }

  const Options options;
  const MergeOperators operators{options};
  const storage::Path directory;
  std::unique_ptr<storage::FileLock> lock;
  std::unique_ptr<storage::CommitLog> log;
  SegmentStore segments;
  ViewKeeper views;
  SnapshotPins snapshots;
  AtomicCounters counters;
  LatencyRecorders latencies;
  EventLog events;
  LockTable locks;  // by internal key, taken by transactions

  // The last sequence that readers may see. Written by the leader of the commit queue.
  std::atomic<uint64_t> published_sequence{0};

  std::atomic<uint32_t> next_tree_id{2};

  // What a time to live counts.
  uint64_t NowSeconds() const {
    return options.clock_seconds ? options.clock_seconds() : base::SecondsSinceEpoch();
  }

  // A tree id that was never given out. Errors: kNotSupported once all of them were.
  Result<Tree> NewTree() {
    uint32_t id = next_tree_id.load(std::memory_order_relaxed);
    do {
      if (id == UINT32_MAX) {
        return Error{ErrorCode::kNotSupported, directory.string() + ": all tree ids are used up"};
      }
    } while (!next_tree_id.compare_exchange_weak(id, id + 1, std::memory_order_relaxed));
    return Tree{id};
  }

  // The process that opened the database was forked, and this is the child.
  std::atomic<bool> inherited{false};

  // Errors: kInvalidArgument in a child process.
  Status CheckUsable() const {
    if (inherited.load(std::memory_order_relaxed)) [[unlikely]] {
      return Error{
          ErrorCode::kInvalidArgument,
          directory.string() + ": opened before fork(); the child process must open it itself"};
    }
    return Ok();
  }

  // Errors: also kReadOnly where the database was opened for reading only.
  Status CheckWritable() const {
    if (options.read_only) {
      return Error{ErrorCode::kReadOnly, directory.string() + ": opened for reading only"};
    }
    return CheckUsable();
  }
};

inline ReadPoint CurrentReadPoint(const DatabaseState& state) {
  ReadPoint point;
  point.now_seconds = state.NowSeconds();
  // No generation starts while the view keeper is locked, so what is published is in this view.
  state.views.Read([&](const std::shared_ptr<const View>& view) {
    point.view = view;
    point.sequence = state.published_sequence.load(std::memory_order_acquire);
  });
  return point;
}

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_DATABASE_STATE_H_
