#include "engine/database_impl.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "engine/backup.h"
#include "engine/batch_codec.h"
#include "engine/batch_encoding.h"
#include "engine/checkpoint.h"
#include "engine/database_report.h"
#include "engine/explain.h"
#include "engine/ingest.h"
#include "engine/internal_key.h"
#include "engine/pinned_get.h"
#include "engine/rank.h"
#include "engine/recovery.h"
#include "engine/transaction_impl.h"
#include "engine/user_iterator.h"

namespace sibyl::engine {

namespace {

// Keeps a state readable, and counted, while it lives.
class PinnedReadPoint {
 public:
  PinnedReadPoint(DatabaseState& state, ReadPoint point) : state_(state), point_(std::move(point)) {
    Count(state_.counters.pinned_views);
  }
  ~PinnedReadPoint() { state_.counters.pinned_views.fetch_sub(1, std::memory_order_relaxed); }
  PinnedReadPoint(const PinnedReadPoint&) = delete;
  PinnedReadPoint& operator=(const PinnedReadPoint&) = delete;
  const ReadPoint& point() const { return point_; }

 private:
  DatabaseState& state_;
  ReadPoint point_;
};

class SnapshotImpl final : public Snapshot {
 public:
  SnapshotImpl(DatabaseState& state, ReadPoint point)
      : state_(state), pin_(state.snapshots.Add(std::move(point))) {
    Count(state_.counters.pinned_views);
  }
  ~SnapshotImpl() override { state_.counters.pinned_views.fetch_sub(1, std::memory_order_relaxed); }
  uint64_t sequence() const override { return pin_->sequence(); }
  ReadPoint point() const { return pin_->point(); }

 private:
  DatabaseState& state_;
  const std::shared_ptr<SnapshotPin> pin_;
};

// A tree that a state does not have reads as empty.
class EmptyCursor final : public Cursor {
 public:
  bool Valid() const override { return false; }
  void SeekToFirst() override {}
  void SeekToLast() override {}
  void Seek(std::string_view) override {}
  void SeekForPrev(std::string_view) override {}
  void Next() override {}
  void Prev() override {}
  std::string_view key() const override { return {}; }
  RecordType type() const override { return RecordType::kTombstone; }
  std::string_view value() override { return {}; }
  Status status() const override { return Ok(); }
};

// The internal keys of one batch of MultiGet, on the stack while they are short.
class InternalKeyBatch {
 public:
  static constexpr size_t kKeys = 32;

  std::span<const std::string_view> Encode(Tree tree, std::span<const std::string_view> user_keys) {
    size_t total_bytes = 0;
    for (const std::string_view key : user_keys) total_bytes += kTreePrefixBytes + key.size();
    char* to = short_.data();
    if (total_bytes > short_.size()) {
      long_.resize(total_bytes);
      to = long_.data();
    }
    const uint32_t prefix = __builtin_bswap32(tree.id);
    for (size_t i = 0; i < user_keys.size(); ++i) {
      const std::string_view key = user_keys[i];
      std::memcpy(to, &prefix, kTreePrefixBytes);
      if (!key.empty()) std::memcpy(to + kTreePrefixBytes, key.data(), key.size());
      keys_[i] = {to, kTreePrefixBytes + key.size()};
      to += keys_[i].size();
    }
    return std::span(keys_).first(user_keys.size());
  }

