// What can still be read of a damaged segment file.

#ifndef SIBYL_STORAGE_SEGMENT_SALVAGE_H_
#define SIBYL_STORAGE_SEGMENT_SALVAGE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sibyl/result.h"
#include "storage/file_system.h"
#include "storage/segment_writer.h"

namespace sibyl::storage {

struct SalvagedSegment {
  uint64_t records = 0;
  std::vector<std::string> problems;  // what is lost, with the file, the place and the keys around
};

using RecordVisitor =
    std::function<Status(std::string_view key, RecordType type, std::string_view value)>;

// Visits every record in key order whose block verifies, and whose value does. Needs neither the
// model nor the ranks; without the block offsets it looks for blocks from the start of the file, and
// finds none of the values that lie outside the blocks. Reads only.
// Errors: those of `visit`.
Result<SalvagedSegment> SalvageSegment(FileSystem& files, const Path& path,
                                       const RecordVisitor& visit);

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_SEGMENT_SALVAGE_H_
