#include "engine/transaction_impl.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/status_macros.h"
#include "base/text.h"
#include "engine/batch_codec.h"
#include "engine/internal_key.h"
#include "engine/rank.h"
#include "engine/user_iterator.h"
#include "sibyl/write_batch.h"

namespace sibyl::engine {

namespace {

Error Conflict(const std::string& what) { return {ErrorCode::kConflict, what}; }

Error HistoryIsGone() {
  return Conflict("the history since the transaction began is gone; run it again");
}

Error WrittenByOther(std::string_view internal_key) {
  return Conflict("key " + base::Quoted(UserKeyOf(internal_key)) + " of tree " +
                  std::to_string(TreeOf(internal_key).id) +
                  " was written by another transaction first");
}

}  // namespace

TransactionImpl::TransactionImpl(DatabaseState& state, CommitQueue& commits, Compactor& compactor)
    : state_(state),
      commits_(commits),
      compactor_(compactor),
      read_point_(CurrentReadPoint(state)),
      writes_(state.segments, state.options, [this](Tree tree) { return RulesOf(tree); }) {
  engine::Count(state_.counters.pinned_views);
}

TransactionImpl::~TransactionImpl() {
  if (state_.inherited.load(std::memory_order_relaxed)) writes_.Abandon();
  UnlockKeys();
  state_.counters.pinned_views.fetch_sub(1, std::memory_order_relaxed);
  state_.counters.transaction_bytes.fetch_sub(counted_bytes_, std::memory_order_relaxed);
}

Status TransactionImpl::CheckOpen() const {
  SIBYL_RETURN_IF_ERROR(state_.CheckUsable());
  if (finished_) {
    return Error{ErrorCode::kInvalidArgument, "the transaction has already been committed"};
  }
  return Ok();
}

Result<bool> TransactionImpl::Get(Tree tree, std::string_view key, Value* value) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  SIBYL_RETURN_IF_ERROR(CheckRecordLimits(key, {}));
  used_ = true;
  value->Clear();
  if (!catalogue().IsUserTree(tree)) return false;
  const InternalKeyBuffer internal_key(tree, key);
  if (catalogue().HasRules(tree)) return GetByRules(RulesOf(tree), internal_key.view(), value);
  SIBYL_ASSIGN_OR_RETURN(const storage::LookupOutcome own,
                         writes_.Find(internal_key.view(), value));
  if (own != storage::LookupOutcome::kAbsent) return own == storage::LookupOutcome::kValue;
  return read_point_.view->Get(internal_key.view(), read_point_.sequence, value);
}

// Own writes have not expired, whatever the clock says: they were made after the snapshot.
Result<bool> TransactionImpl::GetByRules(const TreeRules& rules, std::string_view internal_key,
                                         Value* value) const {
  const auto walk = [&](const RecordVisitor& visit) -> Status {
    bool goes_on = true;
    SIBYL_RETURN_IF_ERROR(writes_.VisitRecords(internal_key, visit, &goes_on));
    if (!goes_on) return Ok();
    return read_point_.view->VisitRecords(internal_key, read_point_.sequence, visit);
  };
  return ReadByRules(rules, read_point_.now_seconds, walk, value);
}

Result<bool> TransactionImpl::GetForUpdate(Tree tree, std::string_view key, Value* value,
                                           std::chrono::nanoseconds timeout) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  SIBYL_RETURN_IF_ERROR(state_.CheckWritable());
  SIBYL_RETURN_IF_ERROR(CheckRecordLimits(key, {}));
  const InternalKeyBuffer internal_key(tree, key);
  SIBYL_RETURN_IF_ERROR(LockKey(internal_key.view(), timeout));
  if (!used_) {
    read_point_ = CurrentReadPoint(state_);
  } else {
    const ReadPoint now = CurrentReadPoint(state_);
    if (now.sequence != read_point_.sequence ||
        now.view->ingestions != read_point_.view->ingestions) {
      SIBYL_ASSIGN_OR_RETURN(const auto newer, GenerationsSinceSnapshot(*now.view));
      SIBYL_RETURN_IF_ERROR(CheckKey(internal_key.view(), newer));
    }
  }
  return Get(tree, key, value);
}

