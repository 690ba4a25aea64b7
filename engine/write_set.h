// WriteSet: the writes of one transaction, however many they are. The latest are in memory, in an
// overlay; what is over a budget goes to disk, to private runs: segments that no manifest names, so
// that a crash leaves nothing but files for recovery to remove, and a commit has only to name them.
//
// A thread writes the run, if the options allow threads: the overlay that filled the budget stays
// as it is meanwhile, and another one takes the writes.
//
// A run has one version of each key. Going back to a savepoint within a run therefore needs more:
// the run keeps the writes before that savepoint in the order they were made (its redo), and they
// are made again. A savepoint between two runs only drops the later ones. Redo is written as far as
// there are savepoints, so bulk loads have none. What is made again fills half of the budget at
// most, so the next spill is as many writes away: rolling back at the border again and again stays
// cheap.
//
// Runs are joined, eight of a kind into one, where no savepoint lies between them; those whose keys
// do not overlap are joined for nothing.

#ifndef SIBYL_ENGINE_WRITE_SET_H_
#define SIBYL_ENGINE_WRITE_SET_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/cursor.h"
#include "engine/level.h"
#include "engine/overlay.h"
#include "engine/ruled_stream.h"
#include "engine/segment_store.h"
#include "engine/sort_run.h"
#include "engine/tree_changes.h"
#include "engine/view.h"
#include "sibyl/options.h"
#include "sibyl/result.h"
#include "sibyl/value.h"

namespace sibyl::engine {

// One thread at a time.
class WriteSet {
 public:
  // Both outlive the write set. `rules_of` tells how records of a tree are folded when runs are
  // joined.
  WriteSet(SegmentStore& store, const Options& options, RuledStream::RulesOf rules_of);
  ~WriteSet();
  WriteSet(const WriteSet&) = delete;
  WriteSet& operator=(const WriteSet&) = delete;

  // In a child process after fork(), before anything else: the thread that may be writing a run is
  // the parent's.
  void Abandon();

  // Spills what is in memory if that is over the budget: the next Put will not. Errors: kIo from
  // spilling, now or since the last call.
  Status MakeRoom();

  // Copies key and value; first makes room.
  // Errors: those of MakeRoom; the write is then not made. Preconditions: the limits of WriteBatch.
  Status Put(std::string_view internal_key, RecordType type, std::string_view value);

  // The last write to the key that was not rolled back; kAbsent: there is none. Fills `value` if it
  // is a value. Errors: kIo, kCorruption.
  Result<storage::LookupOutcome> Find(std::string_view internal_key, Value* value) const;

  // Shows the records of the key as View::VisitRecords does; `*goes_on` says whether `visit` wants
  // older ones.
  Status VisitRecords(std::string_view internal_key, const RecordVisitor& visit,
                      bool* goes_on) const;

  // The latest write to the key if it is in memory and not on its way to a run.
  std::optional<OverlayEntry> FindInMemory(std::string_view internal_key) const {
    return memory_->Find(internal_key);
  }

  // Names the present state, until it is released or rolled back past. Takes 16 bytes.
  uint64_t Savepoint();

  // The savepoint, once for each time that it was given, and all after it are not needed any more.
  void Release(uint64_t savepoint);

  // Undoes every write after `savepoint`; those given since become invalid. What is in memory is
  // undone write by write; a run is dropped as a whole, or made again up to the savepoint: at most
  // as many writes as fit into the budget.
  // Errors: kInvalidArgument for a savepoint that was rolled back past, or never given; kIo and
  // kCorruption from reading what was spilled, with nothing undone.
  Status RollbackTo(uint64_t savepoint);

  // Keys with a write, and their bytes with their latest values. A key counts once in memory and
  // once in each run that has it.
  uint64_t records() const;
  uint64_t bytes() const;
  bool empty() const { return records() == 0; }

  uint64_t memory_bytes() const;
  uint64_t spills() const { return spills_; }  // so far
  bool has_runs() const { return !runs_.empty() || spilling_ != nullptr; }

  // The writes in memory, in key order: all there are without runs. See Overlay::ForEach.
  Status ForEachInMemory(
      const std::function<Status(std::string_view, const OverlayEntry&)>& visit) const {
    return memory_->ForEach(visit);
  }

  // Moves what is in memory to a run of its own.
  Status SpillAll();

  // Newest first. The files go with the last reference unless they are kept. Precondition: SpillAll
  // has succeeded since the last write.
  std::vector<std::shared_ptr<const Level>> Runs() const;

  // The writes, tombstones included, over what `view` has at `sequence`; over nothing if it is
  // null. The cursor follows all changes, as Overlay's do, with `only` those of one tree; both must
  // outlive it.
  std::unique_ptr<Cursor> NewCursor(const View* view = nullptr, uint64_t sequence = 0,
                                    std::optional<Tree> only = std::nullopt) const;

 private:
  class WriteSetCursor;

  struct Run {
    uint64_t begin;  // savepoints within it are above this
    uint64_t end;    // and below this
    std::shared_ptr<const Level> level;
    std::shared_ptr<const SortRun> redo;  // null: there is no savepoint within
    uint64_t records;
    uint64_t bytes;
    size_t tier;  // how often it was joined with others of its size
  };

  struct GivenSavepoint {
    uint64_t mark;
    uint64_t times;
  };

  void ChangeStructure() {
    ++structure_;
    changes_.NoteEverywhere();
  }
  Status BeginSpill();
  Status FinishSpill();
  void JoinSpiller();
  Result<Run> WriteRun(const Overlay& overlay, uint64_t redo_mark) const;
  Result<Run> WriteRun(const Overlay& overlay) const;
  Result<Run> WriteRunInMemoryThereIs(const Overlay& overlay, uint64_t redo_mark) const;
  Status AddRun(Run run);
  Result<std::shared_ptr<const SortRun>> WriteRedo(const Overlay& overlay, uint64_t mark) const;
  Status JoinRuns();
  bool JoinDisjoint();
  size_t JoinableRuns() const;
  Result<Run> MergeRuns(size_t first) const;
  bool HasSavepointWithin(uint64_t begin, uint64_t end) const;
  uint64_t LastSavepointWithin(uint64_t begin, uint64_t end) const;  // 0: none
  Status DropRunsAfter(uint64_t mark);
  Status MakeAgain(const SortRun& redo, uint64_t mark, std::vector<Run>* runs,
                   std::shared_ptr<Overlay>* memory) const;

  SegmentStore& store_;
  const Options& options_;
  const RuledStream::RulesOf rules_of_;
  std::shared_ptr<Overlay> memory_;                    // cursors keep the one that they show
  std::vector<Run> runs_;                              // oldest first
  std::vector<GivenSavepoint> savepoints_ = {{0, 1}};  // ascending
  uint64_t structure_ = 0;  // changes when memory_ is exchanged or runs_ change
  TreeChanges changes_;     // of any kind: what cursors told of records to come holds no more
  uint64_t spills_ = 0;

  // Between memory_ and the runs: the overlay that becomes one. Null: none does.
  std::shared_ptr<Overlay> spilling_;
  std::thread spiller_;
  std::optional<Result<Run>> spilled_;  // by spiller_, before it sets the next
  std::atomic<bool> spill_ended_ = false;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_WRITE_SET_H_
