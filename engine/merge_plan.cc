#include "engine/merge_plan.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"

namespace sibyl::engine {

namespace {

using Levels = std::vector<std::shared_ptr<const Level>>;

Levels FirstOf(const Levels& levels, size_t count) {
  return {levels.begin(), levels.begin() + static_cast<ptrdiff_t>(std::min(count, levels.size()))};
}

Levels From(const Levels& levels, size_t index) {
  return {levels.begin() + static_cast<ptrdiff_t>(std::min(index, levels.size())), levels.end()};
}

std::shared_ptr<const Level> LevelOf(const SegmentPtr& segment) {
  return std::make_shared<Level>(std::vector<SegmentPtr>{segment});
}

// The segment of a level whose turn it is: the one after the last that was merged, or the first.
SegmentPtr NextSegment(const Level& level, std::string* pointer) {
  const auto& segments = level.segments();
  const auto next = std::find_if(
      segments.begin(), segments.end(),
      [pointer](const SegmentPtr& segment) { return segment->largest_key() > *pointer; });
  const SegmentPtr chosen = next == segments.end() ? segments.front() : *next;
  *pointer = chosen->largest_key();
  return chosen;
}

std::vector<std::shared_ptr<Generation>> FrozenGenerations(const View& view) {
  return {view.generations.begin() + 1, view.generations.end()};
}

// In memory and on disk, but for the active generation.
uint64_t BytesBelowActive(const View& view) {
  uint64_t bytes = FileBytesOf(view.levels);
  for (const auto& generation : FrozenGenerations(view)) bytes += generation->memory_bytes();
  return bytes;
}

// The segments of `level` with a key range in which one of `inputs` has a record: those that a
// merge has to read. Errors: what reading the inputs gave.
Result<std::vector<SegmentPtr>> TouchedSegments(
    const Level& level, const std::vector<std::shared_ptr<const Level>>& inputs) {
  std::vector<SegmentPtr> touched;
  std::vector<std::unique_ptr<Cursor>> cursors;
  for (const auto& input : inputs) cursors.push_back(input->NewCursor());
  for (const SegmentPtr& segment : level.segments()) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i]->Overlapping(segment->smallest_key(), segment->largest_key()).empty()) continue;
      cursors[i]->Seek(segment->smallest_key());
      SIBYL_RETURN_IF_ERROR(cursors[i]->status());
      if (!cursors[i]->Valid() || cursors[i]->key() > segment->largest_key()) continue;
      touched.push_back(segment);
      break;
    }
  }
  return touched;
}

}  // namespace

bool HasLivingTree(const LearnedSegment& segment, const Catalogue& catalogue) {
  // Whatever lies between: the models need not be read.
  if (catalogue.Contains(TreeOf(segment.smallest_key())) ||
      catalogue.Contains(TreeOf(segment.largest_key())) || !segment.Load()) {
    return true;
  }
  return std::any_of(segment.models().begin(), segment.models().end(),
                     [&](const TreeModel& model) { return catalogue.Contains(model.tree); });
}

bool HasDroppedTree(const LearnedSegment& segment, const Catalogue& catalogue) {
  return std::any_of(segment.models().begin(), segment.models().end(),
                     [&](const TreeModel& model) { return !catalogue.Contains(model.tree); });
}

MergePlan PlanForEverything(const View& view, const Options& options) {
  MergePlan plan;
  plan.inputs = view.levels;
  plan.output_level =
      std::max(LevelFor(FileBytesOf(view.levels), options), view.levels.size() - view.runs);
  return plan;
}

MergePlan PlanForEverythingAtOnce(const View& view, const Options& options) {
  MergePlan plan;
  plan.inputs = view.levels;
  plan.generations = FrozenGenerations(view);
  plan.output_level =
      std::max(LevelFor(BytesBelowActive(view), options), view.levels.size() - view.runs);
  return plan;
}

