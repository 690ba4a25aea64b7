#include "tests/support/fault_file_system.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "base/status_macros.h"

namespace sibyl::testing {
namespace {

Error Injected(const char* action, const Path& path, const char* reason) {
  return Error{ErrorCode::kIo,
               std::string("cannot ") + action + " " + path.string() + ": " + reason};
}

// For work on the base file system that a test cannot go on without.
void Demand(const Status& status) {
  if (!status) throw std::runtime_error(status.error().ToString());
}

}  // namespace

class FaultWritableFile final : public storage::WritableFile {
 public:
  FaultWritableFile(FaultFileSystem& files, Path path,
                    std::shared_ptr<FaultFileSystem::FileState> state, uint64_t power_cuts,
                    std::unique_ptr<storage::WritableFile> base)
      : files_(files),
        path_(std::move(path)),
        state_(std::move(state)),
        power_cuts_(power_cuts),
        base_(std::move(base)) {}

  Status Append(std::string_view bytes) override {
    Status counted = files_.CountFileCall("write", path_, power_cuts_);
    if (!counted) {
      SIBYL_RETURN_IF_ERROR(Write(bytes.substr(0, bytes.size() / 2)));
      return counted;
    }
    const uint64_t room = files_.TakeFreeBytes(bytes.size());
    SIBYL_RETURN_IF_ERROR(Write(bytes.substr(0, room)));
    if (room < bytes.size()) return Injected("write", path_, "No space left on device (injected)");
    return Ok();
  }

  Status Sync() override {
    SIBYL_RETURN_IF_ERROR(files_.CountFileCall("sync", path_, power_cuts_));
    SIBYL_RETURN_IF_ERROR(base_->Sync());
    const std::lock_guard lock(files_.mutex_);
    state_->synced_bytes = state_->written_bytes;
    return Ok();
  }

 private:
  Status Write(std::string_view bytes) {
    const std::lock_guard lock(files_.mutex_);
    if (files_.power_cuts_ != power_cuts_) return Ok();  // the error is on its way already
    SIBYL_RETURN_IF_ERROR(base_->Append(bytes));
    state_->written_bytes += bytes.size();
    return Ok();
  }

  FaultFileSystem& files_;
  const Path path_;
  const std::shared_ptr<FaultFileSystem::FileState> state_;
  const uint64_t power_cuts_;
  const std::unique_ptr<storage::WritableFile> base_;
};

class FaultReadableFile final : public storage::ReadableFile {
 public:
  FaultReadableFile(FaultFileSystem& files, Path path, uint64_t power_cuts,
                    std::unique_ptr<storage::ReadableFile> base)
      : files_(files), path_(std::move(path)), power_cuts_(power_cuts), base_(std::move(base)) {}

  uint64_t size_bytes() const override { return base_->size_bytes(); }

  Status Read(uint64_t offset, size_t size, char* out) const override {
    SIBYL_RETURN_IF_ERROR(files_.CountFileCall("read", path_, power_cuts_));
    return base_->Read(offset, size, out);
  }

  Result<std::unique_ptr<storage::Mapping>> Map() const override {
    SIBYL_RETURN_IF_ERROR(files_.CountFileCall("map", path_, power_cuts_));
    return base_->Map();
  }

