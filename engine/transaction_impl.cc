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

}  // namespace

TransactionImpl::TransactionImpl(DatabaseState& state, CommitQueue& commits)
    : state_(state), commits_(commits), read_point_(CurrentReadPoint(state)) {
  engine::Count(state_.counters.pinned_views);
}

TransactionImpl::~TransactionImpl() {
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
  if (const auto own = overlay_.Find(internal_key.view())) {
    if (own->type == RecordType::kValue) value->Assign(own->value);
    return value->found();
  }
  return read_point_.view->Get(internal_key.view(), read_point_.sequence, value);
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
    if (now.sequence != read_point_.sequence || now.view->ingestions != read_point_.view->ingestions) {
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
  return Write(tree, RecordType::kValue, key, value);
}

Status TransactionImpl::Delete(Tree tree, std::string_view key) {
  return Write(tree, RecordType::kTombstone, key, {});
}

// The iterator follows the overlay as it changes beneath it.
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

Status TransactionImpl::Write(Tree tree, RecordType type, std::string_view key,
                              std::string_view value) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  SIBYL_RETURN_IF_ERROR(state_.CheckWritable());
  SIBYL_RETURN_IF_ERROR(CheckRecordLimits(key, value));
  if (!catalogue().IsUserTree(tree)) return NoSuchTree(tree);
  used_ = true;
  const InternalKeyBuffer internal_key(tree, key);
  overlay_.Put(internal_key.view(), type, value);
  CountMemory();
  return Ok();
}

// The overlay grows in chunks, so that this rarely writes what others read.
void TransactionImpl::CountMemory() {
  const uint64_t bytes = overlay_.memory_bytes();
  if (bytes == counted_bytes_) return;
  state_.counters.transaction_bytes.fetch_add(bytes - counted_bytes_, std::memory_order_relaxed);
  counted_bytes_ = bytes;
}

Result<Tree> TransactionImpl::CreateTree(std::string_view name, const TreeOptions& options) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  SIBYL_RETURN_IF_ERROR(state_.CheckWritable());
  SIBYL_RETURN_IF_ERROR(CheckTreeName(name));
  if (catalogue().Find(name)) return TreeNameTaken(name);
  SIBYL_ASSIGN_OR_RETURN(const Tree tree, state_.NewTree());
  ChangeCatalogue({kCatalogueTree, RecordType::kValue, CatalogueKey(tree), name});
  if (options != TreeOptions()) SIBYL_RETURN_IF_ERROR(SetTreeOptions(tree, options));
  return tree;
}

Status TransactionImpl::DropTree(Tree tree) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  SIBYL_RETURN_IF_ERROR(state_.CheckWritable());
  if (tree == kDefaultTree) return CannotDropDefaultTree();
  if (!catalogue().IsUserTree(tree)) return NoSuchTree(tree);
  if (catalogue().OptionsOf(tree) != TreeOptions()) {
    ChangeCatalogue({kCatalogueTree, RecordType::kTombstone, TreeOptionsKey(tree), {}});
  }
  ChangeCatalogue({kCatalogueTree, RecordType::kTombstone, CatalogueKey(tree), {}});
  return Ok();
}

Status TransactionImpl::SetTreeOptions(Tree tree, const TreeOptions& options) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  SIBYL_RETURN_IF_ERROR(state_.CheckWritable());
  if (!catalogue().IsUserTree(tree)) return NoSuchTree(tree);
  const bool is_default = options == TreeOptions();
  ChangeCatalogue({kCatalogueTree, is_default ? RecordType::kTombstone : RecordType::kValue,
                   TreeOptionsKey(tree), is_default ? std::string() : EncodeTreeOptions(options)});
  return Ok();
}

void TransactionImpl::ChangeCatalogue(const BatchRecord& record) {
  used_ = true;
  overlay_.Put(EncodeInternalKey(record.tree, record.key), record.type, record.value);
  if (!own_catalogue_) own_catalogue_ = *read_point_.view->catalogue;
  SIBYL_CHECK(own_catalogue_->Apply(record).has_value());  // it is ours
}

// After a rollback: what others committed, then what is left of our own changes.
void TransactionImpl::RebuildCatalogue() {
  own_catalogue_ = *read_point_.view->catalogue;
  const auto cursor = overlay_.NewCursor();
  for (cursor->SeekToFirst(); cursor->Valid() && TreeOf(cursor->key()) == kCatalogueTree;
       cursor->Next()) {
    SIBYL_CHECK(own_catalogue_
                    ->Apply({kCatalogueTree, cursor->type(), UserKeyOf(cursor->key()),
                             cursor->value()})
                    .has_value());
  }
}

