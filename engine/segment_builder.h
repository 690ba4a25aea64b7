// Turns a sorted stream of records into segments: buffers one segment's worth, trains its models,
// lets them draw the block borders, writes the file.

#ifndef SIBYL_ENGINE_SEGMENT_BUILDER_H_
#define SIBYL_ENGINE_SEGMENT_BUILDER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/catalogue.h"
#include "engine/learned_segment.h"
#include "engine/model_policy.h"
#include "engine/segment_store.h"
#include "index/record_layout.h"
#include "sibyl/options.h"
#include "sibyl/result.h"

namespace sibyl::engine {

// One thread at a time. No manifest names its segments yet, so they are obsolete (see
// LearnedSegment::MakeObsolete) until somebody keeps them: after an error no file is left behind.
class SegmentBuilder {
 public:
  // `store` and `options` must outlive the builder. `above_last`: which of the options for filters
  // counts. `before_write`: see SegmentWriter. `catalogue` has the options of the trees; null: all
  // have the default ones.
  SegmentBuilder(SegmentStore& store, const Options& options, bool above_last,
                 storage::SegmentWriter::BeforeWrite before_write = nullptr,
                 std::shared_ptr<const Catalogue> catalogue = nullptr);

  // Of the segments written from now on. At first all models are learned.
  void UseModels(ModelChoice choice) { choice_ = std::move(choice); }

  // The internal key that was added last, valid until the next Add; empty: none was.
  std::string_view last_key() const;

  // Adds the next record; internal keys strictly increase. Copies the bytes.
  // Errors: kIo (disk full included) from writing a segment that became full; kInvalidArgument for
  // a key that does not increase.
  Status Add(std::string_view internal_key, RecordType type, std::string_view value);

  // Ends the segment that is being buffered, if it has at least this many bytes of records: the
  // next record begins another one.
  Status EndSegment(uint64_t least_bytes);

  // Writes what is buffered, syncs the directory and returns all segments, in key order, opened.
  Result<std::vector<SegmentPtr>> Finish();

  uint64_t training_ns() const { return training_ns_; }

  // Of that: for trees with keys that mostly are longer than what one node sees, which are those
  // for which ModelChoice counts; and how many records they had.
  struct LongKeys {
    uint64_t records = 0;
    uint64_t training_ns = 0;
  };
  const LongKeys& long_keys() const { return long_keys_; }
  uint64_t written_bytes() const { return written_bytes_; }

 private:
  struct BufferedValue {
    const char* bytes;
    uint32_t size_bytes : 31;
    uint32_t is_tombstone : 1;

    std::string_view view() const { return {bytes, size_bytes}; }
    RecordType type() const { return is_tombstone ? RecordType::kTombstone : RecordType::kValue; }
  };

  // The records of one tree, laid out for its model as they come: their keys are in the processor's
  // cache then, and would have to be fetched again later. Each user key lies behind its tree id.
  struct TreeRecords {
    Tree tree;
    index::RecordLayout layout;
    uint64_t key_bytes = 0;

    std::string_view InternalKeyAt(size_t i) const {
      const std::string_view key = layout.keys()[i];
      return {key.data() - kTreePrefixBytes, key.size() + kTreePrefixBytes};
    }
  };

  // What a record takes beside its bytes, until its segment is written.
  static constexpr uint64_t kBookkeepingBytes =
      sizeof(BufferedValue) + index::RecordLayout::kBytesPerRecord;

  // Bytes that stay in place until cleared.
  class Arena {
   public:
    const char* Copy(std::string_view bytes);
    void Clear();

   private:
    static constexpr size_t kChunkBytes = 1 << 20;
    std::vector<std::unique_ptr<char[]>> chunks_;
    size_t chunk_count_used_ = 0;
    size_t used_in_chunk_ = 0;
    std::vector<std::unique_ptr<char[]>> large_;
  };

  TreeRecords& RecordsOf(Tree tree);
  std::span<const TreeRecords> trees() const { return std::span(trees_).first(tree_count_); }
  Status WriteSegment();
  void Clear();
  Result<std::vector<TreeModel>> TrainModels();
  Result<index::BlockModel> TrainModel(const TreeRecords& records);
  std::string ModelNote(uint64_t long_keys_before) const;
  storage::SegmentFormat FormatFor(const std::vector<TreeModel>& models) const;
  TreeOptions OptionsOf(Tree tree) const;
  Status WriteRecords(const std::vector<TreeModel>& models, storage::SegmentWriter* writer) const;
  Status WriteTree(const TreeRecords& records, const TreeModel& model,
                   std::span<const BufferedValue> values, storage::SegmentWriter* writer) const;

  SegmentStore& store_;
  const Options& options_;
  const uint32_t filter_bits_per_key_;  // 0: no filter
  const storage::SegmentWriter::BeforeWrite before_write_;
  const std::shared_ptr<const Catalogue> catalogue_;

  // The records, in columns: training reads the keys only.
  Arena key_bytes_;
  Arena value_bytes_;
  std::vector<TreeRecords>
      trees_;  // the first tree_count_ of them; the others' memory is for reuse
  size_t tree_count_ = 0;
  std::vector<BufferedValue> values_;  // of all trees
  std::vector<uint64_t> key_hashes_;   // for the filter, if there is to be one
  uint64_t buffered_bytes_ = 0;
  uint64_t buffering_since_ns_ = 0;
  ModelChoice choice_;
  LongKeys long_keys_;
  uint64_t training_ns_ = 0;
  uint64_t written_bytes_ = 0;
  std::vector<SegmentPtr> finished_;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_SEGMENT_BUILDER_H_