Status TransactionImpl::LockKey(std::string_view internal_key, std::chrono::nanoseconds timeout) {
  std::string key(internal_key);
  if (locked_keys_.contains(key)) return Ok();
  if (!state_.locks.Lock(key, this, timeout)) {
    return Error{ErrorCode::kBusy, "key " + base::Quoted(UserKeyOf(internal_key)) + " of tree " +
                                       std::to_string(TreeOf(internal_key).id) +
                                       " is locked by another transaction"};
  }
  locked_keys_.insert(std::move(key));
  return Ok();
}

void TransactionImpl::UnlockKeys() {
  for (const std::string& key : locked_keys_) state_.locks.Unlock(key);
  locked_keys_.clear();
}

Status TransactionImpl::Put(Tree tree, std::string_view key, std::string_view value) {
  SIBYL_RETURN_IF_ERROR(CheckWrite(tree, key, value));
  if (!catalogue().HasRules(tree)) return Write(tree, RecordType::kValue, key, value);
  return Write(tree, RecordType::kValue, key, RulesOf(tree).Wrap(value, state_.NowSeconds()));
}

Status TransactionImpl::Merge(Tree tree, std::string_view key, std::string_view operand) {
  SIBYL_RETURN_IF_ERROR(CheckWrite(tree, key, operand));
  const TreeRules rules = RulesOf(tree);
  if (!rules.merges()) return NoMergeOperator(tree);
  SIBYL_RETURN_IF_ERROR(MakeRoom());  // what is spilled is folded when it is read
  std::string stored = rules.WrapOperand(operand);
  const InternalKeyBuffer internal_key(tree, key);
  if (const auto own = writes_.FindInMemory(internal_key.view())) {
    stored = rules.FoldAfter(own->type == RecordType::kValue ? &own->value : nullptr, stored);
  }
  return Write(tree, RecordType::kValue, key, stored);
}

Status TransactionImpl::Delete(Tree tree, std::string_view key) {
  SIBYL_RETURN_IF_ERROR(CheckWrite(tree, key, {}));
  return Write(tree, RecordType::kTombstone, key, {});
}

// The iterator follows the writes as they are made beneath it.
Status TransactionImpl::DeleteRange(Tree tree, std::string_view begin,
                                    std::optional<std::string_view> end) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  SIBYL_RETURN_IF_ERROR(state_.CheckWritable());
  SIBYL_RETURN_IF_ERROR(CheckRecordLimits(begin, {}));
  IteratorOptions bounds;
  bounds.lower_bound = begin;
  if (end) bounds.upper_bound = *end;
  SIBYL_ASSIGN_OR_RETURN(const auto iterator, NewIterator(tree, bounds));
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) {
    SIBYL_RETURN_IF_ERROR(Delete(tree, iterator->key()));
  }
  return iterator->status();
}

Status TransactionImpl::CheckWrite(Tree tree, std::string_view key, std::string_view value) const {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  SIBYL_RETURN_IF_ERROR(state_.CheckWritable());
  SIBYL_RETURN_IF_ERROR(CheckRecordLimits(key, value));
  if (!catalogue().IsUserTree(tree)) return NoSuchTree(tree);
  return Ok();
}

Status TransactionImpl::Write(Tree tree, RecordType type, std::string_view key,
                              std::string_view value) {
  used_ = true;
  const InternalKeyBuffer internal_key(tree, key);
  SIBYL_RETURN_IF_ERROR(MakeRoom());
  SIBYL_RETURN_IF_ERROR(writes_.Put(internal_key.view(), type, value));
  CountMemory();
  return Ok();
}

Status TransactionImpl::MakeRoom() {
  const uint64_t spills = writes_.spills();
  const Status made = writes_.MakeRoom();
  if (writes_.spills() != spills) engine::Count(state_.counters.transaction_spills);
  return made;
}

// The overlay grows in chunks, so that this rarely writes what others read.
void TransactionImpl::CountMemory() {
  const uint64_t bytes = writes_.memory_bytes();
  if (bytes == counted_bytes_) return;
  state_.counters.transaction_bytes.fetch_add(bytes - counted_bytes_, std::memory_order_relaxed);
  counted_bytes_ = bytes;
}

