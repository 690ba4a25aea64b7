// Turns a sorted stream of records into segments: buffers one segment's worth, trains its models,
// lets them draw the block borders, writes the file.

#ifndef SIBYL_ENGINE_SEGMENT_BUILDER_H_
#define SIBYL_ENGINE_SEGMENT_BUILDER_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/learned_segment.h"
#include "engine/segment_store.h"
#include "sibyl/options.h"
#include "sibyl/result.h"

namespace sibyl::engine {

// One thread at a time. No manifest names its segments yet, so they are obsolete (see
// LearnedSegment::MakeObsolete) until somebody keeps them: after an error no file is left behind.
class SegmentBuilder {
 public:
  // `store` must outlive the builder.
  SegmentBuilder(SegmentStore& store, const Options& options);

  // Adds the next record; internal keys strictly increase. Copies the bytes.
  // Errors: kIo (disk full included) from writing a segment that became full.
  Status Add(std::string_view internal_key, RecordType type, std::string_view value);

  // Writes what is buffered, syncs the directory and returns all segments, in key order, opened.
  Result<std::vector<std::shared_ptr<LearnedSegment>>> Finish();

  uint64_t training_ns() const { return training_ns_; }
  uint64_t written_bytes() const { return written_bytes_; }

 private:
  struct BufferedRecord {
    std::string_view key;  // internal
    std::string_view value;
    RecordType type;
  };

  // Bytes that stay in place until cleared.
  class Arena {
   public:
    std::string_view Copy(std::string_view bytes);
    void Clear();

   private:
    static constexpr size_t kChunkBytes = 1 << 20;
    std::vector<std::unique_ptr<char[]>> chunks_;
    size_t chunk_count_used_ = 0;
    size_t used_in_chunk_ = 0;
    std::vector<std::unique_ptr<char[]>> large_;
  };

  Status WriteSegment();
  Result<std::vector<TreeModel>> TrainModels() const;
  Status WriteRecords(const std::vector<TreeModel>& models, storage::SegmentWriter* writer) const;

  SegmentStore& store_;
  const Options& options_;
  Arena arena_;
  std::vector<BufferedRecord> records_;
  uint64_t buffered_bytes_ = 0;
  uint64_t buffering_since_ns_ = 0;
  uint64_t training_ns_ = 0;
  uint64_t written_bytes_ = 0;
  std::vector<std::shared_ptr<LearnedSegment>> finished_;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_SEGMENT_BUILDER_H_
