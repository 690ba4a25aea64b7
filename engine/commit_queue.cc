#include "engine/commit_queue.h"

#include <memory>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "engine/batch_codec.h"
#include "engine/internal_key.h"

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
  const bool is_single = group_.size() == 1 && group_.front()->record_count == 1;
  std::optional<Generation::Plan> plan;
  if (is_single) plan = PlanInsertion(records);
  half_inserted_ = true;  // an exception from here on leaves it so
  Status committed = state_.log->Append(first_sequence, group_.size(), records);
  bool is_full = false;
  if (committed) is_full = InsertGroup(first_sequence, plan);
  half_inserted_ = false;
  if (is_full) TryToStartGeneration();
  return committed;
}

// The group before is committed whatever happens here: after a failure the generation goes on, and
// the log refuses the next group if it is broken.
void CommitQueue::TryToStartGeneration() {
  try {
    (void)StartGeneration();
  } catch (const std::bad_alloc&) {
    // There may be memory for the next attempt.
  }
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

// Finds the place of the only record that will be inserted, so that its memory is on the way while
// the log is written. Nothing, where it is no plain insertion.
std::optional<Generation::Plan> CommitQueue::PlanInsertion(std::string_view records) {
  Generation& active = Active();
  BatchReader reader(records);
  BatchRequest request;
  SIBYL_CHECK(reader.NextLogged(&request));
  if (request.op > BatchOp::kDelete || catalogue_->HasRules(request.tree)) return std::nullopt;
  SetInternalKey(RecordOf(request));
  return active.PlanFor(internal_key_, request.value.size());
}

void CommitQueue::SetInternalKey(const BatchRecord& record) {
  internal_key_.clear();
  base::PutBig32(&internal_key_, record.tree.id);
  internal_key_.append(record.key);
}

// Inserts the group, its only record by `plan` if there is one, and publishes it. Returns whether
// the active generation is full now.
bool CommitQueue::InsertGroup(uint64_t first_sequence,
                              const std::optional<Generation::Plan>& plan) {
  Generation& active = Active();
  std::shared_ptr<Catalogue> changed_catalogue;
  std::vector<RangeDeletion> deletions;
  uint64_t sequence = first_sequence;
  for (Writer* writer : group_) {
    writer->sequence = sequence;
    BatchReader reader(writer->records);
    BatchRequest request;
    while (reader.NextLogged(&request)) {
      if (request.op > BatchOp::kDelete) {
        deletions.push_back(DeletionOf(request, sequence, active.id()));
        range_deletions_ = WithDeletion(range_deletions_, deletions.back());
        active.NoteRangeDeletion(deletions.back());
        continue;
      }
      const BatchRecord record = RecordOf(request);
      InsertRecord(record, sequence, plan);
      if (record.tree != kCatalogueTree) continue;
      if (changed_catalogue == nullptr) {
        changed_catalogue = std::make_shared<Catalogue>(*catalogue_);
        catalogue_ = changed_catalogue;
      }
      SIBYL_CHECK(changed_catalogue->Apply(record).has_value());
    }
    SIBYL_CHECK(reader.ok());
    CountAlone(state_.counters.writes_records, writer->record_count);
    ++sequence;
  }
  CountAlone(state_.counters.writes_batches, group_.size());

  const auto publish = [&] {
    state_.published_sequence.store(sequence - 1, std::memory_order_release);
  };
  if (changed_catalogue == nullptr && deletions.empty()) {
    publish();
  } else {
    // All at once for CurrentReadPoint: nobody sees a tree gone, but not the writes beside its
    // drop.
    state_.views.Update([&](View& view) {
      if (changed_catalogue != nullptr) view.catalogue = changed_catalogue;
      for (RangeDeletion& deletion : deletions) {
        view.range_deletions = WithDeletion(view.range_deletions, std::move(deletion));
      }
      publish();
    });
    drain_.WorkArrived();
  }
  return active.memory_bytes() >= state_.options.generation_bytes;
}

void CommitQueue::InsertRecord(const BatchRecord& record, uint64_t sequence,
                               const std::optional<Generation::Plan>& plan) {
  SetInternalKey(record);
  if (plan) {
    active_->AddPlanned(*plan, internal_key_, {sequence, record.type, record.value});
  } else if (catalogue_->HasRules(record.tree)) [[unlikely]] {
    AddByRules(TreeRules::Of(*catalogue_, state_.operators, record.tree), internal_key_, sequence,
               NewestDeletion(range_deletions_, internal_key_), record.type, record.value,
               active_.get());
  } else {
    active_->Add(internal_key_, sequence, record.type, record.value);
  }
}

Status CommitQueue::StartGeneration() {
  const uint64_t began_ns = base::NowNs();
  SIBYL_ASSIGN_OR_RETURN(const uint64_t id, state_.log->StartGeneration());
  active_ = nullptr;  // whatever fails from here on, the view knows
  // It will have about as many keys as the one before.
  const size_t expected_keys = state_.views.Current()->generations.front()->keys();
  auto generation = std::make_shared<Generation>(id, expected_keys);
  state_.views.Update([&](View& view) {
    view.generations.insert(view.generations.begin(), std::move(generation));
  });
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
