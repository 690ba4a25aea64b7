// Database: an embedded, ordered, transactional key-value store on learned indexes.
//
//   auto db = sibyl::Database::Open({}, "my.sibyl");
//   if (!db) return Fail(db.error());
//   auto put = (*db)->Put("key", "value");
//   auto got = (*db)->Get("key");       // Result<std::optional<std::string>>

#ifndef SIBYL_DATABASE_H_
#define SIBYL_DATABASE_H_

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sibyl/backup.h"
#include "sibyl/explain.h"
#include "sibyl/iterator.h"
#include "sibyl/key_range.h"
#include "sibyl/options.h"
#include "sibyl/result.h"
#include "sibyl/snapshot.h"
#include "sibyl/stats.h"
#include "sibyl/transaction.h"
#include "sibyl/tree.h"
#include "sibyl/value.h"
#include "sibyl/write_batch.h"

namespace sibyl {

struct Record {
  std::string_view key;
  std::string_view value;
};

// The next record of an ingestion, valid until the following call; nullopt at the end.
using RecordSource = std::function<Result<std::optional<Record>>()>;

struct IngestResult {
  uint64_t records = 0;  // distinct keys now in segments
  uint64_t segments = 0;
};

struct VerifyReport {
  uint64_t segments = 0;
  uint64_t blocks = 0;
  uint64_t records = 0;
  std::vector<std::string> problems;  // empty: the database is proved whole
  bool ok() const { return problems.empty(); }
};

struct CheckpointInfo {
  uint64_t segments = 0;
  uint64_t bytes = 0;         // of all segments
  uint64_t copied_bytes = 0;  // of those that could not be linked: 0 on the same file system
};

// Thread-safe: any number of threads may call any method at the same time.
// Keys are byte strings of 0 to 65,536 bytes in unsigned byte order, values 0 bytes to 1 GiB.
class Database {
 public:
  // Opens the database in `directory`, creating it if absent (see Options). A directory is open at
  // most once per machine: a second Open in this process shares the first one's database, and the
  // first one's options hold; one in another process, or in a child after fork(), is kBusy. After
  // fork() the child must not use inherited handles: their calls return kInvalidArgument and touch
  // no file.
  //
  // The database closes when the last pointer to it goes: what the delta holds is drained to
  // segments, so that the next opening replays nothing.
  //
  // Errors: kInvalidArgument (see Options); kBusy; kIo; kCorruption naming the damaged file;
  // kNotSupported for a newer format.
  static Result<std::shared_ptr<Database>> Open(const Options& options,
                                                const std::filesystem::path& directory);
  virtual ~Database() = default;

  // ---- Reads ----

  // Fills `value` and returns whether `key` exists. Allocates nothing once value's buffer is large
  // enough. Cost: the delta, then per level one model evaluation and one block.
  // Errors: kIo, kCorruption.
  virtual Result<bool> Get(const ReadOptions& options, Tree tree, std::string_view key,
                           Value* value) = 0;

  // The same without copying the value out of the segment it lies in: for values of some KiB, since
  // keeping it in place costs two counters that all threads share. What is still in the delta,
  // large values (over 64 KiB) that are compressed or read with ReadMode::kPread, and the values of
  // trees with a time to live or a merge operator are copied all the same.
  virtual Result<bool> GetPinned(const ReadOptions& options, Tree tree, std::string_view key,
                                 PinnedValue* value) = 0;

  // Reads many keys of one tree against one state: predicts all, prefetches all, searches all.
  // values[i] answers keys[i]. Precondition: values.size() >= keys.size().
  // Errors: kIo, kCorruption; the values are then unspecified.
  virtual Status MultiGet(const ReadOptions& options, Tree tree,
                          std::span<const std::string_view> keys, std::span<Value> values) = 0;

  virtual Result<std::unique_ptr<Iterator>> NewIterator(Tree tree,
                                                        const IteratorOptions& options = {}) = 0;

  // The next three are exact whatever is in memory or not compacted yet. Where the deepest level
  // has all records of the range they are arithmetic on block directories: one model evaluation and
  // at most 64 block headers for each end. Everything above that level costs a step per record in
  // the range (for At: in the tree, up to the place), so they are fast on compacted data and on
  // ranges that were not written to since. Where much lies above, the records are counted one by
  // one. Errors of all: kIo, kCorruption.

  // The number of keys in `range`. Of a tree that does not exist: 0.
  virtual Result<uint64_t> Count(const ReadOptions& options, Tree tree, const KeyRange& range) = 0;

  // The number of keys before `key`, whether that exists or not: its rank, if it does.
  Result<uint64_t> Rank(const ReadOptions& options, Tree tree, std::string_view key) {
    return Count(options, tree, {std::nullopt, key});
  }

  // About how many keys are in `range`, for planning: the models are the distribution of the keys,
  // and evaluating them at both ends reads no block. What is in memory is looked at for up to 256
  // records; deleted and overwritten keys count as often as they are there. Of a tree that does not
  // exist: 0.
  virtual Result<uint64_t> EstimateCount(Tree tree, const KeyRange& range) = 0;

  // The record that `rank` others precede; nullopt if the tree has no more than `rank`.
  virtual Result<std::optional<OwnedRecord>> At(const ReadOptions& options, Tree tree,
                                                uint64_t rank) = 0;

  virtual Result<std::unique_ptr<Snapshot>> GetSnapshot() = 0;

  // ---- Writes ----

