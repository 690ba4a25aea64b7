#include "storage/resting_log.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "base/status_macros.h"
#include "storage/folder_place.h"
#include "storage/sealed_record.h"

namespace sibyl::storage {
namespace {

constexpr const char* kNoteName = "RESTING";
constexpr SealedKind kNoteKind{"note of a log at rest", "SBLREST1", 1};

// The names and sizes of the log's files.
Result<std::string> DescribeFiles(FileSystem& files, const Path& directory) {
  std::string description;
  SIBYL_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.List(directory));
  for (const std::string& name : names) {
    if (name == kNoteName) continue;
    SIBYL_ASSIGN_OR_RETURN(const auto file, files.Open(directory / name));
    base::PutString(&description, name);
    base::PutVarint(&description, file->size_bytes());
  }
  return description;
}

Result<std::string> EncodeNote(FileSystem& files, const Path& directory, const LogAtRest& rest) {
  std::string note = BeginSealed(kNoteKind);
  SIBYL_ASSIGN_OR_RETURN(const std::string description, DescribeFiles(files, directory));
  base::PutString(&note, description);
  base::Put64(&note, rest.generation);
  base::PutString(&note, rest.manifest);
  Seal(&note);
  return note;
}

// The note in `directory`; nothing if there is none that holds.
std::optional<LogAtRest> ReadNote(FileSystem& files, const Path& directory) {
  const auto note = files.ReadAll(directory / kNoteName);
  if (!note) return std::nullopt;
  auto unsealed = Unseal(kNoteKind, *note);
  if (!unsealed) return std::nullopt;
  const std::string_view description = unsealed->content.GetString();
  LogAtRest rest;
  rest.generation = unsealed->content.Get64();
  rest.manifest = unsealed->content.GetString();
  if (!unsealed->content.ok() || !unsealed->content.done()) return std::nullopt;
  const auto present = DescribeFiles(files, directory);
  if (!present || *present != description) return std::nullopt;
  return rest;
}

// A note that cannot be written, or is written in part, leaves the next opening to the log. Nor is
// it made durable: after a power cut it may be missing, or torn.
void WriteNote(FileSystem& files, const Path& directory, const LogAtRest& rest) {
  const auto note = EncodeNote(files, directory, rest);
  if (!note) return;
  auto file = files.Create(directory / kNoteName);
  if (file) (void)(*file)->Append(*note);
}

Error ReadOnly(const Path& directory) {
  return {ErrorCode::kReadOnly, directory.string() + ": opened for reading only"};
}

class RestingLog final : public CommitLog {
 public:
  // Without a note (`rest`) there is a log that is open (`awake`). Without `open` nothing is
  // written.
  RestingLog(FileSystem& files, Path directory, std::optional<FolderPlace> place, LogOpener open,
             LogOpener open_read_only, std::optional<LogAtRest> rest,
             std::unique_ptr<CommitLog> awake)
      : files_(files),
        directory_(std::move(directory)),
        place_(std::move(place)),
        open_(std::move(open)),
        open_read_only_(std::move(open_read_only)),
        rest_(std::move(rest)),
        opened_(std::move(awake)),
        awake_(opened_.get()) {}

  ~RestingLog() override {
    if (opened_ == nullptr) return;
    const std::optional<LogAtRest> rest = opened_->AtRest();
    opened_.reset();
    // Not into a folder that has come in the place of ours.
    if (rest && place_ && place_->Check()) WriteNote(files_, directory_, *rest);
  }

  std::optional<std::string> Manifest() const override {
    if (const CommitLog* log = Awake()) return log->Manifest();
    return rest_->manifest;
  }
  std::vector<uint64_t> Generations() const override {
    if (const CommitLog* log = Awake()) return log->Generations();
    return {rest_->generation};
  }
  Status Replay(uint64_t generation, const std::function<Status(const LogEntry&)>& entry) override {
    if (CommitLog* log = Awake()) return log->Replay(generation, entry);
    if (generation == rest_->generation) return Ok();
    return Error{ErrorCode::kInvalidArgument,
                 directory_.string() + ": there is no generation " + std::to_string(generation)};
  }

