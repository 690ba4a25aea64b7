// A commit log that fails on demand, around one that does not.

#ifndef SIBYL_TESTS_ENGINE_FAULTY_LOG_H_
#define SIBYL_TESTS_ENGINE_FAULTY_LOG_H_

#include <atomic>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "storage/commit_log.h"

namespace sibyl::testing {

struct LogFaults {
  // The next write of the kind does what it should, reports kIo, and the log is dead: the worst
  // that CommitLog allows, since what failed is found at the next opening.
  std::atomic<bool> fail_append{false};
  std::atomic<bool> fail_manifest{false};

  // While set, starting a generation does nothing but run out of memory.
  std::atomic<bool> no_memory_to_start{false};

  // While set, every log that is open is dead.
  std::atomic<bool> all_dead{false};
};

class FaultyLog final : public storage::CommitLog {
 public:
  FaultyLog(std::unique_ptr<storage::CommitLog> base, std::shared_ptr<LogFaults> faults)
      : base_(std::move(base)), faults_(std::move(faults)) {}

  std::optional<std::string> Manifest() const override { return base_->Manifest(); }
  std::vector<uint64_t> Generations() const override { return base_->Generations(); }
  Status Replay(uint64_t generation,
                const std::function<Status(const storage::LogEntry&)>& entry) override {
    return base_->Replay(generation, entry);
  }
  Status Append(uint64_t first_sequence, uint64_t record_count, std::string_view bytes) override {
    if (IsDead()) return Dead();
    return FailIf(&faults_->fail_append, base_->Append(first_sequence, record_count, bytes));
  }
  Status Sync() override { return IsDead() ? Dead() : base_->Sync(); }
  Status PrepareGeneration() override { return IsDead() ? Dead() : base_->PrepareGeneration(); }
  Result<uint64_t> StartGeneration() override {
    if (IsDead()) return Dead().error();
    if (faults_->no_memory_to_start) throw std::bad_alloc();
    return base_->StartGeneration();
  }
  Status CommitManifest(std::string_view manifest) override {
    if (IsDead()) return Dead();
    return FailIf(&faults_->fail_manifest, base_->CommitManifest(manifest));
  }
  Status DropGenerations(uint64_t floor) override {
    return IsDead() ? Dead() : base_->DropGenerations(floor);
  }
  Status CheckAlive() const override { return IsDead() ? Dead() : base_->CheckAlive(); }
  uint64_t DiskBytes() const override { return base_->DiskBytes(); }

 private:
  bool IsDead() const { return dead_ || faults_->all_dead; }
  static Status Dead() { return Error{ErrorCode::kReadOnly, "the log is dead"}; }

  Status FailIf(std::atomic<bool>* fault, Status status) {
    if (!fault->exchange(false)) return status;
    dead_ = true;
    return Error{ErrorCode::kIo, "injected failure of the log"};
  }

  const std::unique_ptr<storage::CommitLog> base_;
  const std::shared_ptr<LogFaults> faults_;
  std::atomic<bool> dead_{false};
};

}  // namespace sibyl::testing

#endif  // SIBYL_TESTS_ENGINE_FAULTY_LOG_H_
