// The commit log on RocksDB: its write-ahead log is our log, its recovery is our recovery.
//
// Each entry is one Put into the column family of the active generation, each generation starts in
// a log file of its own, and nothing is read but at recovery. Why, what else was tried, and the
// traps: docs/decisions/0003-rocksdb-as-commit-log.md. Layout: docs/file-format.md.
//
// Invariants:
// 1. A log file is synced whole before the next one takes its first record, so that a power cut can
//    only shorten the newest. Hence every write and every rotation holds write_mutex_.
// 2. A generation's start record is durable before its first entry is accepted.
// 3. Nothing is ever written to a dropped family: only the active one, which is never dropped, and
//    the meta family are written to.
//
// Lock order: families_mutex_, write_mutex_, state_mutex_.

#include <rocksdb/db.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <system_error>

#include "base/check.h"
#include "base/status_macros.h"
#include "storage/commit_log.h"
#include "storage/commit_log_format.h"
#include "storage/commit_log_rocksdb_options.h"
#include "storage/commit_log_rocksdb_recovery.h"

namespace sibyl::storage {
namespace {

// Families created ahead: one to start with, and one for a freeze that follows at once.
constexpr size_t kPreparedFamilies = 2;

// Manifests without a new generation (compactions only) start a new log file at this size.
constexpr uint64_t kRotateManifestBytes = 16 << 20;

// A batch whose buffer grew beyond this gives it back.
constexpr size_t kMaxKeptBatchBytes = 1 << 20;

class RocksDbLog final : public CommitLog {
 public:
  RocksDbLog(Path directory, OpenedLog opened)
      : directory_(std::move(directory)),
        log_(std::move(opened)),
        active_(&log_.generations.rbegin()->second),
        active_start_(log_.active_start),
        last_family_(log_.prepared.empty() ? log_.generations.rbegin()->first
                                           : log_.prepared.rbegin()->first),
        next_sequence_(log_.next_sequence),
        manifest_number_(log_.manifest_number) {}

  ~RocksDbLog() override {
    // What was appended should not depend on the power once we are gone; nobody is left to hear of
    // a failure.
    if (!failed_) static_cast<void>(SyncLog());
  }

  std::optional<std::string> Manifest() const override {
    const std::lock_guard lock(state_mutex_);
    return log_.manifest;
  }

  std::vector<uint64_t> Generations() const override {
    const std::lock_guard lock(state_mutex_);
    std::vector<uint64_t> numbers;
    for (const auto& [number, generation] : log_.generations) numbers.push_back(number);
    return numbers;
  }

  Status Replay(uint64_t generation, const std::function<Status(const LogEntry&)>& entry) override {
    SIBYL_CHECK(!appended_);  // what was appended since is in the file alone
    SIBYL_ASSIGN_OR_RETURN(const auto entries, TakeEntries(generation));
    return ReplayEntries(directory_, entries.get(), /*salvaging=*/false, entry);
  }

  Status Append(uint64_t first_sequence, uint64_t record_count, std::string_view bytes) override {
    SIBYL_RETURN_IF_ERROR(CheckAlive());
    SIBYL_RETURN_IF_ERROR(CheckLogEntrySize("a log entry", bytes.size()));
    const std::lock_guard lock(write_mutex_);
    const uint64_t expected = next_sequence_.load(std::memory_order_relaxed);
    SIBYL_CHECK(record_count > 0 && first_sequence >= expected);

    const std::string key = EntryKey(first_sequence);
    std::string header;
    AppendEntryHeader(&header, {first_sequence - expected, record_count});
    const rocksdb::Slice key_parts[] = {key};
    const rocksdb::Slice value_parts[] = {header, {bytes.data(), bytes.size()}};
    batch_.Clear();
    rocksdb::Status status = batch_.Put(active_->family.get(), rocksdb::SliceParts(key_parts, 1),
                                        rocksdb::SliceParts(value_parts, 2));
    if (status.ok()) status = log_.db->Write(rocksdb::WriteOptions(), &batch_);
    if (!status.ok()) return Fail(status);
    if (batch_.GetDataSize() > kMaxKeptBatchBytes) batch_ = rocksdb::WriteBatch();
    active_->recovered.reset();
    appended_.store(true, std::memory_order_relaxed);
    next_sequence_.store(first_sequence + record_count, std::memory_order_release);
    return Ok();
  }

  Status Sync() override {
    SIBYL_RETURN_IF_ERROR(CheckAlive());
    return SyncLog();
  }

  Status PrepareGeneration() override {
    SIBYL_RETURN_IF_ERROR(CheckAlive());
    {
      const std::lock_guard families_lock(families_mutex_);
      while (PreparedCount() < kPreparedFamilies) {
        SIBYL_ASSIGN_OR_RETURN(NumberedFamily created, CreateNextFamily());
        const std::lock_guard lock(state_mutex_);
        log_.prepared[created.number] = std::move(created.family);
      }
    }
    return SyncLog();
  }

