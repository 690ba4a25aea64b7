// Repair: a new database out of what is left of a damaged one.

#ifndef SIBYL_REPAIR_H_
#define SIBYL_REPAIR_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sibyl/options.h"
#include "sibyl/result.h"

namespace sibyl {

struct RepairReport {
  uint64_t segments_whole = 0;
  uint64_t segments_damaged = 0;  // some of their records are in the new database
  uint64_t segments_missing = 0;
  uint64_t log_records = 0;  // found in the log, which has what was not in segments yet
  uint64_t records = 0;      // in the segments of the new database

  // What could not be saved, a line each, with the keys on both sides where they are known; and what
  // had to be guessed. Empty: nothing is lost.
  std::vector<std::string> lost;
};

// Makes `directory`, which must not exist or be empty, a database with everything in `damaged` whose
// checksums verify. `damaged` is only read, it stays as the evidence: close it everywhere first, and
// delete it when you are sure. Segments that are whole are linked, not copied, where both lie on one
// file system.
//
// Of a damaged segment the blocks that verify are kept; of a log, every entry that does, also beyond
// a damaged one. Where records are lost, older versions of their keys may show again, deleted ones
// too. Trees whose names are lost are called "recovered-ID". Without a manifest all segments are
// used, those with higher numbers taken for newer, which `lost` says.
//
// Needs memory for what the log holds. Errors: kInvalidArgument if `damaged` has neither log nor
// segments, or `directory` is taken; kIo from writing. Damage is in the report.
Result<RepairReport> RepairDatabase(const Options& options, const std::filesystem::path& damaged,
                                    const std::filesystem::path& directory);

}  // namespace sibyl

#endif  // SIBYL_REPAIR_H_
