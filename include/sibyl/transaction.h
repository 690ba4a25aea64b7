// Transaction: optimistic, snapshot-isolated, first committer wins.

#ifndef SIBYL_TRANSACTION_H_
#define SIBYL_TRANSACTION_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "sibyl/iterator.h"
#include "sibyl/key_range.h"
#include "sibyl/options.h"
#include "sibyl/result.h"
#include "sibyl/tree.h"
#include "sibyl/value.h"

namespace sibyl {

// Reads see the snapshot of the moment it began, overlaid with its own writes. Nothing is visible
// to others before Commit. One thread at a time. Destroying it without Commit rolls it back; it
// must not outlive its database.
//
// It may write more than fits into memory: beyond Options::transaction_memory_bytes its writes go
// to files of its own, and Commit makes them part of the database, durably, whatever
// WriteOptions::sync says. Every write then may fail with kIo, and is not made; the transaction is
// as before.
class Transaction {
 public:
  virtual ~Transaction() = default;

  // Fills `value` and returns whether the key exists. Errors: kIo, kCorruption.
  virtual Result<bool> Get(Tree tree, std::string_view key, Value* value) = 0;

  // As Get, for a key that this transaction is going to write and that many others write too: first
  // locks the key until the transaction ends, waiting up to `timeout` for another that has it, so
  // that they take turns instead of running again. If this is the transaction's first operation,
  // its snapshot is then taken anew, and sees what the one before it committed.
  //
  // Locks are among those who ask for them: a plain write to the key does not wait, and makes this
  // transaction conflict, as always. RollbackTo keeps locks.
  //
  // Errors: kBusy if the key is still another's after `timeout` (a deadlock ends so); kConflict if
  // it was written since the snapshot (end this transaction and run it again); kReadOnly, kIo,
  // kCorruption.
  virtual Result<bool> GetForUpdate(Tree tree, std::string_view key, Value* value,
                                    std::chrono::nanoseconds timeout) = 0;

  // Errors: kInvalidArgument past the limits of write_batch.h or for an unknown tree.
  virtual Status Put(Tree tree, std::string_view key, std::string_view value) = 0;
  virtual Status Delete(Tree tree, std::string_view key) = 0;

  // Applies the tree's merge operator (merge_operator.h) to what the key has and `operand`.
  // Conflicts like a Put. Errors: as Put; kInvalidArgument for a tree without one.
  virtual Status Merge(Tree tree, std::string_view key, std::string_view operand) = 0;

  // Deletes every key that this transaction sees with begin <= key < end; no `end`: to the end of
  // the tree. The same as deleting them one by one, in cost and in what conflicts: keys that others
  // add to the range meanwhile stay. Errors: as Delete; kIo, kCorruption, with some deleted.
  virtual Status DeleteRange(Tree tree, std::string_view begin,
                             std::optional<std::string_view> end) = 0;

  // Creates or drops a tree as part of this transaction. The new tree can be used at once.
  // An empty name makes an anonymous tree, found again only by its id.
  // Errors: kInvalidArgument if the name is taken, the options are not possible, or the tree is
  // unknown or the default one.
  virtual Result<Tree> CreateTree(std::string_view name, const TreeOptions& options = {}) = 0;
  virtual Status DropTree(Tree tree) = 0;

  // Changes how the tree is stored, as part of this transaction. Errors: kInvalidArgument if it is
  // unknown, and for a time to live or a merge operator other than it was made with.
  virtual Status SetTreeOptions(Tree tree, const TreeOptions& options) = 0;

  // `options.snapshot` is ignored: the transaction has its own.
  virtual Result<std::unique_ptr<Iterator>> NewIterator(Tree tree,
                                                        const IteratorOptions& options = {}) = 0;

  // As Database::Count and At, of what this transaction sees: its own writes count as not
  // compacted. Of a tree that does not exist: 0, nothing. Errors: kIo, kCorruption.
  virtual Result<uint64_t> Count(Tree tree, const KeyRange& range) = 0;
  virtual Result<std::optional<OwnedRecord>> At(Tree tree, uint64_t rank) = 0;

  // A mark of the present state, to roll back to, until it is released or rolled back past. Takes
  // 16 bytes of memory, and in a transaction that outgrows its memory some disk.
  virtual uint64_t Savepoint() = 0;

  // Says that `savepoint` and all later ones are not needed any more. A savepoint that was given
  // several times, since nothing was written in between, counts that often. Nobody has to: it saves
  // what savepoints take.
  virtual void ReleaseSavepoint(uint64_t savepoint) = 0;

  // Undoes every write after `savepoint`; the cost is that of what is undone, and of what was
  // written before it since the transaction last spilled. Later savepoints become invalid.
  // Errors: kInvalidArgument for a mark that was already rolled back past; kIo and kCorruption from
  // what was spilled, with nothing undone.
  virtual Status RollbackTo(uint64_t savepoint) = 0;

  // Makes all writes visible together. Afterwards, on success or not, only destruction is allowed.
  // Errors: kConflict if a key written here was written by a commit after this transaction began,
  // or if the history to decide that is gone (then nothing was written: run it again);
  // kIo, kReadOnly as for Database::Write.
  virtual Status Commit(const WriteOptions& options = {}) = 0;

  // Writes (keys, trees) that Commit would make; after a spill a key may count more than once.
  virtual uint64_t pending_records() const = 0;
  virtual uint64_t pending_bytes() const = 0;

  // The snapshot's sequence: the last write of others that this transaction sees.
  virtual uint64_t snapshot_sequence() const = 0;
};

}  // namespace sibyl

#endif  // SIBYL_TRANSACTION_H_