 private:
  FaultFileSystem& files_;
  const Path path_;
  const uint64_t power_cuts_;
  const std::unique_ptr<storage::ReadableFile> base_;
};

uint64_t FaultFileSystem::calls() const {
  const std::lock_guard lock(mutex_);
  return calls_;
}

void FaultFileSystem::FailCalls(uint64_t first, uint64_t last) {
  const std::lock_guard lock(mutex_);
  first_failing_call_ = first;
  last_failing_call_ = last;
}

void FaultFileSystem::SetFreeBytes(std::optional<uint64_t> bytes) {
  const std::lock_guard lock(mutex_);
  free_bytes_ = bytes;
}

Status FaultFileSystem::CountCall(const char* action, const Path& path) {
  const std::lock_guard lock(mutex_);
  ++calls_;
  if (calls_ < first_failing_call_ || calls_ > last_failing_call_) return Ok();
  return Injected(action, path, "Input/output error (injected)");
}

Status FaultFileSystem::CountFileCall(const char* action, const Path& path, uint64_t power_cuts) {
  SIBYL_RETURN_IF_ERROR(CountCall(action, path));
  const std::lock_guard lock(mutex_);
  if (power_cuts != power_cuts_) return Injected(action, path, "the power was cut (injected)");
  return Ok();
}

uint64_t FaultFileSystem::TakeFreeBytes(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (!free_bytes_) return bytes;
  const uint64_t taken = std::min(bytes, *free_bytes_);
  *free_bytes_ -= taken;
  return taken;
}

FaultFileSystem::Backup FaultFileSystem::BackUp(const Path& path) {
  Backup backup;
  auto bytes = base_.ReadAll(path);
  if (bytes) backup.bytes = std::move(bytes).value();
  const auto state = files_.find(path);
  if (state != files_.end()) backup.state = state->second;
  return backup;
}

void FaultFileSystem::PutBack(const Path& path, const Backup& backup) {
  files_.erase(path);
  Demand(base_.Remove(path));
  if (!backup.bytes) return;
  if (backup.state != nullptr) files_[path] = backup.state;
  const auto file = base_.Create(path);
  Demand(file.value()->Append(*backup.bytes));
}

void FaultFileSystem::CutToSyncedBytes(const Path& path, FileState* state) {
  if (state->synced_bytes == state->written_bytes) return;
  const std::string bytes = base_.ReadAll(path).value();
  const auto file = base_.Create(path);
  Demand(file.value()->Append(std::string_view(bytes).substr(0, state->synced_bytes)));
  state->written_bytes = state->synced_bytes;
}

void FaultFileSystem::PowerCut() {
  const std::lock_guard lock(mutex_);
  ++power_cuts_;
  for (; !undo_.empty(); undo_.pop_back()) undo_.back().run();
  for (const auto& [path, state] : files_) CutToSyncedBytes(path, state.get());
  last_failing_call_ = 0;
  free_bytes_.reset();
}

Result<std::unique_ptr<storage::WritableFile>> FaultFileSystem::Create(const Path& path) {
  SIBYL_RETURN_IF_ERROR(CountCall("create", path));
  const std::lock_guard lock(mutex_);
  SIBYL_ASSIGN_OR_RETURN(const bool existed, base_.Exists(path));
  SIBYL_ASSIGN_OR_RETURN(auto base, base_.Create(path));
  auto state = std::make_shared<FileState>();
  files_[path] = state;
  if (!existed) undo_.push_back({path.parent_path(), [this, path] { PutBack(path, {}); }});
  return std::unique_ptr<storage::WritableFile>(
      new FaultWritableFile(*this, path, std::move(state), power_cuts_, std::move(base)));
}

// What the file has already counts as durable.
Result<std::unique_ptr<storage::WritableFile>> FaultFileSystem::OpenToAppend(const Path& path) {
  SIBYL_RETURN_IF_ERROR(CountCall("append to", path));
  const std::lock_guard lock(mutex_);
  SIBYL_ASSIGN_OR_RETURN(const bool existed, base_.Exists(path));
  SIBYL_ASSIGN_OR_RETURN(auto base, base_.OpenToAppend(path));
  auto state = std::make_shared<FileState>();
  if (existed) {
    SIBYL_ASSIGN_OR_RETURN(const auto present, base_.Open(path));
    state->written_bytes = state->synced_bytes = present->size_bytes();
  } else {
    undo_.push_back({path.parent_path(), [this, path] { PutBack(path, {}); }});
  }
  files_[path] = state;
  return std::unique_ptr<storage::WritableFile>(
      new FaultWritableFile(*this, path, std::move(state), power_cuts_, std::move(base)));
}

Result<std::unique_ptr<storage::ReadableFile>> FaultFileSystem::Open(const Path& path) {
  SIBYL_RETURN_IF_ERROR(CountCall("open", path));
  const std::lock_guard lock(mutex_);
  SIBYL_ASSIGN_OR_RETURN(auto base, base_.Open(path));
  return std::unique_ptr<storage::ReadableFile>(
      new FaultReadableFile(*this, path, power_cuts_, std::move(base)));
}

Result<std::string> FaultFileSystem::ReadAll(const Path& path) {
  SIBYL_RETURN_IF_ERROR(CountCall("read", path));
  return base_.ReadAll(path);
}

Result<bool> FaultFileSystem::Exists(const Path& path) {
  SIBYL_RETURN_IF_ERROR(CountCall("inspect", path));
  return base_.Exists(path);
}

Result<std::vector<std::string>> FaultFileSystem::List(const Path& directory) {
  SIBYL_RETURN_IF_ERROR(CountCall("list", directory));
  return base_.List(directory);
}

Status FaultFileSystem::CreateDirectory(const Path& path) {
  SIBYL_RETURN_IF_ERROR(CountCall("create directory", path));
  return base_.CreateDirectory(path);
}

Status FaultFileSystem::SyncDirectory(const Path& path) {
  SIBYL_RETURN_IF_ERROR(CountCall("sync directory", path));
  SIBYL_RETURN_IF_ERROR(base_.SyncDirectory(path));
  const std::lock_guard lock(mutex_);
  std::erase_if(undo_, [&](const Undo& undo) { return undo.directory == path; });
  return Ok();
}

Status FaultFileSystem::Rename(const Path& from, const Path& to) {
  SIBYL_RETURN_IF_ERROR(CountCall("rename", from));
  const std::lock_guard lock(mutex_);
  if (base_.List(from)) return RenameDirectory(from, to);
  const Backup source = BackUp(from);
  const Backup replaced = BackUp(to);
  SIBYL_RETURN_IF_ERROR(base_.Rename(from, to));
  files_.erase(from);
  files_.erase(to);
  if (source.state != nullptr) files_[to] = source.state;
  undo_.push_back({to.parent_path(), [this, from, to, source, replaced] {
                     PutBack(from, source);
                     PutBack(to, replaced);
                   }});
  return Ok();
}

// Durable at once, as is all about directories; what is known of the files in it moves along.
Status FaultFileSystem::RenameDirectory(const Path& from, const Path& to) {
  SIBYL_RETURN_IF_ERROR(base_.Rename(from, to));
  std::map<Path, std::shared_ptr<FileState>> files;
  for (const auto& [path, state] : files_) {
    const Path inside = path.lexically_relative(from);
    const bool moved = !inside.empty() && *inside.begin() != "..";
    files[moved ? to / inside : path] = state;
  }
  files_ = std::move(files);
  return Ok();
}

Status FaultFileSystem::Remove(const Path& path) {
  SIBYL_RETURN_IF_ERROR(CountCall("remove", path));
  const std::lock_guard lock(mutex_);
  const Backup removed = BackUp(path);
  SIBYL_RETURN_IF_ERROR(base_.Remove(path));
  files_.erase(path);
  if (!removed.bytes) return Ok();
  if (free_bytes_) *free_bytes_ += removed.bytes->size();
  undo_.push_back({path.parent_path(), [this, path, removed] { PutBack(path, removed); }});
  return Ok();
}

Status FaultFileSystem::RemoveAll(const Path& path) {
  SIBYL_RETURN_IF_ERROR(CountCall("remove", path));
  const std::lock_guard lock(mutex_);
  SIBYL_RETURN_IF_ERROR(base_.RemoveAll(path));
  const auto inside = [&path](const Path& other) {
    return std::mismatch(path.begin(), path.end(), other.begin(), other.end()).first == path.end();
  };
  std::erase_if(files_, [&](const auto& entry) { return inside(entry.first); });
  std::erase_if(undo_, [&](const Undo& undo) { return inside(undo.directory); });
  return Ok();
}

Status FaultFileSystem::Link(const Path& from, const Path& to) {
  SIBYL_RETURN_IF_ERROR(CountCall("link", from));
  const std::lock_guard lock(mutex_);
  SIBYL_RETURN_IF_ERROR(base_.Link(from, to));
  const auto state = files_.find(from);
  if (state != files_.end()) files_[to] = state->second;
  undo_.push_back({to.parent_path(), [this, to] { PutBack(to, {}); }});
  return Ok();
}

Result<std::unique_ptr<storage::FileLock>> FaultFileSystem::Lock(const Path& path) {
  SIBYL_RETURN_IF_ERROR(CountCall("lock", path));
  return base_.Lock(path);
}

}  // namespace sibyl::testing
