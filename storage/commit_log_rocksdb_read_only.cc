// A commit log on RocksDB that is only read: for opening a database read-only, and for repair.

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "storage/commit_log.h"
#include "storage/commit_log_format.h"
#include "storage/commit_log_rocksdb_recovery.h"

namespace sibyl::storage {
namespace {

// Not thread-safe: recovery is one thread, and afterwards every call is refused.
class ReadOnlyRocksDbLog final : public CommitLog {
 public:
  ReadOnlyRocksDbLog(Path directory, OpenedLog opened, bool salvaging)
      : directory_(std::move(directory)), opened_(std::move(opened)), salvaging_(salvaging) {
    for (const auto& [number, generation] : opened_->generations) numbers_.push_back(number);
  }

  std::optional<std::string> Manifest() const override {
    return opened_ ? opened_->manifest : std::nullopt;
  }

  std::vector<uint64_t> Generations() const override { return numbers_; }

  Status Replay(uint64_t generation, const std::function<Status(const LogEntry&)>& entry) override {
    if (!opened_) return UnknownGeneration(generation);
    const auto found = opened_->generations.find(generation);
    if (found == opened_->generations.end()) return UnknownGeneration(generation);
    SIBYL_RETURN_IF_ERROR(ReplayEntries(directory_, found->second.recovered.get(), salvaging_, entry));
    opened_->generations.erase(found);
    if (opened_->generations.empty()) opened_.reset();
    return Ok();
  }

  Status Append(uint64_t, uint64_t, std::string_view) override { return ReadOnly(); }
  Status Sync() override { return ReadOnly(); }
  Status PrepareGeneration() override { return ReadOnly(); }
  Result<uint64_t> StartGeneration() override { return ReadOnly(); }
  Status CommitManifest(std::string_view) override { return ReadOnly(); }
  Status DropGenerations(uint64_t) override { return ReadOnly(); }
  uint64_t DiskBytes() const override { return 0; }

 private:
  Error ReadOnly() const {
    return {ErrorCode::kReadOnly, directory_.string() + ": opened for reading only"};
  }

  const Path directory_;
  std::optional<OpenedLog> opened_;  // until everything was replayed
  const bool salvaging_;
  std::vector<uint64_t> numbers_;    // of the generations as found
};

}  // namespace

Result<std::unique_ptr<CommitLog>> OpenRocksDbLogReadOnly(const Path& directory) {
  SIBYL_ASSIGN_OR_RETURN(OpenedLog opened, OpenLogDatabaseReadOnly(directory));
  return std::unique_ptr<CommitLog>(
      std::make_unique<ReadOnlyRocksDbLog>(directory, std::move(opened), /*salvaging=*/false));
}

std::unique_ptr<CommitLog> SalvageRocksDbLog(const Path& directory,
                                             std::vector<std::string>* problems) {
  return std::make_unique<ReadOnlyRocksDbLog>(directory, SalvageLogDatabase(directory, problems), /*salvaging=*/true);
}

}  // namespace sibyl::storage
