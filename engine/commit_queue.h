// Group commit: gives every write its place in one order.
//
// Writers queue up; the first becomes the leader, takes those behind it into its group, appends the
// group to the log as one entry, inserts it into the active generation in the same order, and
// publishes the last sequence. The sync, if asked for, happens outside the queue and is shared.
//
// Starting a generation goes through the same queue, so it is a barrier: every sequence in one
// generation is below every sequence in the next.

#ifndef SIBYL_ENGINE_COMMIT_QUEUE_H_
#define SIBYL_ENGINE_COMMIT_QUEUE_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/batch_encoding.h"
#include "engine/database_state.h"
#include "engine/generation.h"
#include "engine/planned_batch.h"
#include "sibyl/result.h"

namespace sibyl::engine {

// What the queue needs from whoever drains generations. Called by the leader.
class DrainHandler {
 public:
  virtual ~DrainHandler() = default;

  // A generation was frozen, or a tree dropped: drain and clear away when you can.
  virtual void WorkArrived() = 0;

  // Called before `bytes` are written. Returns once there is room for them, perhaps a little later
  // than that, so that writers are not faster than the drain. Errors: why there will be none.
  virtual Status MakeRoom(uint64_t bytes) = 0;
};

// Thread-safe.
class CommitQueue {
 public:
  // Runs in commit order, before anything is written; an error rejects the commit.
  using Validator = std::function<Status(const View& current)>;

  // Both outlive the queue.
  CommitQueue(DatabaseState& state, DrainHandler& drain) : state_(state), drain_(drain) {}

  // Commits encoded records (batch_codec.h) and returns their sequence: visible to every reader
  // that begins afterwards, and durable if `sync`.
  // Errors: the validator's; kIo (memory that ran out included), also while no generation can be
  // started in the place of a full one; kReadOnly after an error that left log and delta different:
  // open the database again.
  Result<uint64_t> Commit(std::string_view records, uint64_t record_count, bool sync,
                          const Validator& validator = nullptr);

  // Encodes what to commit from the state that everything before it has made; nothing is allowed.
  using Composer = std::function<Result<EncodedBatch>(const View& current, uint64_t sequence)>;

  // Commits what `compose` says while nobody else commits. Errors: the composer's, and as above.
  Status CommitComposed(const Composer& compose, bool sync);

  // Starts a new generation if the active one has records; `before`, while nothing commits, is
  // called first, and must not wait for who commits or drains.
  Status Freeze(const std::function<void()>& before = nullptr);

  // Freezes, then runs `work` while nothing commits. `work` must not commit or freeze.
  Status FreezeAndRun(const std::function<Status()>& work);

  // Makes everything that was committed durable.
  Status Sync();

 private:
  struct Writer {
    std::string_view records;
    uint64_t record_count = 0;
    const Validator* validator = nullptr;
    const Composer* compose = nullptr;               // makes the records
    const std::function<Status()>* alone = nullptr;  // instead of records: freeze, then run this
    const std::function<void()>* before_freeze = nullptr;  // and this before
    bool done = false;
    Status status = Ok();
    uint64_t sequence = 0;
    std::condition_variable turn;
  };

  // What a group changes of the view.
  struct GroupChanges {
    std::shared_ptr<Catalogue> catalogue;  // null: nothing
    std::vector<RangeDeletion> deletions;
  };

  Status Enqueue(Writer* writer);
  size_t GroupSize(const std::unique_lock<std::mutex>& held) const;
  Status Lead(std::unique_lock<std::mutex>* lock, size_t group_size);
  Status LeadAlone(const Writer& writer);
  Status LeadGroup();
  Generation& Active();
  void InsertGroup(uint64_t first_sequence);
  void InsertNext(uint64_t sequence, GroupChanges* changes);
  void InsertRecord(const BatchRecord& record, uint64_t sequence);
  void Publish(uint64_t last_sequence, GroupChanges* changes);
  void TryToStartGeneration();
  Status LeaveFullGeneration();
  Status StartGeneration();

  DatabaseState& state_;
  DrainHandler& drain_;

  std::mutex mutex_;
  std::deque<Writer*> writers_;  // guarded by mutex_; the first one is the leader

  // Used by the leader only.
  std::vector<Writer*> group_;
  std::string group_records_;
  std::shared_ptr<Generation> active_;          // as in the current view; null: look there
  std::shared_ptr<const Catalogue> catalogue_;  // the same
  RangeDeletionsPtr range_deletions_;  // the same, perhaps with some that hide nothing any more
  PlannedBatch planned_;
  std::optional<uint64_t> started_in_log_;  // a generation that the view does not have yet
  bool half_inserted_ = false;  // a group is in the log, but not all of it in the delta

  std::mutex sync_mutex_;
  uint64_t synced_sequence_ = 0;  // guarded by sync_mutex_
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_COMMIT_QUEUE_H_
