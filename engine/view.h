// A view: what one reader sees, an ordered list of sources (generations, then levels).
//
// Views are immutable; a change installs a new one. ViewKeeper hands them out: for the length of a
// point read without a shared write, for a snapshot or an iterator as a counted reference.

#ifndef SIBYL_ENGINE_VIEW_H_
#define SIBYL_ENGINE_VIEW_H_

#include <array>
#include <atomic>
#include <cassert>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "base/asymmetric_fence.h"
#include "base/thread_index.h"
#include "engine/catalogue.h"
#include "engine/cursor.h"
#include "engine/filter_gate.h"
#include "engine/generation.h"
#include "engine/level.h"
#include "engine/range_deletions.h"
#include "sibyl/result.h"
#include "sibyl/value.h"

namespace sibyl::engine {

// Thread-safe.
struct View {
  std::vector<std::shared_ptr<Generation>> generations;  // newest first; the first is active
  std::vector<std::shared_ptr<const Level>> levels;      // newest first
  size_t runs = 0;  // so many of the levels are runs; after them comes level 1
  std::shared_ptr<const Catalogue> catalogue;
  RangeDeletionsPtr range_deletions;  // that may hide something; all of them are published
  uint64_t ingestions = 0;            // how often records were put into levels past the generations

  // Generations that wait to be drained.
  size_t frozen_generations() const { return generations.size() - 1; }

  // The number of levels[index], as statistics show it: runs are level 0.
  uint32_t LevelNumber(size_t index) const {
    return static_cast<uint32_t>(index < runs ? 0 : index - runs + 1);
  }

  // The segment of `level`, one of `levels`, that may have `internal_key` as nothing written before
  // `deleted_before` (0: everything counts); and whether its filter is asked first, by a thread
  // with this gate.
  struct Candidate {
    const LearnedSegment* segment = nullptr;  // null: none has it
    const SegmentReader* reader = nullptr;    // the segment's, for the whole of this read
    bool asks_filter = false;

    bool Denies(uint64_t hash) const { return asks_filter && !reader->filter().MayContain(hash); }
  };
  Candidate FindCandidate(const std::shared_ptr<const Level>& level, std::string_view internal_key,
                          uint64_t deleted_before, const FilterGate& gate) const;

  // Whether `internal_key` exists at `sequence`; fills `value` if so. Allocates nothing.
  Result<bool> Get(std::string_view internal_key, uint64_t sequence, Value* value) const;

  // The same for many keys: predicts all, prefetches all, searches all.
  Status MultiGet(std::span<const std::string_view> internal_keys, uint64_t sequence,
                  std::span<Value> values) const;

  // Shows the newest record that each source has of the key up to `sequence`, newest source first,
  // until `visit` returns false. Errors: kIo, kCorruption.
  Status VisitRecords(std::string_view internal_key, uint64_t sequence,
                      const std::function<bool(RecordType, std::string_view)>& visit) const;

  // All sources as one cursor, the newest version of each key up to `sequence`, tombstones shown.
  // The view must outlive the cursor.
  std::unique_ptr<Cursor> NewCursor(uint64_t sequence) const;

  // Adds a cursor for each source, newest first, to merge them with others.
  void AddSources(uint64_t sequence, std::vector<std::unique_ptr<Cursor>>* newest_first) const;
};

// Thread-safe.
class ViewKeeper {
 public:
  explicit ViewKeeper(std::shared_ptr<const View> first);

  // Keeps the current view in place for a short read: a hazard pointer (Michael, IEEE TPDS 15(6),
  // 2004) in a slot of the calling thread's own, without a fence where the system can spare it
  // (base/asymmetric_fence.h). One at a time per thread and keeper.
  class ShortPin {
   public:
    // `reads` is how many keys will be looked up, for the statistics.
    ShortPin(ViewKeeper& keeper, uint64_t reads);
    ~ShortPin() {
      if (slot_ != nullptr) slot_->store(nullptr, std::memory_order_release);
    }
    ShortPin(const ShortPin&) = delete;
    ShortPin& operator=(const ShortPin&) = delete;
    const View& operator*() const { return *view_; }
    const View* operator->() const { return view_; }