Result<std::unique_ptr<Iterator>> TransactionImpl::NewIterator(Tree tree,
                                                               const IteratorOptions& options) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  if (!catalogue().IsUserTree(tree)) return NoSuchTree(tree);
  used_ = true;
  return NewUserIterator(read_point_.view->NewCursor(read_point_.sequence, overlay_), tree, options,
                         read_point_.view);
}

Result<uint64_t> TransactionImpl::Count(Tree tree, const KeyRange& range) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  used_ = true;
  if (!catalogue().IsUserTree(tree)) return uint64_t{0};
  return RankReader(*read_point_.view, read_point_.sequence, tree, &overlay_)
      .Count(range.begin, range.end);
}

Result<std::optional<OwnedRecord>> TransactionImpl::At(Tree tree, uint64_t rank) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  used_ = true;
  if (!catalogue().IsUserTree(tree)) return std::optional<OwnedRecord>();
  return RankReader(*read_point_.view, read_point_.sequence, tree, &overlay_).At(rank);
}

Status TransactionImpl::RollbackTo(uint64_t savepoint) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  SIBYL_RETURN_IF_ERROR(overlay_.RollbackTo(savepoint));
  if (own_catalogue_) RebuildCatalogue();
  return Ok();
}

Status TransactionImpl::Commit(const WriteOptions& options) {
  SIBYL_RETURN_IF_ERROR(CheckOpen());
  finished_ = true;
  Status committed = CommitWrites(options);
  UnlockKeys();
  return committed;
}

Status TransactionImpl::CommitWrites(const WriteOptions& options) {
  if (overlay_.empty()) {
    return options.sync && !state_.options.read_only ? commits_.Sync() : Ok();
  }
  const LatencySample latency(state_.latencies.commit);
  std::string records;
  records.reserve(overlay_.bytes() + 16 * overlay_.records());
  const auto append = [&records](std::string_view key, const OverlayEntry& entry) {
    AppendBatchRecord({TreeOf(key), entry.type, UserKeyOf(key), entry.value}, &records);
    return Ok();
  };
  SIBYL_RETURN_IF_ERROR(overlay_.ForEach(append));
  if (records.size() > kMaxBatchBytes) {
    return Error{ErrorCode::kInvalidArgument,
                 "the transaction has " + std::to_string(records.size()) +
                     " bytes of writes, more than the limit of " + std::to_string(kMaxBatchBytes)};
  }
  const auto committed =
      commits_.Commit(records, overlay_.records(), options.sync,
                      [this](const View& current) { return CheckConflicts(current); });
  if (!committed) {
    const bool conflict = committed.error().code == ErrorCode::kConflict;
    if (conflict) engine::Count(state_.counters.transactions_conflicted);
    return committed.error();
  }
  engine::Count(state_.counters.transactions_committed);
  return Ok();
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
  Tree checked = kCatalogueTree;
  return overlay_.ForEach([&](std::string_view key, const OverlayEntry& entry) -> Status {
    const Tree tree = TreeOf(key);
    if (tree == kCatalogueTree && entry.type == RecordType::kValue &&
        IsTreeNameKey(UserKeyOf(key)) && current.Find(entry.value)) {
      return Conflict("another transaction created tree " + base::Quoted(entry.value) + " first");
    }
    if (tree == checked) return Ok();
    checked = tree;
    const bool created_here = !read_point_.view->catalogue->Contains(tree);
    if (!created_here && !current.Contains(tree)) {
      return Conflict("another transaction dropped tree " + std::to_string(tree.id));
    }
    return Ok();
  });
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
    return Conflict("the history since the transaction began is gone; run it again");
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
    if (generation->NewestSequence(internal_key) <= read_point_.sequence) continue;
    return Conflict("key " + base::Quoted(UserKeyOf(internal_key)) + " of tree " +
                    std::to_string(TreeOf(internal_key).id) +
                    " was written by another transaction first");
  }
  return Ok();
}

Status TransactionImpl::CheckKeys(const View& current) const {
  SIBYL_ASSIGN_OR_RETURN(const auto newer, GenerationsSinceSnapshot(current));
  return overlay_.ForEach(
      [&](std::string_view key, const OverlayEntry&) { return CheckKey(key, newer); });
}

}  // namespace sibyl::engine