  Result<uint64_t> StartGeneration() override {
    SIBYL_RETURN_IF_ERROR(CheckAlive());
    SIBYL_ASSIGN_OR_RETURN(NumberedFamily next, TakePreparedFamily());
    const std::lock_guard lock(write_mutex_);
    const std::string start = EncodeLogNumber(next_sequence_.load(std::memory_order_relaxed));
    rocksdb::WriteBatch batch;
    batch.Put(log_.meta.get(), GenerationStartKey(next.number), start);
    SIBYL_RETURN_IF_ERROR(WriteMeta(&batch));
    SIBYL_RETURN_IF_ERROR(Rotate());
    const std::lock_guard state_lock(state_mutex_);
    active_start_ = next_sequence_.load(std::memory_order_relaxed);
    active_ = &log_.generations[next.number];
    active_->family = std::move(next.family);
    return next.number;
  }

  Status CommitManifest(std::string_view manifest) override {
    SIBYL_RETURN_IF_ERROR(CheckAlive());
    SIBYL_RETURN_IF_ERROR(CheckLogEntrySize("a manifest", manifest.size()));
    {
      const std::lock_guard lock(write_mutex_);
      const uint64_t number = manifest_number_.load(std::memory_order_relaxed) + 1;
      rocksdb::WriteBatch batch;
      batch.Put(log_.meta.get(), rocksdb::Slice(kLogManifestKey),
                EncodeManifestRecord({number, manifest}));
      SIBYL_RETURN_IF_ERROR(WriteMeta(&batch));
      manifest_number_.store(number, std::memory_order_release);
      if (meta_bytes_ > kRotateManifestBytes) SIBYL_RETURN_IF_ERROR(Rotate());
      const std::lock_guard state_lock(state_mutex_);
      log_.manifest = std::string(manifest);
    }
    return SyncLog();
  }

  Status DropGenerations(uint64_t floor) override {
    SIBYL_RETURN_IF_ERROR(CheckAlive());
    const std::lock_guard families_lock(families_mutex_);
    rocksdb::WriteBatch batch;
    // The oldest first, so that a crash on the way leaves no hole.
    for (auto generation = TakeGenerationBelow(floor); !generation.empty();
         generation = TakeGenerationBelow(floor)) {
      batch.Delete(log_.meta.get(), GenerationStartKey(generation.key()));
      const rocksdb::Status status = log_.db->DropColumnFamily(generation.mapped().family.get());
      if (!status.ok()) return Fail(status);
    }
    if (batch.Count() == 0) return Ok();

    // RocksDB notices that it needs a log file no longer when it next flushes something: without
    // this rotation the files would stay for one generation more.
    SIBYL_RETURN_IF_ERROR(SyncLog());  // leaves little to sync under the lock
    const std::lock_guard lock(write_mutex_);
    SIBYL_RETURN_IF_ERROR(WriteMeta(&batch));
    return Rotate();
  }

  std::optional<LogAtRest> AtRest() override {
    if (failed_ || !SyncLog()) return std::nullopt;
    const std::lock_guard lock(state_mutex_);
    const bool has_entries = log_.generations.size() > 1 ||
                             next_sequence_.load(std::memory_order_acquire) != active_start_;
    if (has_entries || !log_.manifest) return std::nullopt;
    return LogAtRest{*log_.manifest, log_.generations.begin()->first};
  }

  void EndBackgroundWork() override { log_.env->EndBackgroundWork(); }

  uint64_t DiskBytes() const override {
    uint64_t total_bytes = 0;
    const auto numbers = ListLogFiles(directory_);
    if (!numbers) return 0;
    for (const uint64_t number : *numbers) {
      std::error_code code;
      const uint64_t bytes = std::filesystem::file_size(directory_ / LogFileName(number), code);
      if (!code) total_bytes += bytes;  // else it was reclaimed since it was listed
    }
    return total_bytes;
  }

  Status CheckAlive() const override {
    if (!failed_) return Ok();
    const std::lock_guard lock(state_mutex_);
    return Error{ErrorCode::kReadOnly, directory_.string() +
                                           ": the log takes no more writes until it is opened "
                                           "again, because one failed: " +
                                           failure_};
  }

  // Who opened the log has read all the rest.
  Status Verify() override {
    const rocksdb::Status status = log_.db->VerifyChecksum();
    return status.ok() ? Ok() : Status(FromRocksDb(directory_, status));
  }

 private:
  struct NumberedFamily {
    uint64_t number = 0;
    FamilyPtr family;
  };

  // The first failure decides: RocksDB's state is unknown after it, and Resume cannot mend it.
  Error Fail(const rocksdb::Status& status) {
    Error error = FromRocksDb(directory_, status);
    error.code = ErrorCode::kIo;
    const std::lock_guard lock(state_mutex_);
    if (!failed_) failure_ = status.ToString();
    failed_ = true;
    return error;
  }

  // Precondition: write_mutex_ is held.
  Status WriteMeta(rocksdb::WriteBatch* batch) {
    const rocksdb::Status status = log_.db->Write(rocksdb::WriteOptions(), batch);
    if (!status.ok()) return Fail(status);
    meta_bytes_ += batch->GetDataSize();
    return Ok();
  }

