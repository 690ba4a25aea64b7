// Snapshot: one state of a database, kept for reading.

#ifndef SIBYL_SNAPSHOT_H_
#define SIBYL_SNAPSHOT_H_

#include <cstdint>

namespace sibyl {

// Obtained from Database::GetSnapshot; destroy it before its database. Thread-safe.
// While it lives it keeps the generations and segments of its moment: memory and files.
class Snapshot {
 public:
  virtual ~Snapshot() = default;

  // The number of the last write that this snapshot sees.
  virtual uint64_t sequence() const = 0;
};

}  // namespace sibyl

#endif  // SIBYL_SNAPSHOT_H_