  // Applies the batch atomically, in order. When it returns, the batch is visible and, as
  // `options` asks, durable. With a DeleteRange in it, other writers wait while its keys are read.
  // Errors: kInvalidArgument for an unknown tree, for a Merge in a tree without an operator, and if
  // the records, those that ranges delete included, are over kMaxBatchBytes; kIo, after which the
  // database is read-only (kReadOnly) until reopened, and the batch may or may not be there then.
  // Nothing of it is visible before, unless it was only the sync that failed.
  virtual Status Write(const WriteOptions& options, const WriteBatch& batch) = 0;

  // Makes every write that has returned durable, as WriteOptions::sync does. Errors: kIo.
  virtual Status Sync() = 0;

  // Deletes every key of `tree` with begin <= key < end; no `end`: to the end of the tree. One
  // commit: readers see all of it or nothing, what was committed before is deleted, what is
  // committed after stays. Other writers wait meanwhile.
  // Cost: up to Options::range_deletion_keys that of reading the keys and of deleting each; beyond
  // that of reading so many, and of one small write, however many keys the range has: see there for
  // what follows. Segments with no other keys are removed unread once the delta is drained. Errors:
  // as Write.
  virtual Status DeleteRange(const WriteOptions& options, Tree tree, std::string_view begin,
                             std::optional<std::string_view> end) = 0;

  virtual Result<std::unique_ptr<Transaction>> BeginTransaction() = 0;

  // Loads records straight to segments, faster than Write and without the log. All become visible
  // at once at the end, durable, and shadow earlier values of the same keys.
  // Errors: those of `source`; kInvalidArgument for an unknown tree, or naming the key where sorted
  // input was promised; kCorruption; kIo as for Write. Nothing is visible then.
  virtual Result<IngestResult> Ingest(Tree tree, const RecordSource& source,
                                      const IngestOptions& options = {}) = 0;

  // ---- Trees ----

  // Errors: kInvalidArgument if the name is taken or the options are not possible (CreateTree), the
  // tree unknown or the default one (DropTree). Dropping costs one write; compaction reclaims the
  // space.
  virtual Result<Tree> CreateTree(std::string_view name, const TreeOptions& options = {}) = 0;
  virtual Result<std::optional<Tree>> FindTree(std::string_view name) = 0;
  virtual Status DropTree(Tree tree) = 0;
  virtual Result<std::vector<TreeInfo>> ListTrees() = 0;

  // Whether the state that `options` names has the tree: one that it does not have reads as empty.
  virtual Result<bool> HasTree(const ReadOptions& options, Tree tree) = 0;

  // Changes how a tree is stored, the default one included: one write. Holds for the segments
  // written from then on; Compact rewrites the others. Errors: as Write; kInvalidArgument if it is
  // unknown, and for a time to live or a merge operator other than it was made with.
  virtual Status SetTreeOptions(Tree tree, const TreeOptions& options) = 0;

  // ---- Maintenance ----

  // Drains everything written so far to segments. Afterwards recovery has nothing to replay.
  virtual Status Flush() = 0;

  // Merges everything into one level and retrains its models. Errors: kIo (a full disk included),
  // kCorruption; the database is then as before.
  virtual Status Compact() = 0;

  // Reads and checks every byte in every segment: checksums, key order, that each record lies in
  // the block its model predicts, and that levels and manifest agree.
  // Errors: only what prevents the check itself; damage is in the report.
  virtual Result<VerifyReport> Verify() = 0;

  // Makes `directory`, which must not exist or be empty, a database of its own with everything that
  // was written when the call began, while writing goes on. Drains what is in memory, then links
  // the segments (they never change), which takes no space on the same file system; elsewhere they
  // are copied. The checkpoint is durable when the call returns; before, `directory` is not there,
  // and after an error or a crash only a folder beside it whose name ends in ".incomplete". Errors:
  // kInvalidArgument if the directory is taken, or what an interrupted attempt left is in the way;
  // kIo; kReadOnly.
  virtual Result<CheckpointInfo> Checkpoint(const std::filesystem::path& directory) = 0;

  // Adds a backup of everything written when the call began to the backups in `backups`, a folder
  // of its own, made if it is not there: see backup.h. Only segments that it does not have yet are
  // copied, and each copy is verified.
  // Errors: kCorruption naming the segment that is damaged; kBusy if another backup is under way
  // there; kInvalidArgument if the folder holds something else; kIo; kReadOnly.
  virtual Result<BackupInfo> Backup(const std::filesystem::path& backups) = 0;

  virtual Result<Stats> GetStats() = 0;

  // The models of one tree, segment by segment as GetStats lists them, piece by piece in key order:
  // see explain.h. Cost: O(pieces) block reads. Errors: kIo, kCorruption.
  virtual Result<std::vector<ModelPiece>> ListPieces(Tree tree) = 0;

  // What a Get of `key` asks, in which order, and what the models predict. Slow: it retraces what
  // Get computes. Errors: kInvalidArgument for a key above the limit; kIo, kCorruption.
  virtual Result<LookupExplanation> Explain(const ReadOptions& options, Tree tree,
                                            std::string_view key) = 0;

  // ---- The same, shorter ----

  Result<std::optional<std::string>> Get(Tree tree, std::string_view key);
  Result<std::optional<std::string>> Get(std::string_view key) { return Get(kDefaultTree, key); }
  Status Put(Tree tree, std::string_view key, std::string_view value,
             const WriteOptions& options = {});
  Status Put(std::string_view key, std::string_view value, const WriteOptions& options = {}) {
    return Put(kDefaultTree, key, value, options);
  }
  Status Merge(Tree tree, std::string_view key, std::string_view operand,
               const WriteOptions& options = {});
  Status Delete(Tree tree, std::string_view key, const WriteOptions& options = {});
  Status Delete(std::string_view key, const WriteOptions& options = {}) {
    return Delete(kDefaultTree, key, options);
  }
};

}  // namespace sibyl

#endif  // SIBYL_DATABASE_H_