  Status Append(uint64_t first_sequence, uint64_t record_count, std::string_view bytes) override {
    SIBYL_ASSIGN_OR_RETURN(CommitLog* const log, Wake());
    return log->Append(first_sequence, record_count, bytes);
  }
  Status Sync() override {
    CommitLog* const log = Awake();
    return log == nullptr ? Ok() : log->Sync();  // what rests is durable
  }
  Status PrepareGeneration() override {
    SIBYL_ASSIGN_OR_RETURN(CommitLog* const log, Wake());
    return log->PrepareGeneration();
  }
  Result<uint64_t> StartGeneration() override {
    SIBYL_ASSIGN_OR_RETURN(CommitLog* const log, Wake());
    return log->StartGeneration();
  }
  Status CommitManifest(std::string_view manifest) override {
    SIBYL_ASSIGN_OR_RETURN(CommitLog* const log, Wake());
    return log->CommitManifest(manifest);
  }
  Status DropGenerations(uint64_t floor) override {
    if (Awake() == nullptr && floor <= rest_->generation) return Ok();  // there are none
    SIBYL_ASSIGN_OR_RETURN(CommitLog* const log, Wake());
    return log->DropGenerations(floor);
  }

  std::optional<LogAtRest> AtRest() override {
    if (CommitLog* log = Awake()) return log->AtRest();
    return rest_;
  }
  Status CheckAlive() const override {
    const CommitLog* const log = Awake();
    return log == nullptr ? Ok() : log->CheckAlive();
  }
  Status Verify() override {
    if (CommitLog* log = Awake()) return log->Verify();
    const std::lock_guard lock(waking_);  // nobody here writes meanwhile
    if (CommitLog* log = Awake()) return log->Verify();
    if (place_) SIBYL_RETURN_IF_ERROR(place_->Check());
    const auto found = open_read_only_(directory_);
    if (found && IsAsItRested(**found)) return Ok();
    // Beside a reader another process may write, after which it is another log.
    if (!open_ && !ReadNote(files_, directory_)) return Ok();
    return found ? Changed() : found.error();
  }
  void EndBackgroundWork() override {
    if (CommitLog* log = Awake()) log->EndBackgroundWork();
  }
  uint64_t DiskBytes() const override {
    const CommitLog* const log = Awake();
    return log == nullptr ? 0 : log->DiskBytes();
  }

 private:
  CommitLog* Awake() const { return awake_.load(std::memory_order_acquire); }

  Result<CommitLog*> Wake() {
    if (CommitLog* log = Awake()) return log;
    if (!open_) return ReadOnly(directory_);
    const std::lock_guard lock(waking_);
    if (CommitLog* log = Awake()) return log;
    SIBYL_RETURN_IF_ERROR(place_->Check());
    SIBYL_RETURN_IF_ERROR(files_.Remove(directory_ / kNoteName));
    auto log = open_(directory_);
    if (!log) {  // reading goes on without it, now and later
      WriteNote(files_, directory_, *rest_);
      return std::move(log).error();
    }
    if (!IsAsItRested(**log)) return Changed();
    opened_ = std::move(*log);
    awake_.store(opened_.get(), std::memory_order_release);
    return opened_.get();
  }

  bool IsAsItRested(const CommitLog& log) const {
    return log.Manifest() == rest_->manifest &&
           log.Generations() == std::vector<uint64_t>{rest_->generation};
  }
  Error Changed() const {
    return {ErrorCode::kCorruption,
            directory_.string() + ": the log is not as it was when it was closed"};
  }

  FileSystem& files_;
  const Path directory_;
  const std::optional<FolderPlace> place_;  // nullopt: nothing is written; so is open_
  const LogOpener open_;
  const LogOpener open_read_only_;
  const std::optional<LogAtRest> rest_;
  std::mutex waking_;
  std::unique_ptr<CommitLog> opened_;  // guarded by waking_
  std::atomic<CommitLog*> awake_;      // the same, once it is open
};

}  // namespace

Result<std::unique_ptr<CommitLog>> OpenRestingLog(FileSystem& files, const Path& directory,
                                                  LogOpener open, LogOpener open_read_only) {
  std::optional<LogAtRest> rest = ReadNote(files, directory);
  std::unique_ptr<CommitLog> awake;
  if (!rest) {
    // One that does not hold would come to do so if the files became again what they were.
    SIBYL_RETURN_IF_ERROR(files.Remove(directory / kNoteName));
    SIBYL_ASSIGN_OR_RETURN(awake, open(directory));
  }
  SIBYL_ASSIGN_OR_RETURN(auto place, FolderPlace::Of(directory));
  return std::unique_ptr<CommitLog>(new RestingLog(files, directory, std::move(place),
                                                   std::move(open), std::move(open_read_only),
                                                   std::move(rest), std::move(awake)));
}

Result<std::unique_ptr<CommitLog>> OpenRestingLogReadOnly(FileSystem& files, const Path& directory,
                                                          LogOpener open_read_only) {
  std::optional<LogAtRest> rest = ReadNote(files, directory);
  if (!rest) return open_read_only(directory);
  return std::unique_ptr<CommitLog>(new RestingLog(files, directory, std::nullopt, nullptr,
                                                   std::move(open_read_only), std::move(rest),
                                                   nullptr));
}

}  // namespace sibyl::storage
