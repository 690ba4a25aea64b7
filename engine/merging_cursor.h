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
// A movement costs one movement of each source that stands at the current key, and one comparison
// per source: meant for a dozen sources at most. Keys are never copied, except for one copy per
// change of direction, and none is allocated while the direction stays the same.
//
// `version`, if given, counts the changes of sources that change between movements (an Overlay's
// version_counter()) and must outlive the cursor. After a change every source is positioned anew
// at the next movement, which then goes from the key that was shown, still there or not.
std::unique_ptr<Cursor> NewMergingCursor(std::vector<std::unique_ptr<Cursor>> newest_first,
                                         const uint64_t* version = nullptr);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_MERGING_CURSOR_H_
