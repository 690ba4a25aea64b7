#include "engine/commit_queue.h"

#include <memory>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "engine/batch_codec.h"

namespace sibyl::engine {

namespace {

// Whether its log has nothing: range deletions are no records of a generation.
bool IsUnused(const Generation& generation) {
  return generation.empty() && generation.newest_range_deletion() == 0;
}

// A group stops growing here, so that one small write never waits for a mountain of others.
constexpr size_t kMaxGroupBytes = 1 << 20;

}  // namespace

Result<uint64_t> CommitQueue::Commit(std::string_view records, uint64_t record_count, bool sync,
                                     const Validator& validator) {
  Writer writer;
  writer.records = records;
  writer.record_count = record_count;
  writer.validator = validator ? &validator : nullptr;
  SIBYL_RETURN_IF_ERROR(Enqueue(&writer));
  if (sync) SIBYL_RETURN_IF_ERROR(Sync());
  return writer.sequence;
}

Status CommitQueue::CommitComposed(const Composer& compose, bool sync) {
  Writer writer;
  writer.compose = &compose;
  SIBYL_RETURN_IF_ERROR(Enqueue(&writer));
  return sync ? Sync() : Ok();
}

Status CommitQueue::Freeze(const std::function<void()>& before) {
  const std::function<Status()> nothing = Ok;
  Writer writer;
  writer.alone = &nothing;
  writer.before_freeze = before ? &before : nullptr;
  return Enqueue(&writer);
}

Status CommitQueue::FreezeAndRun(const std::function<Status()>& work) {
  Writer writer;
  writer.alone = &work;
  return Enqueue(&writer);
}

// Waits until a leader has done the writer's work, or leads itself.
Status CommitQueue::Enqueue(Writer* writer) {
  std::unique_lock lock(mutex_);
  writers_.push_back(writer);
  writer->turn.wait(lock, [&] { return writer->done || writers_.front() == writer; });
  if (writer->done) return std::move(writer->status);

  const size_t group_size = GroupSize(lock);
  Status status = Lead(&lock, group_size);

  for (size_t i = 0; i < group_size; ++i) {
    Writer* const member = writers_.front();
    writers_.pop_front();
    if (member == writer) continue;
    member->status = status;
    member->done = true;
    member->turn.notify_one();
  }
  if (!writers_.empty()) writers_.front()->turn.notify_one();
  return status;
}

// Does the work of the first `group_size` writers, with `lock` released meanwhile. Nobody would
// wake those who wait if an exception passed: memory that runs out is an error like others.
Status CommitQueue::Lead(std::unique_lock<std::mutex>* lock, size_t group_size) {
  const auto out_of_memory = [this](const char* when) {
    return Error{ErrorCode::kIo, state_.directory.string() + ": out of memory " + when};
  };
  try {
    group_.assign(writers_.begin(), writers_.begin() + static_cast<ptrdiff_t>(group_size));
  } catch (const std::bad_alloc&) {
    return out_of_memory("before a commit");
  }
  lock->unlock();
  Status status = Ok();
  try {
    const Writer& first = *group_.front();
    if (half_inserted_) {
      status = Error{ErrorCode::kReadOnly, state_.directory.string() +
                                               ": memory ran out during a commit, so the delta "
                                               "is incomplete; open the database again"};
    } else {
      status = first.alone != nullptr ? LeadAlone(first) : LeadGroup();
    }
  } catch (const std::bad_alloc&) {
    status = out_of_memory("during a commit");
  }
  lock->lock();
  return status;
}

// How many writers from the front can commit together: a freeze or a validated commit goes alone.
size_t CommitQueue::GroupSize(const std::unique_lock<std::mutex>&) const {
  size_t size = 0;
  size_t bytes = 0;
  for (const Writer* writer : writers_) {
    const bool alone =
        writer->alone != nullptr || writer->validator != nullptr || writer->compose != nullptr;
    if (size > 0 && (alone || bytes + writer->records.size() > kMaxGroupBytes)) break;
    bytes += writer->records.size();
    ++size;
    if (alone) break;
  }
  return size;
}

Status CommitQueue::LeadAlone(const Writer& writer) {
  if (writer.before_freeze != nullptr) (*writer.before_freeze)();
  bool empty = true;
  state_.views.Read([&](const std::shared_ptr<const View>& view) {
    empty = IsUnused(*view->generations.front());
  });
  if (!empty) SIBYL_RETURN_IF_ERROR(StartGeneration());
  active_ = nullptr;  // the work may change the view
  return (*writer.alone)();
}

Status CommitQueue::LeadGroup() {
  uint64_t bytes = 0;
  for (const Writer* writer : group_) bytes += writer->records.size();
  SIBYL_RETURN_IF_ERROR(drain_.MakeRoom(bytes));
  SIBYL_RETURN_IF_ERROR(LeaveFullGeneration());
  if (const Validator* validator = group_.front()->validator) {
    SIBYL_RETURN_IF_ERROR((*validator)(*state_.views.Current()));
  }
  const uint64_t first_sequence = state_.published_sequence.load(std::memory_order_relaxed) + 1;
  EncodedBatch composed;
  if (const Composer* compose = group_.front()->compose) {
    SIBYL_ASSIGN_OR_RETURN(composed, (*compose)(*state_.views.Current(), first_sequence - 1));
    if (composed.record_count == 0) return Ok();
    group_.front()->records = composed.records;
    group_.front()->record_count = composed.record_count;
  }
  std::string_view records = group_.front()->records;
  if (group_.size() > 1) {
    group_records_.clear();
    for (const Writer* writer : group_) group_records_.append(writer->records);
    records = group_records_;
  }
  // The memory that the insertion needs is on the way while the log is written.
  planned_.Begin(group_.front()->records, &Active());
  half_inserted_ = true;  // an exception from here on leaves it so
  Status committed = state_.log->Append(first_sequence, group_.size(), records);
  if (committed) InsertGroup(first_sequence);
  half_inserted_ = false;
  if (committed && active_->memory_bytes() >= state_.options.generation_bytes) {
    TryToStartGeneration();
  }
  return committed;
}

// The group before is committed whatever happens here: the next one hears of a failure.
void CommitQueue::TryToStartGeneration() {
  try {
    (void)StartGeneration();
  } catch (const std::bad_alloc&) {
    // There may be memory for the next attempt.
  }
}

// A generation is still full, or not the log's, where starting the next one failed: nothing is
// added to it until that succeeds.
Status CommitQueue::LeaveFullGeneration() {
  const bool is_full = Active().memory_bytes() >= state_.options.generation_bytes;
  if (is_full || started_in_log_) [[unlikely]] return StartGeneration();
  return Ok();
}

Generation& CommitQueue::Active() {
  if (active_ == nullptr) {
    const std::shared_ptr<const View> view = state_.views.Current();
    active_ = view->generations.front();
    catalogue_ = view->catalogue;
    range_deletions_ = view->range_deletions;
  }
  return *active_;
}

// Inserts the group, whose first batch has been begun, and publishes it.
void CommitQueue::InsertGroup(uint64_t first_sequence) {
  GroupChanges changes;
  uint64_t sequence = first_sequence;
  for (Writer* writer : group_) {
    writer->sequence = sequence;
    if (writer != group_.front()) planned_.Begin(writer->records, &Active());
    for (; planned_.Valid(); planned_.Advance()) InsertNext(sequence, &changes);
    SIBYL_CHECK(planned_.ok());
    CountAlone(state_.counters.writes_records, writer->record_count);
    ++sequence;
  }
  CountAlone(state_.counters.writes_batches, group_.size());
  Publish(sequence - 1, &changes);
}

void CommitQueue::InsertNext(uint64_t sequence, GroupChanges* changes) {
  const BatchRequest& request = planned_.request();
  if (request.op > BatchOp::kDelete) {
    changes->deletions.push_back(DeletionOf(request, sequence, active_->id()));
    range_deletions_ = WithDeletion(range_deletions_, changes->deletions.back());
    active_->NoteRangeDeletion(changes->deletions.back());
    return;
  }
  InsertRecord(RecordOf(request), sequence);
  if (request.tree != kCatalogueTree) return;
  if (changes->catalogue == nullptr) {
    changes->catalogue = std::make_shared<Catalogue>(*catalogue_);
    catalogue_ = changes->catalogue;
  }
  SIBYL_CHECK(changes->catalogue->Apply(RecordOf(request)).has_value());
}

void CommitQueue::InsertRecord(const BatchRecord& record, uint64_t sequence) {
  const std::string_view key = planned_.internal_key();
  if (catalogue_->HasRules(record.tree)) [[unlikely]] {
    AddByRules(TreeRules::Of(*catalogue_, state_.operators, record.tree), key, sequence,
               NewestDeletion(range_deletions_, key), record.type, record.value, active_.get());
  } else {
    active_->AddPlanned(planned_.plan(), key, {sequence, record.type, record.value});
  }
}

void CommitQueue::Publish(uint64_t last_sequence, GroupChanges* changes) {
  const auto publish = [&] {
    state_.published_sequence.store(last_sequence, std::memory_order_release);
  };
  if (changes->catalogue == nullptr && changes->deletions.empty()) return publish();
  // All at once for CurrentReadPoint: nobody sees a tree gone, but not the writes beside its drop.
  state_.views.Update([&](View& view) {
    if (changes->catalogue != nullptr) view.catalogue = changes->catalogue;
    for (RangeDeletion& deletion : changes->deletions) {
      view.range_deletions = WithDeletion(view.range_deletions, std::move(deletion));
    }
    publish();
  });
  drain_.WorkArrived();
}

Status CommitQueue::StartGeneration() {
  const uint64_t began_ns = base::NowNs();
  if (!started_in_log_) {
    SIBYL_ASSIGN_OR_RETURN(started_in_log_, state_.log->StartGeneration());
  }
  const uint64_t id = *started_in_log_;
  // It will have about as many keys as the one before.
  const size_t expected_keys = state_.views.Current()->generations.front()->keys();
  auto generation = std::make_shared<Generation>(id, expected_keys);
  state_.views.Update([&](View& view) {
    view.generations.insert(view.generations.begin(), std::move(generation));
  });
  started_in_log_.reset();
  active_ = nullptr;
  drain_.WorkArrived();
  state_.events.Write("generation", {{"id", id}, {"ns", base::NowNs() - began_ns}});
  return Ok();
}

Status CommitQueue::Sync() {
  // Whatever is published was appended before.
  const uint64_t wanted = state_.published_sequence.load(std::memory_order_acquire);
  const std::lock_guard lock(sync_mutex_);
  if (synced_sequence_ >= wanted) return Ok();
  const uint64_t reached = state_.published_sequence.load(std::memory_order_acquire);
  SIBYL_RETURN_IF_ERROR(state_.log->Sync());
  Count(state_.counters.log_syncs);
  synced_sequence_ = reached;
  return Ok();
}

}  // namespace sibyl::engine
