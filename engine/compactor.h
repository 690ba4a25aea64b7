// Moves data down: drains frozen generations into segments, merges levels, retrains as it goes.
//
// Every task builds new segments beside the old ones and ends with one manifest commit, so a crash
// or an error at any moment leaves the database as it was before the task. The order that keeps
// data: segments synced, directory synced, manifest committed, view replaced, log dropped, old
// files removed when their last reader ends.

#ifndef SIBYL_ENGINE_COMPACTOR_H_
#define SIBYL_ENGINE_COMPACTOR_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/commit_queue.h"
#include "engine/database_state.h"
#include "engine/level.h"
#include "sibyl/result.h"
#include "storage/manifest.h"

namespace sibyl::engine {

// Thread-safe.
class Compactor final : public DrainHandler {
 public:
  // `state` outlives the compactor; `manifest` is the one in force.
  Compactor(DatabaseState& state, storage::Manifest manifest);
  ~Compactor() override;  // stops after the running task

  // Starts the background thread, if the options want one.
  void Start();

  // Ends background work after the running task. Idempotent.
  void Stop();

  // DrainHandler.
  void GenerationFrozen() override;
  Status WaitForRoom() override;

  // Drains every generation that is frozen when called.
  Status DrainFrozen();

  // Merges frozen generations and all levels into one level.
  Status CompactAll();

  // Puts new, sorted segments above everything that is in segments: deep down where nothing
  // overlaps, merged into the first level otherwise. Drains what is frozen first; the caller sees
  // to it that nobody writes meanwhile. Errors leave the database without them, but after kIo they
  // may be there when it is opened again.
  Status AddIngested(const std::vector<std::shared_ptr<LearnedSegment>>& segments);

  // The manifest in force, and a view with the levels that it names. Waits for the running task.
  std::pair<storage::Manifest, std::shared_ptr<const View>> ManifestAndView() const;

 private:
  using Segments = std::vector<std::shared_ptr<LearnedSegment>>;

  // One merge: what is read, where the result goes.
  struct Task {
    std::vector<std::shared_ptr<Generation>> generations;  // newest first, all frozen
    Segments ingested;                                     // newer than every input level
    // Input segments per level, as index ranges; levels not named are not read.
    std::vector<std::pair<size_t, Level::Range>> level_inputs;  // newest first
    size_t output_level = 0;
  };

  void RunInBackground();
  bool RunOnePendingTask();

  // All below: with work_mutex_ held.
  Status DrainOldest(bool* drained);
  Status CompactOverfullLevel(bool* compacted);
  Status MoveDown(size_t level, size_t segment);
  Status Run(const Task& task);
  Status Merge(const Task& task, const View& view, Segments* output);
  Status Install(const Task& task, const View& view, const Segments& output);
  Status CommitLevels(std::vector<std::shared_ptr<const Level>> levels, const Segments& added,
                      uint64_t generation_floor, size_t drained_generations, bool ingested);
  uint64_t LevelCapacityBytes(size_t level) const;
  size_t LevelFor(uint64_t bytes) const;

  DatabaseState& state_;

  mutable std::mutex work_mutex_;              // one task at a time
  storage::Manifest manifest_;                 // guarded by work_mutex_
  std::vector<std::string> compact_pointers_;  // per level, where the last compaction ended

  std::mutex signal_mutex_;
  std::condition_variable signal_;   // work arrived, room appeared, or stop
  bool stop_ = false;                // guarded by signal_mutex_
  bool work_pending_ = false;        // guarded by signal_mutex_
  Status background_status_ = Ok();  // of the last task; guarded by signal_mutex_
  std::thread thread_;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_COMPACTOR_H_
