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
#include <map>
#include <memory>
#include <mutex>
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
#include "storage/segment_file.h"

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

// What finding records in a segment takes. Immutable. Where that could not be read it has no models
// and no filter, and every read of its file is the error.
class SegmentReader {
 public:
  SegmentReader(std::unique_ptr<storage::Segment> file, std::vector<TreeModel> models,
                SegmentFilter filter)
      : file_(std::move(file)), models_(std::move(models)), filter_(std::move(filter)) {}
  SegmentReader() = default;  // nothing may be asked of it

  const storage::Segment& file() const { return *file_; }
  const std::vector<TreeModel>& models() const { return models_; }  // in tree order

  // Which keys, by their checksums, the segment certainly does not have.
  const SegmentFilter& filter() const { return filter_; }

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

  // The first model with a tree >= `tree`, or the end.
  const TreeModel* FindModel(Tree tree) const {
    const TreeModel* model = models_.data();
    if (models_.size() > kModelsScanned) return FindModelAmongMany(tree);
    while (model != models_.data() + models_.size() && model->tree < tree) ++model;
    return model;
  }

  // The block where binary search by the first keys of blocks leads. Errors: kIo, kCorruption.
  Result<index::BlockPosition> SearchBlock(std::string_view internal_key) const;

  // Where in memory every lookup reads first.
  std::vector<const void*> HotPlaces() const;

 private:
  static constexpr size_t kModelsScanned = 8;

  const TreeModel* FindModelAmongMany(Tree tree) const;
  index::BlockPosition BorderBefore(const TreeModel* model) const;

  std::unique_ptr<storage::Segment> file_;
  std::vector<TreeModel> models_;
  SegmentFilter filter_;
};

// Immutable and thread-safe. Destroying one that was made obsolete removes its file.
//
// What finding records takes (models, filter, where the blocks lie) is read when it is first
// wanted, once: a database opens without most of it. If it is damaged then, every read of a record
// is that error, as long as the segment is open. If the system refused to read it (kIo), the
// operation that wanted it ends with that error, and the next one tries again.
class LearnedSegment {
 public:
  // Errors: those of storage::SegmentFile::Open.
  static Result<std::shared_ptr<LearnedSegment>> OpenLazily(
      storage::FileSystem& files, const storage::Path& path, uint64_t id,
      const storage::SegmentReadOptions& options);

  // The same and Load.
  static Result<std::shared_ptr<LearnedSegment>> Open(storage::FileSystem& files,
                                                      const storage::Path& path, uint64_t id,
                                                      const storage::SegmentReadOptions& options);
  ~LearnedSegment();
  LearnedSegment(const LearnedSegment&) = delete;
  LearnedSegment& operator=(const LearnedSegment&) = delete;

  // Reads now what finding records takes, if no read has wanted it yet. Errors: those of
  // storage::Segment::Open; kCorruption if the models do not fit the segment.
  Status Load() const;

  uint64_t id() const { return id_; }
  const storage::Path& path() const { return opened_->path(); }
  uint64_t file_bytes() const { return opened_->file_bytes(); }
  const storage::SegmentProperties& properties() const { return opened_->properties(); }
  std::string_view smallest_key() const { return properties().smallest_key; }
  std::string_view largest_key() const { return properties().largest_key; }

  // All below, but for obsolescence and settling, begins with Load.

  // What to find records with, as long as the segment lives. An operation asks for it once: asked
  // again after an error that passed, it could have another answer, to which positions predicted
  // before do not belong.
  const SegmentReader& reader() const {
    if (!is_loaded_.load(std::memory_order_acquire)) [[unlikely]]
      return LoadedOrFailed();
    return reader_;
  }

  // For who needs one part of it only.
  const storage::Segment& file() const { return reader().file(); }
  const SegmentFilter& filter() const { return reader().filter(); }
  const std::vector<TreeModel>& models() const { return reader().models(); }

  // What the segment's `reader` predicts, until its model was once found wrong; from then on what
  // binary search over the blocks finds. Errors: kIo, kCorruption.
  Result<index::BlockPosition> Locate(const SegmentReader& reader,
                                      std::string_view internal_key) const {
    if (bound_violations() == 0) [[likely]]
      return reader.Predict(internal_key);
    return reader.SearchBlock(internal_key);
  }

  // Of the keys that Segment::LookupInPlace finds absent, those that are to be looked up again: one
  // in some thousand; all once the model was found wrong.
  bool IsSample(std::string_view internal_key) const;

  // The same lookup, whatever it takes. A miss in the sample is checked by a search that does not
  // use the model; one that it refutes counts as a violation, is told to the listener and is
  // answered rightly. (What is found is compared with the key, and always right.)
  Result<storage::LookupOutcome> Lookup(std::string_view internal_key, Value* value) const;

  std::unique_ptr<Cursor> NewCursor(Walk walk = Walk::kEveryRecord) const;

  // Where in memory every lookup reads first, so that it can be asked for all at once. As many
  // places for each segment that is read through a mapping; none while it cannot be read.
  std::vector<const void*> HotPlaces() const;

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
  LearnedSegment(storage::FileSystem& files, storage::SegmentFilePtr opened, uint64_t id,
                 const storage::SegmentReadOptions& options)
      : files_(files), opened_(std::move(opened)), id_(id), options_(options) {}

  Result<SegmentReader> Read() const;
  const SegmentReader& LoadedOrFailed() const;
  SegmentReader Unreadable(const Error& error) const;
  Result<std::vector<uint64_t>> CountWherePredicted(const SegmentReader& reader) const;
  Error Damage(const std::string& what) const;
  Result<storage::LookupOutcome> LookupWithoutModel(const SegmentReader& reader,
                                                    std::string_view internal_key,
                                                    Value* value) const;

  storage::FileSystem& files_;
  const storage::SegmentFilePtr opened_;
  const uint64_t id_;
  const storage::SegmentReadOptions options_;
  mutable std::atomic<bool> is_loaded_{false};
  mutable SegmentReader reader_;  // never changes once is_loaded_
  mutable std::mutex load_mutex_;
  mutable Status load_status_ = Ok();  // of what is loaded: damage, if anything; guarded by it
  mutable std::map<std::string, SegmentReader> failed_;  // by error message; guarded by it
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
