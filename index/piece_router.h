// Finds a large node's piece without searching it: models over the borders of pieces.
//
// A stage is a line that predicts a slot for a window; the slot names the last piece that begins
// before the slot does, so that a few comparisons from there finish the work, or another stage
// where too many pieces crowd. Lines are monotone, so the piece is right by construction, not
// within an error that was measured: these are the upper stages of the recursive model index
// (Kraska et al., SIGMOD 2018, section 3.2), with the correction proven. They are made when a model
// is packed, from the pieces alone, and never stored.

#ifndef SIBYL_INDEX_PIECE_ROUTER_H_
#define SIBYL_INDEX_PIECE_ROUTER_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "index/block_model_tree.h"
#include "index/line.h"

namespace sibyl::index {

// A stage, followed by its slots 0 to last_slot as uint32_t.
struct RouterStage {
  uint64_t x0;
  uint32_t slope;  // slots per unit of window: mantissa, and the shift above it
  uint32_t last_slot;
};
static_assert(sizeof(RouterStage) == 16);

constexpr uint32_t kRouterWordsPerStage = sizeof(RouterStage) / sizeof(uint32_t);

// A slot whose top bit is set holds the word at which another stage begins, and all ones means that
// the whole node must be searched.
constexpr uint32_t kStageSlot = uint32_t{1} << 31;
constexpr uint32_t kSearchSlot = UINT32_MAX;

// The piece sought is the one named by the slot or one of this many that follow it.
constexpr uint32_t kRouterReach = 8;

// Appends to `router` stages and slots for `pieces` (x0 strictly increasing, at least two, fewer
// than 2^31). At most 4 levels of stages, at most 5 words per piece and level.
void BuildRouter(std::span<const TreePiece> pieces, std::vector<uint32_t>* router);

// A piece in [0, pieces) with at most kRouterReach more between it and the last one whose x0 is at
// most `window`, or kSearchSlot. Precondition: the first piece's x0 is at most `window`.
inline uint32_t Route(const uint32_t* router, uint64_t window) {
  uint32_t word = 0;
  for (;;) {
    RouterStage stage;
    std::memcpy(&stage, router + word, sizeof(stage));
    const uint64_t distance = window > stage.x0 ? window - stage.x0 : 0;
    const Slope slope{stage.slope & Slope::kMaxMantissa, stage.slope >> Slope::kMantissaBits};
    const unsigned __int128 climb = Climb(distance, slope);
    const uint32_t slot = climb < stage.last_slot ? static_cast<uint32_t>(climb) : stage.last_slot;
    const uint32_t found = router[word + kRouterWordsPerStage + slot];
    if ((found & kStageSlot) == 0 || found == kSearchSlot) return found;
    word = found & ~kStageSlot;
  }
}

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_PIECE_ROUTER_H_