Result<Tree> TransactionImpl::CreateTree(std::string_view name, const TreeOptions& options) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  SIBYL_RETURN_IF_ERROR(state_.CheckWritable());
  SIBYL_RETURN_IF_ERROR(CheckTreeName(name));
  SIBYL_RETURN_IF_ERROR(state_.operators.Check(options));
  if (catalogue().Find(name)) return TreeNameTaken(name);
  SIBYL_ASSIGN_OR_RETURN(const Tree tree, state_.NewTree());
  SIBYL_RETURN_IF_ERROR(
      ChangeCatalogue({kCatalogueTree, RecordType::kValue, CatalogueKey(tree), name}));
  if (options != TreeOptions()) SIBYL_RETURN_IF_ERROR(WriteTreeOptions(tree, options));
  return tree;
}

Status TransactionImpl::DropTree(Tree tree) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  SIBYL_RETURN_IF_ERROR(state_.CheckWritable());
  if (tree == kDefaultTree) return CannotDropDefaultTree();
  if (!catalogue().IsUserTree(tree)) return NoSuchTree(tree);
  if (catalogue().OptionsOf(tree) != TreeOptions()) {
    SIBYL_RETURN_IF_ERROR(
        ChangeCatalogue({kCatalogueTree, RecordType::kTombstone, TreeOptionsKey(tree), {}}));
  }
  return ChangeCatalogue({kCatalogueTree, RecordType::kTombstone, CatalogueKey(tree), {}});
}

Status TransactionImpl::SetTreeOptions(Tree tree, const TreeOptions& options) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  SIBYL_RETURN_IF_ERROR(state_.CheckWritable());
  if (!catalogue().IsUserTree(tree)) return NoSuchTree(tree);
  const TreeOptions& present = catalogue().OptionsOf(tree);
  if (options.ttl_seconds != present.ttl_seconds ||
      options.merge_operator != present.merge_operator) {
    return CannotChangeRules(tree);
  }
  return WriteTreeOptions(tree, options);
}

Status TransactionImpl::WriteTreeOptions(Tree tree, const TreeOptions& options) {
  const bool is_default = options == TreeOptions();
  return ChangeCatalogue({kCatalogueTree, is_default ? RecordType::kTombstone : RecordType::kValue,
                          TreeOptionsKey(tree),
                          is_default ? std::string() : EncodeTreeOptions(options)});
}

Status TransactionImpl::ChangeCatalogue(const BatchRecord& record) {
  used_ = true;
  SIBYL_RETURN_IF_ERROR(
      writes_.Put(EncodeInternalKey(record.tree, record.key), record.type, record.value));
  if (!own_catalogue_) own_catalogue_ = *read_point_.view->catalogue;
  SIBYL_CHECK(own_catalogue_->Apply(record).has_value());  // it is ours
  return Ok();
}

// Changes `catalogue`, of what others committed, as this transaction does.
Status TransactionImpl::ApplyOwnChanges(Catalogue* catalogue) const {
  const auto cursor = writes_.NewCursor();
  for (cursor->SeekToFirst(); cursor->Valid() && TreeOf(cursor->key()) == kCatalogueTree;
       cursor->Next()) {
    SIBYL_RETURN_IF_ERROR(catalogue->Apply(
        {kCatalogueTree, cursor->type(), UserKeyOf(cursor->key()), cursor->value()}));
  }
  return cursor->status();
}

Result<std::unique_ptr<Iterator>> TransactionImpl::NewIterator(Tree tree,
                                                               const IteratorOptions& options) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  if (!catalogue().IsUserTree(tree)) return NoSuchTree(tree);
  used_ = true;
  auto iterator =
      NewUserIterator(writes_.NewCursor(read_point_.view.get(), read_point_.sequence, tree), tree,
                      options, read_point_.view);
  if (!catalogue().HasRules(tree)) return iterator;
  const TreeRules rules = RulesOf(tree);
  return NewRuledIterator(std::move(iterator), rules, read_point_.now_seconds,
                          [this, rules, tree](std::string_view key, Value* value) {
                            return GetByRules(rules, EncodeInternalKey(tree, key), value);
                          });
}

Result<uint64_t> TransactionImpl::Count(Tree tree, const KeyRange& range) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  used_ = true;
  if (!catalogue().IsUserTree(tree)) return uint64_t{0};
  if (catalogue().HasRules(tree)) {
    IteratorOptions bounds;
    if (range.begin) bounds.lower_bound = *range.begin;
    if (range.end) bounds.upper_bound = *range.end;
    SIBYL_ASSIGN_OR_RETURN(const auto iterator, NewIterator(tree, bounds));
    return CountOneByOne(iterator.get());
  }
  return RankReader(*read_point_.view, read_point_.sequence, tree, &writes_)
      .Count(range.begin, range.end);
}