    // Whether the view has not been replaced since. If so after a published sequence was read, then
    // everything up to that sequence, what was ingested included, is in the view.
    bool IsCurrent() const { return current_.load(std::memory_order_acquire) == view_; }

   private:
    void PinByReference(ViewKeeper& keeper, uint64_t reads);

    const std::atomic<const View*>& current_;
    std::atomic<const View*>* slot_ = nullptr;  // null: the reference below pins
    const View* view_ = nullptr;
    std::shared_ptr<const View> reference_;  // for threads without a slot
  };

  // A reference for long use.
  std::shared_ptr<const View> Current() const;

  // Replaces the current view by what `change` makes of a copy of it. Calls are serialized.
  void Update(const std::function<void(View&)>& change);

  // Runs `read` with the current view while no update can happen.
  void Read(const std::function<void(const std::shared_ptr<const View>&)>& read) const;

  // Lets go of views that were replaced and that no short read uses any more.
  void ReleaseRetired();

  bool has_retired() const;

  // Keys looked up under short pins since the beginning.
  uint64_t reads() const;

 private:
  struct alignas(64) Slot {
    std::atomic<const View*> view{nullptr};
    std::atomic<uint64_t> reads{0};  // written by the slot's thread only
  };

  // Writes `view` to the slot so that whoever replaces the current view sees it there, or this
  // thread sees the replacement.
  void Announce(std::atomic<const View*>* slot, const View* view) const;
  std::vector<std::shared_ptr<const View>> TakeUnusedLocked();

  const bool heavy_fence_ = base::CanUseHeavyFence();
  std::array<Slot, base::kMaxThreadIndexes> slots_;
  std::atomic<uint64_t> slotless_reads_{0};
  std::atomic<const View*> current_;
  mutable std::mutex mutex_;
  std::shared_ptr<const View> current_owner_;         // guarded by mutex_
  std::vector<std::shared_ptr<const View>> retired_;  // guarded by mutex_
};

// Inline: every point read asks each level, and pins a view.

[[gnu::always_inline]] inline View::Candidate View::FindCandidate(
    const std::shared_ptr<const Level>& level, std::string_view internal_key,
    uint64_t deleted_before, const FilterGate& gate) const {
  const LearnedSegment* const segment = level->FindSegment(internal_key);
  if (segment == nullptr) return {};
  if (deleted_before != 0 && segment->settled_sequence() < deleted_before) return {};
  const bool is_last = &level == &levels.back();
  const SegmentReader& reader = segment->reader();
  return {segment, &reader, gate.Asks(is_last) && !reader.filter().empty()};
}

inline ViewKeeper::ShortPin::ShortPin(ViewKeeper& keeper, uint64_t reads)
    : current_(keeper.current_) {
  const size_t thread = base::ThreadIndex();
  if (thread == base::kMaxThreadIndexes) [[unlikely]] {
    PinByReference(keeper, reads);
    return;
  }
  Slot& slot = keeper.slots_[thread];
  assert(slot.view.load(std::memory_order_relaxed) == nullptr);
  slot.reads.store(slot.reads.load(std::memory_order_relaxed) + reads, std::memory_order_relaxed);
  slot_ = &slot.view;
  // The view may be replaced, and released, between reading and announcing it: then the second
  // reading finds another one.
  const View* view = keeper.current_.load(std::memory_order_acquire);
  for (;;) {
    keeper.Announce(slot_, view);
    const View* now = keeper.current_.load(std::memory_order_acquire);
    if (now == view) break;
    view = now;
  }
  view_ = view;
}

inline void ViewKeeper::Announce(std::atomic<const View*>* slot, const View* view) const {
  if (heavy_fence_) [[likely]] {
    slot->store(view, std::memory_order_release);
    base::LightFence();
  } else {
    slot->exchange(view, std::memory_order_seq_cst);
  }
}

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_VIEW_H_
