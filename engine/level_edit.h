// A change of the levels: which segments leave, which come, and where. Arithmetic on views only;
// the compactor commits what comes of it.

#ifndef SIBYL_ENGINE_LEVEL_EDIT_H_
#define SIBYL_ENGINE_LEVEL_EDIT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/view.h"

namespace sibyl::engine {

struct LevelEdit {
  std::vector<SegmentPtr> removed;
  std::vector<SegmentPtr> added;
  size_t added_level = 0;
  bool in_front = false;  // of level 0: a new run, not one in place of those removed
  std::vector<std::shared_ptr<const Level>> runs;  // new ones too, in front of all, newest first
  uint64_t sequence = 0;  // of the commit that it is; 0: none, only what was committed moves
  std::shared_ptr<const Catalogue> catalogue;  // after that commit; null: as it was
  bool added_are_new = true;                   // no manifest names them yet
  uint64_t drained_generations = 0;
  uint64_t generation_floor = 0;  // of the log, after them

  // Every segment that it adds.
  std::vector<SegmentPtr> AllAdded() const;

  // Those that are gone after it, not only moved.
  std::vector<SegmentPtr> Gone() const;
};

// What a view has in its levels; the first `runs` of them are runs.
struct EditedLevels {
  std::vector<std::shared_ptr<const Level>> levels;
  size_t runs = 0;
};

// The levels of `view` after `edit`. Runs that were joined, all of them whole, leave their place to
// what they became; the last level is not empty.
EditedLevels ApplyEdit(const View& view, const LevelEdit& edit);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_LEVEL_EDIT_H_