MergePlan PlanForDrain(const View& view) {
  MergePlan plan;
  plan.generations = FrozenGenerations(view);
  plan.below = view.levels;
  return plan;
}

bool IsSmall(const View& view, const Options& options) {
  return BytesBelowActive(view) <= options.generation_bytes;
}

MergePlan PlanForRuns(const View& view, size_t count) {
  MergePlan plan;
  plan.inputs = FirstOf(view.levels, count);
  plan.below = From(view.levels, count);
  return plan;
}

MergePlan PlanForRewrite(const View& view, size_t index, const SegmentPtr& segment) {
  const bool is_run = index < view.runs;
  MergePlan plan;
  plan.inputs = {is_run ? view.levels[index] : LevelOf(segment)};
  plan.output_level = is_run ? 0 : index - view.runs + 1;
  plan.below = From(view.levels, index + 1);
  return plan;
}

MergePlan PlanForMovingDown(const View& view, const CompactionChoice& choice,
                            CompactPointers* pointers) {
  MergePlan plan;
  if (choice.kind == CompactionChoice::Kind::kMergeRunsDown) {
    plan.inputs = FirstOf(view.levels, view.runs);
    plan.output_level = 1;
  } else {
    pointers->resize(std::max(pointers->size(), choice.level + 1));
    const Level& level = *view.levels[view.runs + choice.level - 1];
    plan.inputs = {LevelOf(NextSegment(level, &(*pointers)[choice.level]))};
    plan.output_level = choice.level + 1;
  }
  plan.into_what_is_there = true;
  plan.below = From(view.levels, view.runs + plan.output_level);
  return plan;
}

Status AddOutputLevel(const View& view, const Options& options, MergePlan* plan) {
  const size_t index = view.runs + plan->output_level - 1;
  if (index < view.levels.size()) {
    SIBYL_ASSIGN_OR_RETURN(auto touched, TouchedSegments(*view.levels[index], plan->inputs));
    for (const SegmentPtr& segment : view.levels[index]->segments()) {
      if (!Contains(touched, segment)) {
        plan->borders.push_back({std::string(segment->smallest_key()), 0});
      }
    }
    if (!touched.empty()) plan->inputs.push_back(std::make_shared<Level>(std::move(touched)));
  }
  if (index + 1 < view.levels.size()) {
    for (const SegmentPtr& segment : view.levels[index + 1]->segments()) {
      plan->borders.push_back({std::string(segment->smallest_key()), options.segment_bytes / 2});
    }
  }
  std::sort(plan->borders.begin(), plan->borders.end(),
            [](const MergePlan::Border& a, const MergePlan::Border& b) { return a.key < b.key; });
  return Ok();
}

bool MovesUnchanged(const MergePlan& plan, const View& view) {
  if (!plan.into_what_is_there || plan.inputs.size() != 1) return false;
  const auto& segments = plan.inputs.front()->segments();
  return std::none_of(segments.begin(), segments.end(), [&](const SegmentPtr& segment) {
    const bool spans_other =
        std::any_of(plan.borders.begin(), plan.borders.end(), [&](const MergePlan::Border& border) {
          return border.least_bytes == 0 && border.key > segment->smallest_key() &&
                 border.key < segment->largest_key();
        });
    return spans_other || HasDroppedTree(*segment, *view.catalogue);
  });
}

size_t DeepestFreeLevel(const View& view, std::string_view smallest, std::string_view largest,
                        uint64_t bytes, const Options& options) {
  size_t free_levels = 0;  // from the top
  while (free_levels < view.levels.size() &&
         view.levels[free_levels]->Overlapping(smallest, largest).empty()) {
    ++free_levels;
  }
  if (free_levels < view.runs || (free_levels == view.runs && view.levels.size() > view.runs)) {
    return 0;
  }
  const size_t free = free_levels - view.runs;  // levels below the runs
  if (free_levels < view.levels.size()) return free;
  return std::max(LevelFor(bytes, options), free);
}

}  // namespace sibyl::engine
