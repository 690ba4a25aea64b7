// A segment with the models that find records in it: storage's file joined to index's functions.
//
// The model section that storage keeps unread holds, for each tree with records in the segment, the
// tree's id, its first block and its block model (SegmentModels). Blocks are cut at tree borders,
// and models see user keys, without the tree id.

#ifndef SIBYL_ENGINE_LEARNED_SEGMENT_H_
#define SIBYL_ENGINE_LEARNED_SEGMENT_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/cursor.h"
#include "engine/internal_key.h"
#include "engine/segment_filter.h"
#include "index/block_model.h"
#include "sibyl/result.h"
#include "sibyl/stats.h"
#include "sibyl/tree.h"
#include "sibyl/value.h"
#include "storage/manifest.h"
#include "storage/segment.h"

namespace sibyl::engine {

// The model of one tree within one segment. Its blocks are first_block and the
// model.block_count() - 1 that follow.
struct TreeModel {
  Tree tree;
  uint32_t first_block = 0;
  uint64_t records = 0;
  index::BlockModel model;
};

// models := version:u8 count:varint (tree:varint first_block:varint records:varint model:string)*
std::string EncodeTreeModels(const std::vector<TreeModel>& models);
Result<std::vector<TreeModel>> DecodeTreeModels(std::string_view bytes, uint32_t block_count);

// Immutable and thread-safe. Destroying one that was made obsolete removes its file.
class LearnedSegment {
 public:
  // Errors: those of storage::Segment::Open; kCorruption if the models do not fit the segment.
  static Result<std::shared_ptr<LearnedSegment>> Open(storage::FileSystem& files,
                                                      const storage::Path& path, uint64_t id,
                                                      const storage::SegmentReadOptions& options);
  ~LearnedSegment();
  LearnedSegment(const LearnedSegment&) = delete;
  LearnedSegment& operator=(const LearnedSegment&) = delete;

  uint64_t id() const { return id_; }
  const storage::Segment& file() const { return *file_; }
  std::string_view smallest_key() const { return file_->properties().smallest_key; }
  std::string_view largest_key() const { return file_->properties().largest_key; }

  // The block that holds `internal_key` if the segment does, and where in it to begin. For a tree
  // without records here: the border where they would be.
  index::BlockPosition Predict(std::string_view internal_key) const {
    const Tree tree = TreeOf(internal_key);
    const TreeModel* model = FindModel(tree);
    if (model == models_.data() + models_.size() || model->tree != tree) [[unlikely]]
      return BorderBefore(model);
    index::BlockPosition position = model->model.Find(UserKeyOf(internal_key));
    position.block += model->first_block;
    return position;
  }

  // The same until the model was once found wrong; from then on what binary search over the blocks
  // finds. Errors: kIo, kCorruption.
  Result<index::BlockPosition> Locate(std::string_view internal_key) const {
    if (bound_violations() == 0) [[likely]]
      return Predict(internal_key);
    return SearchBlock(internal_key);
  }

  // Of the keys that Segment::LookupInPlace finds absent, those that are to be looked up again: one
  // in some thousand; all once the model was found wrong.
  bool IsSample(std::string_view internal_key) const;

  // The same lookup, whatever it takes. A miss in the sample is checked by a search that does not
  // use the model; one that it refutes counts as a violation, is told to the listener and is
  // answered rightly. (What is found is compared with the key, and always right.)
  Result<storage::LookupOutcome> Lookup(std::string_view internal_key, Value* value) const;

  // Which keys, by their checksums, the segment certainly does not have.
  const SegmentFilter& filter() const { return filter_; }

  const std::vector<TreeModel>& models() const { return models_; }  // in tree order

  std::unique_ptr<Cursor> NewCursor() const;

  // Where in memory every lookup reads first, so that it can be asked for all at once. As many
  // places for each segment that is read through a mapping.
  std::vector<const void*> HotPlaces() const;

  // Asks for the block that a cursor's Seek will read, if the file is mapped.
  void PrefetchSeek(std::string_view internal_key) const {
    const index::BlockPosition position = Predict(internal_key);
    file_->PrefetchWalk(position.block, position.fraction);
  }

  // Checks the whole file, that every record lies in the block its model predicts, that the
  // filter has it, and that each tree's model counts that tree's records. Errors: the first damage
  // found.
  Status Verify() const;

  SegmentStats Stats(uint32_t level) const;

  // Called at the first violation, by whichever thread meets it. Set before the segment is shared.
  using ViolationListener = std::function<void(const LearnedSegment&)>;
  void SetViolationListener(ViolationListener listener) {
    violation_listener_ = std::move(listener);
  }

  // Misses that the sampling search refuted. Stays 0 unless the library or the memory is broken.
  uint64_t bound_violations() const { return bound_violations_.load(std::memory_order_relaxed); }

  // Range deletions up to here do not concern the segment: they were applied when it was made, or
  // came before all it has. Set before it is in a view that has later ones.
  uint64_t settled_sequence() const { return settled_sequence_.load(std::memory_order_relaxed); }
  void SettleUpTo(uint64_t sequence) const {
    settled_sequence_.store(sequence, std::memory_order_relaxed);
  }

  // No manifest names the file, not yet or no longer: remove it when nobody reads it any more.
  void MakeObsolete() const { obsolete_.store(true, std::memory_order_relaxed); }

  // A manifest that names the file is on its way to the disk: leave the file where it is.
  void Keep() const { obsolete_.store(false, std::memory_order_relaxed); }

 private:
  static constexpr size_t kModelsScanned = 8;

  LearnedSegment(storage::FileSystem& files, uint64_t id) : files_(files), id_(id) {}

  // The first model with a tree >= `tree`, or the end.
  const TreeModel* FindModel(Tree tree) const {
    const TreeModel* model = models_.data();
    if (models_.size() > kModelsScanned) return FindModelAmongMany(tree);
    while (model != models_.data() + models_.size() && model->tree < tree) ++model;
    return model;
  }
  const TreeModel* FindModelAmongMany(Tree tree) const;
  index::BlockPosition BorderBefore(const TreeModel* model) const;
  Result<index::BlockPosition> SearchBlock(std::string_view internal_key) const;
  Result<storage::LookupOutcome> LookupWithoutModel(std::string_view internal_key,
                                                    Value* value) const;

  storage::FileSystem& files_;
  uint64_t id_;
  std::unique_ptr<storage::Segment> file_;
  std::vector<TreeModel> models_;  // in tree order
  SegmentFilter filter_;
  ViolationListener violation_listener_;
  mutable std::atomic<uint64_t> bound_violations_{0};
  mutable std::atomic<bool> obsolete_{false};
  mutable std::atomic<uint64_t> settled_sequence_{0};
};

// What the manifest says of `segment`.
storage::ManifestSegment Describe(const LearnedSegment& segment);

using SegmentPtr = std::shared_ptr<const LearnedSegment>;

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_LEARNED_SEGMENT_H_
