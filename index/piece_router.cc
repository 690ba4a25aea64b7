#include "index/piece_router.h"

#include <cassert>

namespace sibyl::index {

namespace {

constexpr uint32_t kMaxStages = 4;

class RouterBuilder {
 public:
  RouterBuilder(std::span<const TreePiece> pieces, std::vector<uint32_t>* router)
      : pieces_(pieces), router_(router) {}

  // A stage over the pieces (before, last]: windows below the first of them belong to `before`.
  void BuildStage(uint32_t before, uint32_t last, uint32_t level) {
    const RouterStage stage = MakeStage(before + 1, last);
    const size_t word = router_->size();
    router_->resize(word + kRouterWordsPerStage + stage.last_slot + 1);
    std::memcpy(router_->data() + word, &stage, sizeof(stage));
    uint32_t piece = before;  // the last piece that begins before the slot
    for (uint32_t slot = 0; slot <= stage.last_slot; ++slot) {
      uint32_t end = piece;  // the last piece that begins in the slot, or before it
      while (end < last && SlotOf(stage, pieces_[end + 1].x0) == slot) ++end;
      const uint32_t found = FillSlot(piece, end, level);
      (*router_)[word + kRouterWordsPerStage + slot] = found;
      piece = end;
    }
    assert(piece == last);
  }

 private:
  RouterStage MakeStage(uint32_t first, uint32_t last) const {
    RouterStage stage;
    stage.x0 = pieces_[first].x0;
    const uint32_t slots = last - first + 1;
    const uint64_t span = pieces_[last].x0 - stage.x0;
    const Slope slope = NearestSlope(static_cast<double>(slots) / (static_cast<double>(span) + 1));
    stage.slope = slope.mantissa | slope.shift << Slope::kMantissaBits;
    stage.last_slot = slots - 1;
    return stage;
  }

  static uint32_t SlotOf(const RouterStage& stage, uint64_t window) {
    const Slope slope{stage.slope & Slope::kMaxMantissa, stage.slope >> Slope::kMantissaBits};
    const unsigned __int128 climb = Climb(window - stage.x0, slope);
    return climb < stage.last_slot ? static_cast<uint32_t>(climb) : stage.last_slot;
  }

  uint32_t FillSlot(uint32_t before, uint32_t last, uint32_t level) {
    if (last - before <= kRouterReach) return before;
    if (level + 1 == kMaxStages) return kSearchSlot;
    const auto word = static_cast<uint32_t>(router_->size());
    BuildStage(before, last, level + 1);
    return kStageSlot | word;
  }

  const std::span<const TreePiece> pieces_;
  std::vector<uint32_t>* router_;
};

}  // namespace

void BuildRouter(std::span<const TreePiece> pieces, std::vector<uint32_t>* router) {
  assert(pieces.size() >= 2);
  RouterBuilder(pieces, router).BuildStage(0, static_cast<uint32_t>(pieces.size()) - 1, 0);
}

}  // namespace sibyl::index
