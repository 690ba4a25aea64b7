// A segment file that is open, of which only header, footer, section table and properties are read:
// a few hundred bytes, whatever its size. Its index (storage/segment.h) is read when a record is
// wanted.

#ifndef SIBYL_STORAGE_SEGMENT_FILE_H_
#define SIBYL_STORAGE_SEGMENT_FILE_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "sibyl/result.h"
#include "storage/file_system.h"
#include "storage/segment_parts.h"

namespace sibyl::storage {

// Immutable and thread-safe.
class SegmentFile {
 public:
  // Errors: kCorruption naming what is wrong; kNotSupported for a newer format version; kIo.
  static Result<std::shared_ptr<const SegmentFile>> Open(FileSystem& files, const Path& path);

  const Path& path() const { return path_; }
  uint64_t file_bytes() const { return bytes_->size_bytes(); }
  const SegmentOutline& outline() const { return outline_; }
  const SegmentProperties& properties() const { return outline_.properties; }
  const ReadableFile& bytes() const { return *bytes_; }

 private:
  SegmentFile(Path path, std::unique_ptr<const ReadableFile> bytes, SegmentOutline outline)
      : path_(std::move(path)), bytes_(std::move(bytes)), outline_(std::move(outline)) {}

  const Path path_;
  const std::unique_ptr<const ReadableFile> bytes_;
  const SegmentOutline outline_;
};

using SegmentFilePtr = std::shared_ptr<const SegmentFile>;

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_SEGMENT_FILE_H_