Result<std::optional<OwnedRecord>> TransactionImpl::At(Tree tree, uint64_t rank) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  used_ = true;
  if (!catalogue().IsUserTree(tree)) return std::optional<OwnedRecord>();
  if (catalogue().HasRules(tree)) {
    SIBYL_ASSIGN_OR_RETURN(const auto iterator, NewIterator(tree, {}));
    return AtOneByOne(iterator.get(), rank);
  }
  return RankReader(*read_point_.view, read_point_.sequence, tree, &writes_).At(rank);
}

Status TransactionImpl::RollbackTo(uint64_t savepoint) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  SIBYL_RETURN_IF_ERROR(writes_.RollbackTo(savepoint));
  CountMemory();
  if (!own_catalogue_) return Ok();
  own_catalogue_ = *read_point_.view->catalogue;
  return ApplyOwnChanges(&*own_catalogue_);
}

Status TransactionImpl::Commit(const WriteOptions& options) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  finished_ = true;
  Status committed = CommitWrites(options);
  UnlockKeys();
  return committed;
}

Status TransactionImpl::CommitWrites(const WriteOptions& options) {
  if (writes_.empty()) {
    return options.sync && !state_.options.read_only ? commits_.Sync() : Ok();
  }
  const LatencySample latency(state_.latencies.commit);
  const Status committed = writes_.has_runs() ? CommitRuns() : CommitToLog(options);
  if (committed) {
    engine::Count(state_.counters.transactions_committed);
  } else if (committed.error().code == ErrorCode::kConflict) {
    engine::Count(state_.counters.transactions_conflicted);
  }
  return committed;
}

Status TransactionImpl::CommitToLog(const WriteOptions& options) {
  std::string records;
  // The last one is given more room than it takes.
  records.reserve(writes_.bytes() + 16 * writes_.records() + 64);
  const auto append = [&records](std::string_view key, const OverlayEntry& entry) {
    AppendBatchRecord({TreeOf(key), entry.type, UserKeyOf(key), entry.value}, &records);
    return Ok();
  };
  SIBYL_RETURN_IF_ERROR(writes_.ForEachInMemory(append));
  if (records.size() > kMaxBatchBytes) {
    return Error{ErrorCode::kInvalidArgument,
                 "the transaction has " + std::to_string(records.size()) +
                     " bytes of writes, more than the limit of " + std::to_string(kMaxBatchBytes)};
  }
  const auto committed =
      commits_.Commit(records, writes_.records(), options.sync,
                      [this](const View& current) { return CheckConflicts(current); });
  return committed ? Ok() : Status(committed.error());
}

// What was spilled is on disk already: the commit is a change of the manifest, which is durable
// when it returns, and before which everything that was committed earlier is durable too.
Status TransactionImpl::CommitRuns() {
  SIBYL_RETURN_IF_ERROR(writes_.SpillAll());
  // Drained here, what is in memory does not keep others waiting in the queue. Where they have
  // begun another generation, it would take the history away that the check for conflicts needs.
  const uint64_t own_active_id = read_point_.view->generations.front()->id();
  if (state_.views.Current()->generations.front()->id() == own_active_id) {
    SIBYL_RETURN_IF_ERROR(commits_.Freeze());
    SIBYL_RETURN_IF_ERROR(compactor_.DrainFrozen());
  }
  SIBYL_RETURN_IF_ERROR(commits_.FreezeAndRun([this] { return PublishRuns(); }));
  compactor_.WorkArrived();  // they are runs now, to be merged
  return Ok();
}

// While nobody commits.
Status TransactionImpl::PublishRuns() {
  const std::shared_ptr<const View> current = state_.views.Current();
  SIBYL_RETURN_IF_ERROR(CheckConflicts(*current));
  std::shared_ptr<Catalogue> catalogue;
  if (own_catalogue_) {
    catalogue = std::make_shared<Catalogue>(*current->catalogue);
    SIBYL_RETURN_IF_ERROR(ApplyOwnChanges(catalogue.get()));
  }
  return compactor_.AddRuns(writes_.Runs(), std::move(catalogue));
}

// Runs in commit order: what is published now is everything that commits before this transaction.
Status TransactionImpl::CheckConflicts(const View& current) const {
  if (state_.published_sequence.load(std::memory_order_acquire) == read_point_.sequence &&
      current.ingestions == read_point_.view->ingestions) {
    return Ok();  // nobody wrote since
  }
  SIBYL_RETURN_IF_ERROR(CheckTrees(*current.catalogue));
  return CheckKeys(current);
}

