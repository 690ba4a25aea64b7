#include "engine/database_copy.h"

#include <string>
#include <vector>

#include "base/status_macros.h"
#include "engine/recovery.h"

namespace sibyl::engine {

namespace {

storage::Path ParentOf(const storage::Path& path) {
  return path.has_parent_path() ? path.parent_path() : storage::Path(".");
}

// `path` without a slash at its end, which would make its parent the folder itself.
storage::Path WithoutTrailingSlash(const storage::Path& path) {
  return path.has_filename() ? path : path.parent_path();
}

Status CheckFree(storage::FileSystem& files, const storage::Path& directory) {
  SIBYL_ASSIGN_OR_RETURN(const bool present, files.Exists(directory));
  if (!present) return Ok();
  const auto names = files.List(directory);
  if (names && names->empty()) return Ok();
  return Error{ErrorCode::kInvalidArgument,
               directory.string() + ": exists already, and is not an empty folder"};
}

}  // namespace

Result<std::unique_ptr<DatabaseCopy>> DatabaseCopy::Begin(const Environment& environment,
                                                          const storage::Path& directory) {
  storage::FileSystem& files = *environment.files;
  const storage::Path target = WithoutTrailingSlash(directory);
  SIBYL_RETURN_IF_ERROR(CheckFree(files, target));
  storage::Path incomplete = target;
  incomplete += ".incomplete";
  SIBYL_ASSIGN_OR_RETURN(const bool in_the_way, files.Exists(incomplete));
  if (in_the_way) {
    return Error{ErrorCode::kInvalidArgument,
                 incomplete.string() +
                     ": left by an attempt that was interrupted or is under way; remove it first"};
  }
  std::unique_ptr<DatabaseCopy> copy(new DatabaseCopy(environment, target, incomplete));
  SIBYL_RETURN_IF_ERROR(files.CreateDirectory(copy->segments_directory()));
  return copy;
}

DatabaseCopy::~DatabaseCopy() {
  // What cannot be removed is in the way of the next attempt, which says so.
  if (!finished_) (void)environment_.files->RemoveAll(incomplete_);
}

Status DatabaseCopy::Finish(storage::Manifest manifest) {
  storage::FileSystem& files = *environment_.files;
  SIBYL_RETURN_IF_ERROR(files.SyncDirectory(segments_directory()));
  {
    SIBYL_ASSIGN_OR_RETURN(const auto log, environment_.open_log(incomplete_ / "log"));
    manifest.database_id = NewDatabaseId();
    manifest.generation_floor = log->Generations().front();
    SIBYL_RETURN_IF_ERROR(log->CommitManifest(storage::EncodeManifest(manifest)));
  }
  SIBYL_RETURN_IF_ERROR(WriteFormatFile(files, incomplete_));
  SIBYL_RETURN_IF_ERROR(files.Rename(incomplete_, directory_));
  finished_ = true;
  return files.SyncDirectory(ParentOf(directory_));
}

}  // namespace sibyl::engine