  // nullopt, until the next sync: the folder cannot be read now, or is not where it was. What the
  // witness says of the files must be true, or the log could not be opened again.
  std::optional<std::vector<uint64_t>> ListOwnFiles() {
    auto files = ListLogFiles(directory_);
    if (files && log_.env->CheckPlace()) return std::move(*files);
    files_changed_ = true;
    return std::nullopt;
  }

  // SyncWAL covers all files not synced yet, oldest first, and the directory; it blocks no writer.
  Status SyncLog() {
    const uint64_t appended = next_sequence_.load(std::memory_order_acquire);
    const uint64_t manifest_number = manifest_number_.load(std::memory_order_acquire);
    std::optional<std::vector<uint64_t>> files;
    if (files_changed_.exchange(false)) files = ListOwnFiles();
    const rocksdb::Status status = log_.db->SyncWAL();
    if (!status.ok()) return Fail(status);
    log_.witness->RecordSynced(appended, manifest_number, std::move(files));
    return Ok();
  }

  // Goes on in a new log file. Flushing the meta family is what makes RocksDB do so; it must have
  // been written to since the last time. Precondition: write_mutex_ is held.
  Status Rotate() {
    SIBYL_RETURN_IF_ERROR(SyncLog());
    rocksdb::FlushOptions options;
    options.wait = false;
    options.allow_write_stall = true;
    const rocksdb::Status status = log_.db->Flush(options, log_.meta.get());
    if (!status.ok()) return Fail(status);
    meta_bytes_ = 0;
    files_changed_ = true;
    return Ok();
  }

  size_t PreparedCount() const {
    const std::lock_guard lock(state_mutex_);
    return log_.prepared.size();
  }

  // Nothing if there is none prepared.
  NumberedFamily TakeIfPrepared() {
    const std::lock_guard lock(state_mutex_);
    if (log_.prepared.empty()) return {};
    auto node = log_.prepared.extract(log_.prepared.begin());
    return {node.key(), std::move(node.mapped())};
  }

  Result<NumberedFamily> TakePreparedFamily() {
    NumberedFamily taken = TakeIfPrepared();
    if (taken.family) return taken;
    const std::lock_guard families_lock(families_mutex_);
    taken = TakeIfPrepared();  // somebody may have been preparing it
    if (taken.family) return taken;
    return CreateNextFamily();
  }

  // Precondition: families_mutex_ is held.
  Result<NumberedFamily> CreateNextFamily() {
    const uint64_t number = last_family_ + 1;
    rocksdb::ColumnFamilyHandle* handle = nullptr;
    const rocksdb::Status status = log_.db->CreateColumnFamily(
        NewLogGenerationFamilyOptions(), GenerationFamilyName(number), &handle);
    if (!status.ok()) return Fail(status);
    last_family_ = number;
    return NumberedFamily{number, FamilyPtr(handle, FamilyCloser{log_.db.get()})};
  }

  // The oldest generation if it is below `floor`, else nothing.
  std::map<uint64_t, LogGeneration>::node_type TakeGenerationBelow(uint64_t floor) {
    const std::lock_guard lock(state_mutex_);
    SIBYL_CHECK(floor <= log_.generations.rbegin()->first);
    if (log_.generations.begin()->first >= floor) return {};
    return log_.generations.extract(log_.generations.begin());
  }

  // The iterator that opening left, or a new one.
  Result<std::unique_ptr<rocksdb::Iterator>> TakeEntries(uint64_t generation) {
    const std::lock_guard lock(state_mutex_);
    const auto found = log_.generations.find(generation);
    if (found == log_.generations.end()) return UnknownGeneration(generation);
    if (found->second.recovered) return std::move(found->second.recovered);
    return NewEntryIterator(log_.db.get(), found->second.family.get());
  }

  const Path directory_;

  std::mutex families_mutex_;       // held while a family is created or dropped
  std::mutex write_mutex_;          // held for each write and each rotation, never for a long sync
  mutable std::mutex state_mutex_;  // guards log_'s maps and manifest, and failure_

  OpenedLog log_;
  LogGeneration* active_;      // changed by the thread that appends, under both of the last two
  uint64_t active_start_;      // the sequence that its first entry has, or follows; the same
  uint64_t last_family_;       // the highest number of a family; guarded by families_mutex_
  rocksdb::WriteBatch batch_;  // of Append, kept for its buffer
  uint64_t meta_bytes_ = 0;    // written to the meta family since the last rotation
  std::atomic<uint64_t> next_sequence_;     // one past the last record appended
  std::atomic<uint64_t> manifest_number_;   // of the last manifest written
  std::atomic<bool> appended_{false};       // something, since the log was opened
  std::atomic<bool> files_changed_{false};  // since the witness was last given a list of them
  std::atomic<bool> failed_{false};
  std::string failure_;
};

}  // namespace

Result<std::unique_ptr<CommitLog>> OpenRocksDbLog(const Path& directory) {
  SIBYL_ASSIGN_OR_RETURN(OpenedLog opened, OpenLogDatabase(directory));
  return std::unique_ptr<CommitLog>(std::make_unique<RocksDbLog>(directory, std::move(opened)));
}

}  // namespace sibyl::storage
