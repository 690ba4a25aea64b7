// MergingCursor: many sorted sources seen as one.

#ifndef SIBYL_ENGINE_MERGING_CURSOR_H_
#define SIBYL_ENGINE_MERGING_CURSOR_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/cursor.h"

namespace sibyl::engine {

// One record per key over all sources: that of the newest source that has the key, tombstones
// included. `newest_first` orders the sources; a single one is returned as it is; none is an empty
// cursor. An error of any source ends the iteration and is the result of status() until the next
// positioning call.
//
// A movement costs one comparison while the same source stays in front, else two per source: meant
// for a dozen sources at most. Keys are not copied, but for one copy per change of direction.
//
// `version`, if given, counts the changes of the newest source (Overlay::version_counter) and must
// outlive the cursor: after a change the next movement goes to the key next to the one that was
// shown, be that one still there or not. The newest source must do the same by itself.
std::unique_ptr<Cursor> NewMergingCursor(std::vector<std::unique_ptr<Cursor>> newest_first,
                                         const uint64_t* version = nullptr);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_MERGING_CURSOR_H_
