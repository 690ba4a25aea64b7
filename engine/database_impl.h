// The database: the public interface over commit queue, views and compactor.

#ifndef SIBYL_ENGINE_DATABASE_IMPL_H_
#define SIBYL_ENGINE_DATABASE_IMPL_H_

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/commit_queue.h"
#include "engine/compactor.h"
#include "engine/database_state.h"
#include "sibyl/database.h"

namespace sibyl::engine {

// Thread-safe.
class DatabaseImpl final : public Database {
 public:
  // Opens without the registry. The directory must exist. With options.read_only it is not touched:
  // beside a writer this may fail, with kCorruption or kIo, because files went meanwhile.
  static Result<std::unique_ptr<DatabaseImpl>> Open(const Options& options,
                                                    const storage::Path& directory,
                                                    const Environment& environment);

  // Drains the delta and closes; in a child after fork() it touches nothing.
  ~DatabaseImpl() override;

  using Database::Get;
  Result<bool> Get(const ReadOptions& options, Tree tree, std::string_view key,
                   Value* value) override;
  Result<bool> GetPinned(const ReadOptions& options, Tree tree, std::string_view key,
                         PinnedValue* value) override;
  Status MultiGet(const ReadOptions& options, Tree tree, std::span<const std::string_view> keys,
                  std::span<Value> values) override;
  Result<std::unique_ptr<Iterator>> NewIterator(Tree tree, const IteratorOptions& options) override;
  Result<uint64_t> Count(const ReadOptions& options, Tree tree, const KeyRange& range) override;
  Result<uint64_t> EstimateCount(Tree tree, const KeyRange& range) override;
  Result<std::optional<OwnedRecord>> At(const ReadOptions& options, Tree tree,
                                        uint64_t rank) override;
  Result<std::unique_ptr<Snapshot>> GetSnapshot() override;

  Status Write(const WriteOptions& options, const WriteBatch& batch) override;
  Status DeleteRange(const WriteOptions& options, Tree tree, std::string_view begin,
                     std::optional<std::string_view> end) override;
  Status Sync() override;
  Result<std::unique_ptr<Transaction>> BeginTransaction() override;
  Result<IngestResult> Ingest(Tree tree, const RecordSource& source,
                              const IngestOptions& options) override;

  Result<Tree> CreateTree(std::string_view name, const TreeOptions& options) override;
  Result<std::optional<Tree>> FindTree(std::string_view name) override;
  Result<bool> HasTree(const ReadOptions& options, Tree tree) override;
  Status DropTree(Tree tree) override;
  Result<std::vector<TreeInfo>> ListTrees() override;
  Status SetTreeOptions(Tree tree, const TreeOptions& options) override;

  Status Flush() override;
  Status Compact() override;
  Result<VerifyReport> Verify() override;
  Result<CheckpointInfo> Checkpoint(const std::filesystem::path& directory) override;
  Result<BackupInfo> Backup(const std::filesystem::path& backups) override;
  Result<Stats> GetStats() override;
  Result<std::vector<ModelPiece>> ListPieces(Tree tree) override;
  Result<LookupExplanation> Explain(const ReadOptions& options, Tree tree,
                                    std::string_view key) override;

  // Called in a child process after fork(), where only this thread exists.
  void MarkInherited();

  // Called when the process exits with the database open: nothing runs in the background any more.
  // What has been written is in the log.
  void EndBackgroundWork() {
    compactor_->Stop();
    state_->log->EndBackgroundWork();
  }

 private:
  DatabaseImpl(std::unique_ptr<DatabaseState> state, const Environment& environment)
      : environment_(environment), state_(std::move(state)) {}

  ReadPoint ReadPointOf(const Snapshot* snapshot) const;
  Status WriteEncoded(const WriteOptions& options, const WriteBatch& batch);
  Status MultiGetIn(const View& view, uint64_t sequence, uint64_t now_seconds, Tree tree,
                    std::span<const std::string_view> keys, std::span<Value> values) const;

  const Environment environment_;
  std::unique_ptr<DatabaseState> state_;
  std::unique_ptr<Compactor> compactor_;
  std::unique_ptr<CommitQueue> commits_;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_DATABASE_IMPL_H_
