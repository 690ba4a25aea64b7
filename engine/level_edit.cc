#include "engine/level_edit.h"

#include <algorithm>
#include <utility>

namespace sibyl::engine {

namespace {

// The segments of `level` that `edit` leaves there.
std::vector<SegmentPtr> Kept(const Level& level, const LevelEdit& edit) {
  std::vector<SegmentPtr> kept = level.segments();
  std::erase_if(kept, [&edit](const auto& segment) { return Contains(edit.removed, segment); });
  return kept;
}

// The runs of `view` after `edit`. Runs that were joined, all of them whole, leave their place to
// what they became.
std::vector<std::shared_ptr<const Level>> RunsAfter(const View& view, const LevelEdit& edit) {
  std::vector<std::shared_ptr<const Level>> runs = edit.runs;
  bool placed = edit.added.empty() || edit.added_level > 0;
  const auto place = [&] {
    if (!placed) runs.push_back(std::make_shared<Level>(edit.added));
    placed = true;
  };
  if (edit.in_front) place();
  for (size_t i = 0; i < view.runs; ++i) {
    std::vector<SegmentPtr> kept = Kept(*view.levels[i], edit);
    const bool changed = kept.size() < view.levels[i]->segments().size();
    if (changed) place();
    if (!changed) {
      runs.push_back(view.levels[i]);
    } else if (!kept.empty()) {
      runs.push_back(std::make_shared<Level>(std::move(kept)));
    }
  }
  return runs;
}

// The levels of `view` below the runs after `edit`, the last of them not empty.
std::vector<std::shared_ptr<const Level>> LevelsAfter(const View& view, const LevelEdit& edit) {
  std::vector<std::shared_ptr<const Level>> levels;
  const size_t count = std::max(view.levels.size() - view.runs, edit.added_level);
  for (size_t level = 1; level <= count; ++level) {
    std::vector<SegmentPtr> segments;
    const size_t index = view.runs + level - 1;
    if (index < view.levels.size()) segments = Kept(*view.levels[index], edit);
    if (level == edit.added_level) {
      segments.insert(segments.end(), edit.added.begin(), edit.added.end());
      std::sort(segments.begin(), segments.end(), [](const SegmentPtr& a, const SegmentPtr& b) {
        return a->smallest_key() < b->smallest_key();
      });
    }
    levels.push_back(std::make_shared<Level>(std::move(segments)));
  }
  while (!levels.empty() && levels.back()->empty()) levels.pop_back();
  return levels;
}

}  // namespace

std::vector<SegmentPtr> LevelEdit::AllAdded() const {
  std::vector<SegmentPtr> all = SegmentsOf(runs);
  all.insert(all.end(), added.begin(), added.end());
  return all;
}

std::vector<SegmentPtr> LevelEdit::Gone() const {
  std::vector<SegmentPtr> gone = removed;
  std::erase_if(gone, [this](const SegmentPtr& segment) { return Contains(added, segment); });
  return gone;
}

EditedLevels ApplyEdit(const View& view, const LevelEdit& edit) {
  EditedLevels result{RunsAfter(view, edit), 0};
  result.runs = result.levels.size();
  for (auto& level : LevelsAfter(view, edit)) result.levels.push_back(std::move(level));
  return result;
}

}  // namespace sibyl::engine
