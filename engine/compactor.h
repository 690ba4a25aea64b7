// Moves data down: drains frozen generations into runs, merges runs and levels, retrains as it
// goes.
//
// Every task builds new segments beside the old ones and ends with one manifest commit, so a crash
// or an error at any moment leaves the database as it was before the task. The order that keeps
// data: segments synced, directory synced, manifest committed, view replaced, log dropped, old
// files removed when their last reader ends.
//
// A drain only adds a run in front, a merge replaces segments that it names one by one: so a drain
// never waits for a merge. The one background thread does both, draining between the records of a
// merge: a second one would take the processor from the writers (measured on two cores).
//
// compactor.cc decides what is done when, and makes writers wait; compactor_merge.cc does it.

#ifndef SIBYL_ENGINE_COMPACTOR_H_
#define SIBYL_ENGINE_COMPACTOR_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/commit_queue.h"
#include "engine/compaction_policy.h"
#include "engine/database_state.h"
#include "engine/level_installer.h"
#include "engine/merge_plan.h"
#include "engine/model_policy.h"
#include "engine/ruled_stream.h"
#include "engine/snapshot_spiller.h"
#include "engine/write_pacer.h"
#include "sibyl/result.h"
#include "storage/manifest.h"

namespace sibyl::engine {

class SegmentBuilder;

// Thread-safe.
class Compactor final : public DrainHandler {
 public:
  // `state` outlives the compactor; `manifest` is the one in force.
  Compactor(DatabaseState& state, storage::Manifest manifest);
  ~Compactor() override;  // stops

  // Starts the background thread, if the options want one.
  void Start();

  // Ends background work: a running merge is given up within moments, a drain ends. Idempotent.
  void Stop();

  // DrainHandler.
  void WorkArrived() override;
  Status MakeRoom(uint64_t bytes) override;

  // Drains every generation that is frozen when called.
  Status DrainFrozen();

  // Freezes, and merges what is frozen and all levels into one level.
  Status CompactAll(CommitQueue& commits);

  // Commits what is in new segments, runs as in a view, newest first: puts them above everything
  // else, a single one deep down where nothing overlaps. They are a commit with a sequence of its
  // own, after which `catalogue` holds, if it is not null. Drains what is frozen first; the caller
  // sees to it that nobody writes meanwhile. Errors leave the database without them, but after kIo
  // they may be there when it is opened again.
  Status AddRuns(std::vector<std::shared_ptr<const Level>> runs,
                 std::shared_ptr<const Catalogue> catalogue);

  // The manifest in force, and a view with the levels that it names.
  std::pair<storage::Manifest, std::shared_ptr<const View>> ManifestAndView() const {
    return installer_.ManifestAndView();
  }

  // Adds what is known of generations kept by readers only, and why merging stopped if it has.
  void AddStats(Stats* stats) const;

 private:
  // What the pacer did to the writers of one generation.
  struct Slowdown {
    uint64_t generation = 0;
    uint64_t writes = 0;
    uint64_t ns = 0;
  };

  void ReportSlowdown(uint64_t active_id);
  void RunInBackground();
  bool RunOnePendingTask();
  Status FreezeAndCompactIfSmall(CommitQueue& commits, bool* compacted);
  Status RunOneMerge(bool* merged);
  Status RunChosenMerge(bool* merged);
  void Announce();

  // With drain_mutex_ held, and merge_mutex_ too if `merging`.
  Status DrainWaiting(bool merging, bool* drained);
  Status ForgetLog();
  Status MergeInto(const MergePlan& plan, const View& view, SegmentBuilder* builder);
  RuledStream NewStream(std::vector<std::unique_ptr<ForwardCursor>> newest_first, const View& view,
                        const std::vector<std::shared_ptr<const Level>>& below) const;

  // With merge_mutex_ held.
  Status RemoveUnread(const View& view, bool* removed);
  Status SettleOldest(const View& view, bool* merged);
  Status RunMerge(MergePlan plan);
  Status DrainMeanwhile(const MergePlan& plan);
  void PrepareGeneration();
  Status PayForWrite(uint64_t bytes, const MergePlan& plan);

  ModelChoice ChooseModels(const View& view, size_t level, bool is_last);
  void NoteBuilt(const SegmentBuilder& builder, bool learned, size_t level,
                 const std::vector<SegmentPtr>& output);

  Error Closing() const;

  DatabaseState& state_;
  WritePacer pacer_;
  SnapshotSpiller spiller_;
  ModelPolicy model_policy_;
  LevelInstaller installer_;
  Slowdown slowdown_;  // of the active generation; by MakeRoom

  // Lock order, outermost first: merge, drain, the installer's; signal by itself.
  std::mutex merge_mutex_;                  // one merge at a time
  uint64_t drains_cpu_ns_ = 0;              // of those within the running merge; by merges
  CompactPointers compact_pointers_;        // by merges
  std::shared_ptr<const Catalogue> swept_;  // trees it lacks are gone from segments; by merges
  uint64_t swept_deletion_ = 0;             // range deletions up to here removed what they could

  std::mutex drain_mutex_;  // one drain or ingestion at a time
  std::atomic<bool> drain_wanted_ = false;
  uint64_t log_floor_ = 0;  // what is below is drained and the log has it still; with drain_mutex_

  // The active generation is nearly full: the log should be synced and the next family be there
  // before the writer that fills it needs them.
  std::atomic<bool> prepare_wanted_ = false;
  uint64_t prepared_for_ = 0;  // the generation for which that was asked; by MakeRoom

  mutable std::mutex signal_mutex_;
  std::condition_variable signal_;  // work arrived, room appeared, or stop
  std::atomic<bool> stop_ = false;  // changed with signal_mutex_ held
  bool work_pending_ = false;       // guarded by signal_mutex_
  Status drain_status_ = Ok();      // of the last drain in the background; the same
  Status merge_status_ = Ok();      // the damage that ended merging; the same
  std::atomic<bool> merging_stopped_ = false;
  std::thread thread_;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_COMPACTOR_H_
