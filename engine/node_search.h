// Where a key belongs among the windows of one node of the delta's index, all compared at once.

#ifndef SIBYL_ENGINE_NODE_SEARCH_H_
#define SIBYL_ENGINE_NODE_SEARCH_H_

#include <cstdint>

namespace sibyl::engine {

// Windows that CountWindows reads, whatever `slots` says: what lies there must be readable.
inline constexpr int kWindowsRead = 16;

struct WindowCounts {
  int below;
  int equal;
};

// Of the windows in `slots`, a bit each: how many are below `window`, and how many equal it.
// Nobody writes what is read meanwhile.
WindowCounts CountWindows(const uint64_t* windows, uint32_t slots, uint64_t window);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_NODE_SEARCH_H_
