#include "engine/checkpoint.h"

#include "base/status_macros.h"
#include "engine/database_copy.h"
#include "storage/file_copy.h"

namespace sibyl::engine {

Result<CheckpointInfo> WriteCheckpoint(const Environment& environment,
                                       const storage::Manifest& manifest, const View& view,
                                       const storage::Path& directory) {
  SIBYL_ASSIGN_OR_RETURN(const auto copy, DatabaseCopy::Begin(environment, directory));
  CheckpointInfo info;
  for (const auto& level : view.levels) {
    for (const SegmentPtr& segment : level->segments()) {
      const storage::Path to =
          copy->segments_directory() / storage::SegmentFileName(segment->id());
      SIBYL_ASSIGN_OR_RETURN(
          const uint64_t copied_bytes,
          storage::LinkOrCopyFile(*environment.files, segment->path(), to));
      ++info.segments;
      info.bytes += segment->file_bytes();
      info.copied_bytes += copied_bytes;
    }
  }
  SIBYL_RETURN_IF_ERROR(copy->Finish(manifest));
  return info;
}

}  // namespace sibyl::engine
