#include "storage/segment_file.h"

#include "base/status_macros.h"

namespace sibyl::storage {

Result<SegmentFilePtr> SegmentFile::Open(FileSystem& files, const Path& path) {
  SIBYL_ASSIGN_OR_RETURN(auto bytes, files.Open(path));
  SIBYL_ASSIGN_OR_RETURN(SegmentOutline outline, ReadSegmentOutline(*bytes, path));
  return SegmentFilePtr(new SegmentFile(path, std::move(bytes), std::move(outline)));
}

}  // namespace sibyl::storage