Status TransactionImpl::CheckTrees(const Catalogue& current) const {
  const auto cursor = writes_.NewCursor();
  cursor->SeekToFirst();
  for (; cursor->Valid() && TreeOf(cursor->key()) == kCatalogueTree; cursor->Next()) {
    if (cursor->type() == RecordType::kValue && IsTreeNameKey(UserKeyOf(cursor->key())) &&
        current.Find(cursor->value())) {
      return Conflict("another transaction created tree " + base::Quoted(cursor->value()) +
                      " first");
    }
  }
  while (cursor->Valid()) {
    const Tree tree = TreeOf(cursor->key());
    const bool created_here = !read_point_.view->catalogue->Contains(tree);
    if (!created_here && !current.Contains(tree)) {
      return Conflict("another transaction dropped tree " + std::to_string(tree.id));
    }
    if (tree.id == UINT32_MAX) break;
    cursor->Seek(EncodeInternalKey(Tree{tree.id + 1}, {}));
  }
  return cursor->status();
}

// The generations with writes since the snapshot: the active one of the transaction's own view and
// those after it. If some came and went in between, or records were ingested past them, nobody can
// tell any more what was written.
Result<std::vector<const Generation*>> TransactionImpl::GenerationsSinceSnapshot(
    const View& current) const {
  std::vector<const Generation*> newer;
  const uint64_t own_active_id = read_point_.view->generations.front()->id();
  if (current.generations.back()->id() > own_active_id + 1 ||
      current.ingestions != read_point_.view->ingestions) {
    return HistoryIsGone();
  }
  for (const auto& generation : current.generations) {
    if (generation->id() > own_active_id) newer.push_back(generation.get());
  }
  newer.push_back(read_point_.view->generations.front().get());
  return newer;
}

Status TransactionImpl::CheckKey(std::string_view internal_key,
                                 const std::vector<const Generation*>& generations) const {
  for (const Generation* generation : generations) {
    if (generation->NewestSequence(internal_key) > read_point_.sequence) {
      return WrittenByOther(internal_key);
    }
    if (generation->newest_range_deletion() <= read_point_.sequence) continue;
    if (NewestDeletion(generation->range_deletions(), internal_key) > read_point_.sequence) {
      return WrittenByOther(internal_key);
    }
  }
  return Ok();
}

// The writes may be many more than what others wrote: with runs it is those that are looked up.
Status TransactionImpl::CheckKeys(const View& current) const {
  SIBYL_ASSIGN_OR_RETURN(const auto newer, GenerationsSinceSnapshot(current));
  if (!writes_.has_runs()) {
    return writes_.ForEachInMemory(
        [&](std::string_view key, const OverlayEntry&) { return CheckKey(key, newer); });
  }
  for (const Generation* generation : newer) SIBYL_RETURN_IF_ERROR(CheckRuns(*generation));
  return Ok();
}

Status TransactionImpl::CheckRuns(const Generation& generation) const {
  Value ignored;
  const auto cursor = generation.NewCursor(UINT64_MAX);
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    if (generation.NewestSequence(cursor->key()) <= read_point_.sequence) continue;
    SIBYL_ASSIGN_OR_RETURN(const storage::LookupOutcome own, writes_.Find(cursor->key(), &ignored));
    if (own != storage::LookupOutcome::kAbsent) return CheckKey(cursor->key(), {&generation});
  }
  SIBYL_RETURN_IF_ERROR(cursor->status());
  return CheckRanges(generation);
}

// Whether somebody deleted a range with a key that was written here.
Status TransactionImpl::CheckRanges(const Generation& generation) const {
  if (generation.newest_range_deletion() <= read_point_.sequence) return Ok();
  const RangeDeletionsPtr deletions = generation.range_deletions();
  const auto own = writes_.NewCursor();
  for (const RangeDeletion& deletion : deletions->all()) {
    if (deletion.sequence <= read_point_.sequence) continue;
    own->Seek(deletion.begin);
    SIBYL_RETURN_IF_ERROR(own->status());
    if (own->Valid() && own->key() < deletion.end) return WrittenByOther(own->key());
  }
  return Ok();
}

}  // namespace sibyl::engine
