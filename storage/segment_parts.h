// Everything of a segment file but its blocks and values, read and verified: first the outline, by which
// the rest is found.

#ifndef SIBYL_STORAGE_SEGMENT_PARTS_H_
#define SIBYL_STORAGE_SEGMENT_PARTS_H_

#include <memory>
#include <string>
#include <vector>

#include "sibyl/result.h"
#include "storage/block_directory.h"
#include "storage/block_quartiles.h"
#include "storage/file_system.h"
#include "storage/segment_format.h"

namespace sibyl::storage {

struct SegmentOutline {
  std::vector<Section> sections;
  SegmentProperties properties;
};

struct SegmentParts {
  Section blocks;
  Section values;
  std::unique_ptr<const BlockDirectory> directory;
  BlockQuartiles quartiles;
  std::string model;
  std::string filter;  // empty: the segment has none
};

// Errors of both, all naming `path`: kCorruption saying what is wrong; kNotSupported for a newer format
// version; kIo.
Result<SegmentOutline> ReadSegmentOutline(const ReadableFile& file, const Path& path);
Result<SegmentParts> ReadSegmentParts(const ReadableFile& file, const Path& path,
                                      const SegmentOutline& outline);

// The steps of it, for who wants what is left of a damaged file. Errors as above, without the path.
Result<std::vector<Section>> ReadSections(const ReadableFile& file);
Result<std::string> ReadSection(const ReadableFile& file, const Section& section);

// `error` with the file's name before its message.
Error InFile(const Path& path, Error error);

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_SEGMENT_PARTS_H_
