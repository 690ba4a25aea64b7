// Transactions: a read point, a set of own writes, and a check at commit.

#ifndef SIBYL_ENGINE_TRANSACTION_IMPL_H_
#define SIBYL_ENGINE_TRANSACTION_IMPL_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "engine/catalogue.h"
#include "engine/commit_queue.h"
#include "engine/compactor.h"
#include "engine/database_state.h"
#include "engine/write_set.h"
#include "sibyl/transaction.h"

namespace sibyl::engine {

// One thread at a time.
class TransactionImpl final : public Transaction {
 public:
  // All outlive the transaction.
  TransactionImpl(DatabaseState& state, CommitQueue& commits, Compactor& compactor);
  ~TransactionImpl() override;

  Result<bool> Get(Tree tree, std::string_view key, Value* value) override;
  Result<bool> GetForUpdate(Tree tree, std::string_view key, Value* value,
                            std::chrono::nanoseconds timeout) override;
  Status Put(Tree tree, std::string_view key, std::string_view value) override;
  Status Merge(Tree tree, std::string_view key, std::string_view operand) override;
  Status Delete(Tree tree, std::string_view key) override;
  Status DeleteRange(Tree tree, std::string_view begin,
                     std::optional<std::string_view> end) override;
  Result<Tree> CreateTree(std::string_view name, const TreeOptions& options) override;
  Status DropTree(Tree tree) override;
  Status SetTreeOptions(Tree tree, const TreeOptions& options) override;
  Result<std::unique_ptr<Iterator>> NewIterator(Tree tree, const IteratorOptions& options) override;
  Result<uint64_t> Count(Tree tree, const KeyRange& range) override;
  Result<std::optional<OwnedRecord>> At(Tree tree, uint64_t rank) override;
  uint64_t Savepoint() override { return writes_.Savepoint(); }
  void ReleaseSavepoint(uint64_t savepoint) override { writes_.Release(savepoint); }
  Status RollbackTo(uint64_t savepoint) override;
  Status Commit(const WriteOptions& options) override;
  uint64_t pending_records() const override { return writes_.records(); }
  uint64_t pending_bytes() const override { return writes_.bytes(); }
  uint64_t snapshot_sequence() const override { return read_point_.sequence; }

 private:
  Status CheckOpen() const;
  Status CheckWrite(Tree tree, std::string_view key, std::string_view value) const;
  Status MakeRoom();
  Status Write(Tree tree, RecordType type, std::string_view key, std::string_view value);
  Result<bool> GetByRules(const TreeRules& rules, std::string_view internal_key,
                          Value* value) const;

  TreeRules RulesOf(Tree tree) const { return TreeRules::Of(catalogue(), state_.operators, tree); }

  // The trees as this transaction sees them, its own creations and drops included.
  const Catalogue& catalogue() const {
    return own_catalogue_ ? *own_catalogue_ : *read_point_.view->catalogue;
  }
  Status WriteTreeOptions(Tree tree, const TreeOptions& options);
  Status ChangeCatalogue(const BatchRecord& record);
  Status ApplyOwnChanges(Catalogue* catalogue) const;
  void CountMemory();
  Status CommitWrites(const WriteOptions& options);
  Status CommitToLog(const WriteOptions& options);
  Status CommitRuns();
  Status PublishRuns();

  Status LockKey(std::string_view internal_key, std::chrono::nanoseconds timeout);
  void UnlockKeys();

  Status CheckConflicts(const View& current) const;
  Result<std::vector<const Generation*>> GenerationsSinceSnapshot(const View& current) const;
  Status CheckKey(std::string_view internal_key,
                  const std::vector<const Generation*>& generations) const;
  Status CheckKeys(const View& current) const;
  Status CheckRuns(const Generation& generation) const;
  Status CheckRanges(const Generation& generation) const;
  Status CheckTrees(const Catalogue& current) const;

  DatabaseState& state_;
  CommitQueue& commits_;
  Compactor& compactor_;
  ReadPoint read_point_;
  WriteSet writes_;
  std::optional<Catalogue> own_catalogue_;       // set once this transaction changed trees
  uint64_t counted_bytes_ = 0;                   // of the writes, in the database's statistics
  std::unordered_set<std::string> locked_keys_;  // internal keys
  bool used_ = false;                            // has read or written: its snapshot must stay
  bool finished_ = false;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_TRANSACTION_IMPL_H_
