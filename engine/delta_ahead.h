// What a walk over a DeltaIndex will meet next, for cursors that are merged.

#ifndef SIBYL_ENGINE_DELTA_AHEAD_H_
#define SIBYL_ENGINE_DELTA_AHEAD_H_

#include <cstddef>
#include <cstdint>

#include "engine/cursor.h"
#include "engine/delta_index.h"

namespace sibyl::engine {

// Cursor::Ahead for a cursor that stands at `position` and shows versions up to `max_sequence`.
inline size_t RecordsAhead(const DeltaIndex::Position& position, uint64_t max_sequence, size_t most,
                           UpcomingRecord* records) {
  size_t count = 0;
  const int ahead = position.EntriesAhead();
  for (int i = 0; i <= ahead && count < most; ++i) {
    const DeltaIndex::Entry& entry = position.EntryAhead(i);
    const DeltaIndex::Version* const version = entry.At(max_sequence);
    if (version == nullptr) continue;
    records[count++] =
        UpcomingRecord::Of(entry.key(), version->value(), version->type, static_cast<uint32_t>(i));
  }
  return count;
}

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_DELTA_AHEAD_H_