 private:
  std::array<std::string_view, kKeys> keys_;
  std::array<char, 4096> short_;
  std::string long_;
};

// What the newest records of a key, the first of which is an operand, come to.
Result<bool> MergeOperands(const TreeRules& rules, const View& view, uint64_t sequence,
                           uint64_t now_seconds, std::string_view internal_key, Value* value) {
  const auto walk = [&](const RecordVisitor& visit) {
    return view.VisitRecords(internal_key, sequence, visit);
  };
  return ReadByRules(rules, now_seconds, walk, value);
}

// Of a tree with options.
Result<bool> GetByRules(const DatabaseState& state, const View& view, uint64_t sequence,
                        uint64_t now_seconds, std::string_view internal_key, Value* value) {
  value->Clear();
  const TreeRules rules = TreeRules::Of(*view.catalogue, state.operators, TreeOf(internal_key));
  if (rules.plain()) return false;  // dropped meanwhile
  SIBYL_RETURN_IF_ERROR(view.Get(internal_key, sequence, value));
  if (rules.ShowNewest(now_seconds, value)) return value->found();
  return MergeOperands(rules, view, sequence, now_seconds, internal_key, value);
}

Result<bool> GetByRules(const DatabaseState& state, const ReadPoint& point,
                        std::string_view internal_key, Value* value) {
  return GetByRules(state, *point.view, point.sequence, point.now_seconds, internal_key, value);
}

}  // namespace

Result<std::unique_ptr<DatabaseImpl>> DatabaseImpl::Open(const Options& options,
                                                         const storage::Path& directory,
                                                         const Environment& environment) {
  auto state = std::make_unique<DatabaseState>(options, directory, *environment.files);
  SIBYL_ASSIGN_OR_RETURN(storage::Manifest manifest, options.read_only
                                                         ? RecoverReadOnly(environment, state.get())
                                                         : Recover(environment, state.get()));
  uint64_t segments = 0;
  for (const auto& level : manifest.levels) segments += level.size();
  std::unique_ptr<DatabaseImpl> database(new DatabaseImpl(std::move(state), environment));
  database->compactor_ = std::make_unique<Compactor>(*database->state_, std::move(manifest));
  database->commits_ = std::make_unique<CommitQueue>(*database->state_, *database->compactor_);
  database->state_->events.Write(
      "open", {{"segments", segments}, {"sequence", database->state_->published_sequence.load()}},
      directory.string());
  if (options.read_only) return database;
  database->compactor_->Start();
  database->compactor_->WorkArrived();  // recovery may have left some
  return database;
}

DatabaseImpl::~DatabaseImpl() {
  if (state_->inherited.load(std::memory_order_relaxed)) {
    // A child process: files, threads and locks belong to the parent. Forget without touching.
    (void)commits_.release();
    (void)compactor_.release();
    (void)state_.release();
    return;
  }
  if (state_->options.read_only) return;
  compactor_->Stop();
  // What cannot be drained now is replayed from the log at the next opening.
  const Status drained = commits_->FreezeAndRun([this] { return compactor_->DrainFrozen(); });
  state_->events.Write("close", {{"sequence", state_->published_sequence.load()}},
                       drained ? std::string_view() : drained.error().message);
}

void DatabaseImpl::MarkInherited() {
  state_->inherited.store(true, std::memory_order_relaxed);
  // Closes the child's copy of the lock file, which would hold the parent's lock beyond its life.
  state_->lock.reset();
}

ReadPoint DatabaseImpl::ReadPointOf(const Snapshot* snapshot) const {
  if (snapshot == nullptr) return CurrentReadPoint(*state_);
  return static_cast<const SnapshotImpl*>(snapshot)->point();
}

Result<bool> DatabaseImpl::Get(const ReadOptions& options, Tree tree, std::string_view key,
                               Value* value) {
  const LatencySample latency(state_->latencies.get);
  if (state_->inherited.load(std::memory_order_relaxed)) [[unlikely]] {
    return state_->CheckUsable().error();
  }
  if (key.size() > kMaxKeyBytes) [[unlikely]]
    return CheckRecordLimits(key, {}).error();
  const InternalKeyBuffer internal_key(tree, key);
  value->Clear();
  const ViewKeeper::ShortPin view(state_->views, 1);
  // After the view: whatever is published beyond the view's generations was written later.
  const uint64_t sequence = state_->published_sequence.load(std::memory_order_acquire);
  if (options.snapshot != nullptr) {
    // While nobody has written since, the snapshot's state is the present one, which is pinned
    // already.
    const bool is_latest = options.snapshot->sequence() == sequence && view.IsCurrent();
    if (!is_latest) {
      const ReadPoint point = static_cast<const SnapshotImpl*>(options.snapshot)->point();
      if (!point.view->catalogue->IsUserTree(tree)) return false;
      if (point.view->catalogue->HasRules(tree)) [[unlikely]]
        return GetByRules(*state_, point, internal_key.view(), value);
      return point.view->Get(internal_key.view(), point.sequence, value);
    }
  }
  if (!view->catalogue->IsUserTree(tree)) return false;
  if (view->catalogue->HasRules(tree)) [[unlikely]] {
    if (options.snapshot != nullptr) {  // whose clock stands still
      return GetByRules(*state_, ReadPointOf(options.snapshot), internal_key.view(), value);
    }
    return GetByRules(*state_, *view, sequence, state_->NowSeconds(), internal_key.view(), value);
  }
  return view->Get(internal_key.view(), sequence, value);
}

Result<bool> DatabaseImpl::GetPinned(const ReadOptions& options, Tree tree, std::string_view key,
                                     PinnedValue* value) {
  const LatencySample latency(state_->latencies.get);
  SIBYL_RETURN_IF_ERROR(state_->CheckUsable());
  if (key.size() > kMaxKeyBytes) return CheckRecordLimits(key, {}).error();
  const InternalKeyBuffer internal_key(tree, key);
  const ReadPoint point = ReadPointOf(options.snapshot);
  value->Reset();
  if (!point.view->catalogue->IsUserTree(tree)) return false;
  if (point.view->catalogue->HasRules(tree)) {
    Value found;
    SIBYL_RETURN_IF_ERROR(GetByRules(*state_, point, internal_key.view(), &found));
    if (found.found()) value->Take(found.Take());
    return value->found();
  }
  return engine::GetPinned(point.view, internal_key.view(), point.sequence, value);
}

Status DatabaseImpl::MultiGet(const ReadOptions& options, Tree tree,
                              std::span<const std::string_view> keys, std::span<Value> values) {
  const LatencySample latency(state_->latencies.multi_get);
  SIBYL_RETURN_IF_ERROR(state_->CheckUsable());
  SIBYL_CHECK(values.size() >= keys.size());
  for (const std::string_view key : keys) {
    if (key.size() > kMaxKeyBytes) return CheckRecordLimits(key, {});
  }
  values = values.first(keys.size());
  if (options.snapshot != nullptr) {
    const ReadPoint point = static_cast<const SnapshotImpl*>(options.snapshot)->point();
    return MultiGetIn(*point.view, point.sequence, point.now_seconds, tree, keys, values);
  }
  for (;;) {
    const ViewKeeper::ShortPin view(state_->views, keys.size());
    const uint64_t sequence = state_->published_sequence.load(std::memory_order_acquire);
    // One state for all keys: not writes of this moment beside segments of an earlier one.
    if (!view.IsCurrent()) continue;
    const bool may_expire = view->catalogue->HasRules(tree);
    return MultiGetIn(*view, sequence, may_expire ? state_->NowSeconds() : 0, tree, keys, values);
  }
}

Status DatabaseImpl::MultiGetIn(const View& view, uint64_t sequence, uint64_t now_seconds,
                                Tree tree, std::span<const std::string_view> keys,
                                std::span<Value> values) const {
  if (!view.catalogue->IsUserTree(tree)) {
    for (Value& value : values) value.Clear();
    return Ok();
  }
  const TreeRules rules = TreeRules::Of(*view.catalogue, state_->operators, tree);
  InternalKeyBatch batch;
  for (size_t begin = 0; begin < keys.size(); begin += InternalKeyBatch::kKeys) {
    const size_t count = std::min(keys.size() - begin, InternalKeyBatch::kKeys);
    const auto internal_keys = batch.Encode(tree, keys.subspan(begin, count));
    SIBYL_RETURN_IF_ERROR(view.MultiGet(internal_keys, sequence, values.subspan(begin, count)));
    for (size_t i = 0; i < count && !rules.plain(); ++i) {
      Value& value = values[begin + i];
      if (rules.ShowNewest(now_seconds, &value)) continue;
      SIBYL_RETURN_IF_ERROR(
          MergeOperands(rules, view, sequence, now_seconds, internal_keys[i], &value));
    }
  }
  return Ok();
}

Result<std::unique_ptr<Iterator>> DatabaseImpl::NewIterator(Tree tree,
                                                            const IteratorOptions& options) {
  SIBYL_RETURN_IF_ERROR(state_->CheckUsable());
  auto pin = std::make_shared<PinnedReadPoint>(*state_, ReadPointOf(options.snapshot));
  const ReadPoint& point = pin->point();
  std::unique_ptr<Cursor> cursor = std::make_unique<EmptyCursor>();
  if (point.view->catalogue->IsUserTree(tree)) cursor = point.view->NewCursor(point.sequence);
  auto iterator = NewUserIterator(std::move(cursor), tree, options, pin);
  if (!point.view->catalogue->HasRules(tree)) return iterator;
  const TreeRules rules = TreeRules::Of(*point.view->catalogue, state_->operators, tree);
  return NewRuledIterator(std::move(iterator), rules, point.now_seconds,
                          [this, pin, tree](std::string_view key, Value* value) {
                            const InternalKeyBuffer internal_key(tree, key);
                            return GetByRules(*state_, pin->point(), internal_key.view(), value);
                          });
}

Result<uint64_t> DatabaseImpl::Count(const ReadOptions& options, Tree tree, const KeyRange& range) {
  SIBYL_RETURN_IF_ERROR(state_->CheckUsable());
  const ReadPoint point = ReadPointOf(options.snapshot);
  if (!point.view->catalogue->IsUserTree(tree)) return uint64_t{0};
  if (point.view->catalogue->HasRules(tree)) {
    IteratorOptions bounds{options.snapshot, {}, {}};
    if (range.begin) bounds.lower_bound = *range.begin;
    if (range.end) bounds.upper_bound = *range.end;
    SIBYL_ASSIGN_OR_RETURN(const auto iterator, NewIterator(tree, bounds));
    return CountOneByOne(iterator.get());
  }
  return RankReader(*point.view, point.sequence, tree).Count(range.begin, range.end);
}

Result<uint64_t> DatabaseImpl::EstimateCount(Tree tree, const KeyRange& range) {
  SIBYL_RETURN_IF_ERROR(state_->CheckUsable());
  const ReadPoint point = CurrentReadPoint(*state_);
  if (!point.view->catalogue->IsUserTree(tree)) return uint64_t{0};
  return EstimateRecords(*point.view, point.sequence, tree, range);
}

Result<std::optional<OwnedRecord>> DatabaseImpl::At(const ReadOptions& options, Tree tree,
                                                    uint64_t rank) {
  SIBYL_RETURN_IF_ERROR(state_->CheckUsable());
  const ReadPoint point = ReadPointOf(options.snapshot);
  if (!point.view->catalogue->IsUserTree(tree)) return std::optional<OwnedRecord>();
  if (point.view->catalogue->HasRules(tree)) {
    SIBYL_ASSIGN_OR_RETURN(const auto iterator, NewIterator(tree, {options.snapshot, {}, {}}));
    return AtOneByOne(iterator.get(), rank);
  }
  return RankReader(*point.view, point.sequence, tree).At(rank);
}

Result<std::unique_ptr<Snapshot>> DatabaseImpl::GetSnapshot() {
  SIBYL_RETURN_IF_ERROR(state_->CheckUsable());
  return std::unique_ptr<Snapshot>(
      std::make_unique<SnapshotImpl>(*state_, CurrentReadPoint(*state_)));
}

Status DatabaseImpl::Write(const WriteOptions& options, const WriteBatch& batch) {
  SIBYL_RETURN_IF_ERROR(state_->CheckWritable());
  if (batch.empty()) return options.sync ? commits_->Sync() : Ok();
  const LatencySample latency(options.sync ? state_->latencies.synced_write
                                           : state_->latencies.write);
  bool as_it_is = false;
  {
    const ViewKeeper::ShortPin view(state_->views, 0);
    SIBYL_ASSIGN_OR_RETURN(as_it_is, NeedsNoEncoding(batch.bytes(), *view->catalogue));
  }
  if (!as_it_is) return WriteEncoded(options, batch);
  SIBYL_RETURN_IF_ERROR(commits_->Commit(batch.bytes(), batch.record_count(), options.sync));
  return Ok();
}

// What ranges delete is found out while nobody else commits.
Status DatabaseImpl::WriteEncoded(const WriteOptions& options, const WriteBatch& batch) {
  const uint64_t now_seconds = state_->NowSeconds();
  const auto encode = [&](const View& view, uint64_t sequence) {
    return EncodeBatch(batch.bytes(), {view, sequence, state_->operators, now_seconds,
                                       state_->options.range_deletion_keys});
  };
  if (batch.has_ranges()) return commits_->CommitComposed(encode, options.sync);
  const ReadPoint point = CurrentReadPoint(*state_);
  SIBYL_ASSIGN_OR_RETURN(const EncodedBatch encoded, encode(*point.view, point.sequence));
  SIBYL_RETURN_IF_ERROR(commits_->Commit(encoded.records, encoded.record_count, options.sync));
  return Ok();
}

Status DatabaseImpl::DeleteRange(const WriteOptions& options, Tree tree, std::string_view begin,
                                 std::optional<std::string_view> end) {
  WriteBatch batch;
  SIBYL_RETURN_IF_ERROR(batch.DeleteRange(tree, begin, end));
  return Write(options, batch);
}

Status DatabaseImpl::Sync() {
  SIBYL_RETURN_IF_ERROR(state_->CheckWritable());
  const LatencySample latency(state_->latencies.sync);
  return commits_->Sync();
}

Result<std::unique_ptr<Transaction>> DatabaseImpl::BeginTransaction() {
  SIBYL_RETURN_IF_ERROR(state_->CheckUsable());
  return std::unique_ptr<Transaction>(
      std::make_unique<TransactionImpl>(*state_, *commits_, *compactor_));
}

Result<IngestResult> DatabaseImpl::Ingest(Tree tree, const RecordSource& source,
                                          const IngestOptions& options) {
  SIBYL_RETURN_IF_ERROR(state_->CheckWritable());
  if (!state_->views.Current()->catalogue->IsUserTree(tree)) return NoSuchTree(tree);
  const TreeRules rules =
      TreeRules::Of(*state_->views.Current()->catalogue, state_->operators, tree);
  const uint64_t now_seconds = state_->NowSeconds();
  std::string stored;
  const auto stored_source = [&]() -> Result<std::optional<Record>> {
    SIBYL_ASSIGN_OR_RETURN(std::optional<Record> record, source());
    if (!record || rules.plain()) return record;
    SIBYL_RETURN_IF_ERROR(CheckRecordLimits(record->key, record->value));
    stored = rules.Wrap(record->value, now_seconds);
    return std::optional<Record>({record->key, stored});
  };
  SIBYL_ASSIGN_OR_RETURN(
      const auto segments,
      BuildIngestedSegments(state_->segments, state_->options, state_->views.Current()->catalogue,
                            tree, stored_source, options));
  SIBYL_RETURN_IF_ERROR(commits_->FreezeAndRun([&]() -> Status {
    // It may have been dropped while the records were read.
    if (!state_->views.Current()->catalogue->IsUserTree(tree)) return NoSuchTree(tree);
    if (segments.empty()) return Ok();
    return compactor_->AddRuns(
        {std::make_shared<Level>(std::vector<SegmentPtr>(segments.begin(), segments.end()))},
        nullptr);
  }));
  IngestResult result;
  result.segments = segments.size();
  for (const auto& segment : segments) result.records += segment->properties().records;
  compactor_->WorkArrived();  // levels may be over-full now
  state_->events.Write("ingest", {{"segments", result.segments}, {"records", result.records}});
  return result;
}

Result<Tree> DatabaseImpl::CreateTree(std::string_view name, const TreeOptions& options) {
  for (;;) {
    SIBYL_ASSIGN_OR_RETURN(const auto transaction, BeginTransaction());
    SIBYL_ASSIGN_OR_RETURN(const Tree tree, transaction->CreateTree(name, options));
    auto committed = transaction->Commit();
    if (committed) return tree;
    // After a conflict the next attempt sees what came first: perhaps a tree of this name.
    if (committed.error().code != ErrorCode::kConflict) return std::move(committed).error();
  }
}

Result<bool> DatabaseImpl::HasTree(const ReadOptions& options, Tree tree) {
  SIBYL_RETURN_IF_ERROR(state_->CheckUsable());
  return ReadPointOf(options.snapshot).view->catalogue->IsUserTree(tree);
}

Result<std::optional<Tree>> DatabaseImpl::FindTree(std::string_view name) {
  SIBYL_RETURN_IF_ERROR(state_->CheckUsable());
  return state_->views.Current()->catalogue->Find(name);
}

Status DatabaseImpl::DropTree(Tree tree) {
  for (;;) {
    SIBYL_ASSIGN_OR_RETURN(const auto transaction, BeginTransaction());
    SIBYL_RETURN_IF_ERROR(transaction->DropTree(tree));
    auto committed = transaction->Commit();
    if (committed || committed.error().code != ErrorCode::kConflict) return committed;
  }
}

Status DatabaseImpl::SetTreeOptions(Tree tree, const TreeOptions& options) {
  for (;;) {
    SIBYL_ASSIGN_OR_RETURN(const auto transaction, BeginTransaction());
    SIBYL_RETURN_IF_ERROR(transaction->SetTreeOptions(tree, options));
    auto committed = transaction->Commit();
    if (committed || committed.error().code != ErrorCode::kConflict) return committed;
  }
}

Result<std::vector<TreeInfo>> DatabaseImpl::ListTrees() {
  SIBYL_RETURN_IF_ERROR(state_->CheckUsable());
  return state_->views.Current()->catalogue->trees();
}

Status DatabaseImpl::Flush() {
  SIBYL_RETURN_IF_ERROR(state_->CheckWritable());
  const LatencySample latency(state_->latencies.flush);
  SIBYL_RETURN_IF_ERROR(commits_->Freeze());
  return compactor_->DrainFrozen();
}

Status DatabaseImpl::Compact() {
  SIBYL_RETURN_IF_ERROR(state_->CheckWritable());
  const LatencySample latency(state_->latencies.compact);
  SIBYL_RETURN_IF_ERROR(compactor_->CompactAll(*commits_));
  compactor_->WorkArrived();  // what came meanwhile may have waited for it
  state_->views.ReleaseRetired();
  return Ok();
}

Result<VerifyReport> DatabaseImpl::Verify() {
  SIBYL_RETURN_IF_ERROR(state_->CheckUsable());
  const auto [manifest, view] = compactor_->ManifestAndView();
  return VerifyAll(*state_, manifest, *view);
}

Result<CheckpointInfo> DatabaseImpl::Checkpoint(const std::filesystem::path& directory) {
  const LatencySample latency(state_->latencies.checkpoint);
  SIBYL_RETURN_IF_ERROR(Flush());
  const auto [manifest, view] = compactor_->ManifestAndView();
  auto made = WriteCheckpoint(environment_, manifest, *view, directory);
  if (made) {
    state_->events.Write("checkpoint", {{"segments", made->segments}, {"bytes", made->bytes}},
                         directory.string());
  }
  return made;
}

Result<BackupInfo> DatabaseImpl::Backup(const std::filesystem::path& backups) {
  const LatencySample latency(state_->latencies.backup);
  SIBYL_RETURN_IF_ERROR(Flush());
  const auto [manifest, view] = compactor_->ManifestAndView();
  auto made = WriteBackup(*environment_.files, manifest, *view, backups);
  if (made) {
    state_->events.Write("backup", {{"number", made->number}, {"copied_bytes", made->copied_bytes}},
                         backups.string());
  }
  return made;
}

Result<std::vector<ModelPiece>> DatabaseImpl::ListPieces(Tree tree) {
  SIBYL_RETURN_IF_ERROR(state_->CheckUsable());
  return engine::ListPieces(*CurrentReadPoint(*state_).view, tree);
}

Result<LookupExplanation> DatabaseImpl::Explain(const ReadOptions& options, Tree tree,
                                                std::string_view key) {
  SIBYL_RETURN_IF_ERROR(state_->CheckUsable());
  SIBYL_RETURN_IF_ERROR(CheckRecordLimits(key, {}));
  const ReadPoint point = ReadPointOf(options.snapshot);
  if (!point.view->catalogue->IsUserTree(tree)) return LookupExplanation{};
  return ExplainLookup(*point.view, point.sequence, tree, key);
}

Result<Stats> DatabaseImpl::GetStats() {
  SIBYL_RETURN_IF_ERROR(state_->CheckUsable());
  Stats stats = ReadStats(*state_, CurrentReadPoint(*state_));
  compactor_->AddStats(&stats);
  return stats;
}

}  // namespace sibyl::engine
