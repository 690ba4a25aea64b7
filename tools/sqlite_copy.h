// Copies of whole SQL databases between SQLite's file format and ours.

#ifndef SIBYL_TOOLS_SQLITE_COPY_H_
#define SIBYL_TOOLS_SQLITE_COPY_H_

#include <cstdint>
#include <string>

#include "sibyl/result.h"

namespace sibyl::tools {

enum class CopyTo { kSibyl, kSqlite };

struct CopyReport {
  uint64_t tables = 0;
  uint64_t rows = 0;
};

// Makes `target`, a database of the other kind, a copy of `source`: schema, rowids, header values,
// everything, in one transaction; then reads both and compares every value.
// Errors: kInvalidArgument if the source is not of the kind expected or something is at `target`;
// kCorruption if the copy is not equal; kIo and kBusy with SQLite's words. After an error what was
// made stays at `target`.
Result<CopyReport> CopySqlDatabase(const std::string& source, const std::string& target, CopyTo to);

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_SQLITE_COPY_H_
