// The commit log in memory: the same promises as the one on RocksDB, minus the disk.
//
// For tests of the engine, and for the thread sanitizer, which cannot see into RocksDB.

#include <algorithm>
#include <map>
#include <mutex>

#include "base/check.h"
#include "base/status_macros.h"
#include "storage/commit_log.h"
#include "storage/commit_log_format.h"

namespace sibyl::storage {

struct MemoryLogState {
  struct Entry {
    uint64_t first_sequence;
    uint64_t record_count;
    std::string bytes;
  };

  std::mutex mutex;  // guards the rest
  std::optional<std::string> manifest;
  std::map<uint64_t, std::vector<Entry>> generations = {{1, {}}};  // the last is active
  uint64_t next_sequence = 0;  // one past the last record appended
};

namespace {

class MemoryLog final : public CommitLog {
 public:
  explicit MemoryLog(std::shared_ptr<MemoryLogState> state) : state_(std::move(state)) {}

  std::optional<std::string> Manifest() const override {
    const std::lock_guard lock(state_->mutex);
    return state_->manifest;
  }

  std::vector<uint64_t> Generations() const override {
    const std::lock_guard lock(state_->mutex);
    std::vector<uint64_t> numbers;
    for (const auto& [generation, entries] : state_->generations) numbers.push_back(generation);
    return numbers;
  }

  Status Replay(uint64_t generation, const std::function<Status(const LogEntry&)>& entry) override {
    SIBYL_ASSIGN_OR_RETURN(const auto entries, EntriesOf(generation));
    for (const MemoryLogState::Entry& stored : entries) {
      SIBYL_RETURN_IF_ERROR(entry({stored.first_sequence, stored.record_count, stored.bytes}));
    }
    return Ok();
  }

  Status Append(uint64_t first_sequence, uint64_t record_count, std::string_view bytes) override {
    SIBYL_RETURN_IF_ERROR(CheckLogEntrySize("a log entry", bytes.size()));
    const std::lock_guard lock(state_->mutex);
    SIBYL_CHECK(record_count > 0 && first_sequence >= state_->next_sequence);
    state_->generations.rbegin()->second.push_back(
        {first_sequence, record_count, std::string(bytes)});
    state_->next_sequence = first_sequence + record_count;
    return Ok();
  }

  Status Sync() override { return Ok(); }

  Status PrepareGeneration() override { return Ok(); }

  Result<uint64_t> StartGeneration() override {
    const std::lock_guard lock(state_->mutex);
    const uint64_t generation = state_->generations.rbegin()->first + 1;
    state_->generations[generation];
    return generation;
  }

  Status CommitManifest(std::string_view manifest) override {
    SIBYL_RETURN_IF_ERROR(CheckLogEntrySize("a manifest", manifest.size()));
    const std::lock_guard lock(state_->mutex);
    state_->manifest = std::string(manifest);
    return Ok();
  }

  Status DropGenerations(uint64_t floor) override {
    const std::lock_guard lock(state_->mutex);
    auto& generations = state_->generations;
    SIBYL_CHECK(floor <= generations.rbegin()->first);
    generations.erase(generations.begin(), generations.lower_bound(floor));
    return Ok();
  }

  uint64_t DiskBytes() const override {
    const std::lock_guard lock(state_->mutex);
    uint64_t total_bytes = 0;
    for (const auto& [generation, entries] : state_->generations) {
      for (const MemoryLogState::Entry& entry : entries) total_bytes += entry.bytes.size();
    }
    return total_bytes;
  }

 private:
  // A copy, so that the callback of Replay may use the log.
  Result<std::vector<MemoryLogState::Entry>> EntriesOf(uint64_t generation) const {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->generations.find(generation);
    if (found == state_->generations.end()) return UnknownGeneration(generation);
    return found->second;
  }

  std::shared_ptr<MemoryLogState> state_;
};

}  // namespace

std::shared_ptr<MemoryLogState> NewMemoryLogState() { return std::make_shared<MemoryLogState>(); }

std::unique_ptr<CommitLog> OpenMemoryLog(std::shared_ptr<MemoryLogState> state) {
  return std::make_unique<MemoryLog>(std::move(state));
}

}  // namespace sibyl::storage
