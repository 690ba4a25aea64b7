#include "engine/segment_store.h"

#include <algorithm>
#include <string>

#include "base/status_macros.h"

namespace sibyl::engine {

SegmentStore::SegmentStore(storage::FileSystem& files, storage::Path directory,
                           storage::Path lost_directory, const Options& options)
    : files_(files),
      directory_(std::move(directory)),
      lost_directory_(std::move(lost_directory)),
      cache_(storage::BlockCache::Create(options.block_cache_bytes)),
      read_options_{cache_.get(), options.read_mode == ReadMode::kPread,
                    options.verify_every_read} {}

Status SegmentStore::Prepare() { return files_.CreateDirectory(directory_); }

Status SegmentStore::SetAsideUnnamed(const storage::Manifest& manifest) {
  std::vector<std::string> named;
  for (const auto& level : manifest.levels) {
    for (const auto& segment : level) named.push_back(storage::SegmentFileName(segment.id));
  }
  std::sort(named.begin(), named.end());

  SIBYL_ASSIGN_OR_RETURN(const bool have_lost, files_.Exists(lost_directory_));
  if (have_lost) {
    SIBYL_ASSIGN_OR_RETURN(const std::vector<std::string> lost, files_.List(lost_directory_));
    for (const std::string& name : lost) {
      SIBYL_RETURN_IF_ERROR(files_.Remove(lost_directory_ / name));
    }
  }
  SIBYL_ASSIGN_OR_RETURN(const std::vector<std::string> present, files_.List(directory_));
  for (const std::string& name : present) {
    if (std::binary_search(named.begin(), named.end(), name)) continue;
    SIBYL_RETURN_IF_ERROR(files_.CreateDirectory(lost_directory_));
    SIBYL_RETURN_IF_ERROR(files_.Rename(directory_ / name, lost_directory_ / name));
  }
  return Ok();
}

Result<std::shared_ptr<LearnedSegment>> SegmentStore::OpenLazily(uint64_t id) const {
  SIBYL_ASSIGN_OR_RETURN(auto segment,
                         LearnedSegment::OpenLazily(files_, PathOf(id), id, read_options_));
  segment->SetViolationListener(violation_listener_);
  return segment;
}

Result<std::shared_ptr<LearnedSegment>> SegmentStore::Open(uint64_t id) const {
  SIBYL_ASSIGN_OR_RETURN(auto segment, OpenLazily(id));
  SIBYL_RETURN_IF_ERROR(segment->Load());
  return segment;
}

}  // namespace sibyl::engine
