// Where segments live: their directory, their ids, their opening.

#ifndef SIBYL_ENGINE_SEGMENT_STORE_H_
#define SIBYL_ENGINE_SEGMENT_STORE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/learned_segment.h"
#include "sibyl/options.h"
#include "sibyl/result.h"
#include "storage/block_cache.h"
#include "storage/file_system.h"
#include "storage/manifest.h"

namespace sibyl::engine {

// Thread-safe.
class SegmentStore {
 public:
  SegmentStore(storage::FileSystem& files, storage::Path directory, storage::Path lost_directory,
               const Options& options);

  // Creates the directory if it is missing.
  Status Prepare();

  // Moves every file in the directory that is not named in `manifest` to the lost directory, where
  // a crash between writing a segment and committing it leaves them, and deletes what an earlier
  // opening moved there. Called with a verified manifest whose segments all opened.
  Status SetAsideUnnamed(const storage::Manifest& manifest);

  uint64_t NewId() { return next_id_.fetch_add(1, std::memory_order_relaxed); }
  void SetNextId(uint64_t id) { next_id_.store(id, std::memory_order_relaxed); }
  uint64_t next_id() const { return next_id_.load(std::memory_order_relaxed); }

  storage::FileSystem& files() const { return files_; }
  storage::Path PathOf(uint64_t id) const { return directory_ / storage::SegmentFileName(id); }

  // What segments opened from now on call when one of their models is found wrong.
  void SetViolationListener(LearnedSegment::ViolationListener listener) {
    violation_listener_ = std::move(listener);
  }

  // LearnedSegment has what the two differ in.
  Result<std::shared_ptr<LearnedSegment>> Open(uint64_t id) const;
  Result<std::shared_ptr<LearnedSegment>> OpenLazily(uint64_t id) const;

  // Makes the names of new segments durable.
  Status SyncDirectory() const { return files_.SyncDirectory(directory_); }

  const storage::BlockCache& cache() const { return *cache_; }

 private:
  storage::FileSystem& files_;
  storage::Path directory_;
  storage::Path lost_directory_;
  std::unique_ptr<storage::BlockCache> cache_;
  storage::SegmentReadOptions read_options_;
  LearnedSegment::ViolationListener violation_listener_;
  std::atomic<uint64_t> next_id_{1};
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_SEGMENT_STORE_H_
