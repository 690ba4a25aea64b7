#include "engine/ingest.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "base/text.h"
#include "engine/batch_codec.h"
#include "engine/internal_key.h"
#include "engine/level.h"
#include "engine/merging_cursor.h"
#include "engine/segment_builder.h"

namespace sibyl::engine {

namespace {

using Segments = std::vector<std::shared_ptr<LearnedSegment>>;

// Segments that exist only until they are merged: nobody keeps them, so their files go with them.
class TemporaryRuns {
 public:
  void Add(const Segments& run) {
    runs_.emplace_back(std::vector<SegmentPtr>(run.begin(), run.end()));
  }
  bool empty() const { return runs_.empty(); }

  // One record per key, from the run that was added last.
  std::unique_ptr<Cursor> NewCursor() const {
    std::vector<std::unique_ptr<Cursor>> newest_first;
    for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
      newest_first.push_back(run->NewCursor());
    }
    return NewMergingCursor(std::move(newest_first));
  }

 private:
  std::vector<Level> runs_;
};

// Records in the order they came, to be sorted.
class SortBuffer {
 public:
  void Add(Tree tree, const Record& record) {
    entries_.push_back({bytes_.size(), kTreePrefixBytes + record.key.size(), record.value.size()});
    base::PutBig32(&bytes_, tree.id);
    bytes_.append(record.key);
    bytes_.append(record.value);
  }
  bool empty() const { return entries_.empty(); }
  size_t size_bytes() const { return bytes_.size(); }

  // Hands the records over in key order, of equal keys only the last, and becomes empty.
  Result<Segments> BuildRun(SegmentStore& store, const Options& options) {
    std::stable_sort(entries_.begin(), entries_.end(),
                     [this](const Entry& a, const Entry& b) { return KeyOf(a) < KeyOf(b); });
    SegmentBuilder builder(store, options, true);
    for (size_t i = 0; i < entries_.size(); ++i) {
      const bool repeated = i + 1 < entries_.size() && KeyOf(entries_[i]) == KeyOf(entries_[i + 1]);
      if (repeated) continue;
      SIBYL_RETURN_IF_ERROR(
          builder.Add(KeyOf(entries_[i]), RecordType::kValue, ValueOf(entries_[i])));
    }
    entries_.clear();
    bytes_.clear();
    return builder.Finish();
  }

 private:
  struct Entry {
    size_t offset;
    size_t key_bytes;
    size_t value_bytes;
  };
  std::string_view KeyOf(const Entry& entry) const {
    return std::string_view(bytes_).substr(entry.offset, entry.key_bytes);
  }
  std::string_view ValueOf(const Entry& entry) const {
    return std::string_view(bytes_).substr(entry.offset + entry.key_bytes, entry.value_bytes);
  }

  std::string bytes_;
  std::vector<Entry> entries_;
};

Result<Segments> BuildFromSorted(SegmentStore& store, const Options& options, Tree tree,
                                 const RecordSource& source) {
  SegmentBuilder builder(store, options, true);
  std::string previous;  // internal key
  std::string internal_key;
  for (uint64_t rank = 0;; ++rank) {
    SIBYL_ASSIGN_OR_RETURN(const std::optional<Record> record, source());
    if (!record) return builder.Finish();
    SIBYL_RETURN_IF_ERROR(CheckRecordLimits(record->key, record->value));
    internal_key = EncodeInternalKey(tree, record->key);
    if (rank > 0 && internal_key <= previous) {
      return Error{ErrorCode::kInvalidArgument,
                   "sorted input was promised, but record " + std::to_string(rank) + ", key " +
                       base::Quoted(record->key) + ", does not come after key " +
                       base::Quoted(UserKeyOf(previous))};
    }
    SIBYL_RETURN_IF_ERROR(builder.Add(internal_key, RecordType::kValue, record->value));
    std::swap(previous, internal_key);
  }
}

Result<Segments> MergeRuns(SegmentStore& store, const Options& options, const TemporaryRuns& runs) {
  SegmentBuilder builder(store, options, true);
  const auto cursor = runs.NewCursor();
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    const std::string_view value = cursor->value();
    if (!cursor->Valid()) break;  // an out-of-line value could not be read
    SIBYL_RETURN_IF_ERROR(builder.Add(cursor->key(), RecordType::kValue, value));
  }
  SIBYL_RETURN_IF_ERROR(cursor->status());
  return builder.Finish();
}

Result<Segments> BuildFromUnsorted(SegmentStore& store, const Options& options, Tree tree,
                                   const RecordSource& source) {
  TemporaryRuns runs;
  SortBuffer buffer;
  for (;;) {
    SIBYL_ASSIGN_OR_RETURN(const std::optional<Record> record, source());
    if (!record) break;
    SIBYL_RETURN_IF_ERROR(CheckRecordLimits(record->key, record->value));
    buffer.Add(tree, *record);
    if (buffer.size_bytes() < options.segment_bytes) continue;
    SIBYL_ASSIGN_OR_RETURN(const Segments run, buffer.BuildRun(store, options));
    runs.Add(run);
  }
  if (runs.empty()) return buffer.BuildRun(store, options);
  if (!buffer.empty()) {
    SIBYL_ASSIGN_OR_RETURN(const Segments run, buffer.BuildRun(store, options));
    runs.Add(run);
  }
  return MergeRuns(store, options, runs);
}

}  // namespace

Result<std::vector<std::shared_ptr<LearnedSegment>>> BuildIngestedSegments(
    SegmentStore& store, const Options& options, Tree tree, const RecordSource& source,
    const IngestOptions& ingest_options) {
  return ingest_options.sorted ? BuildFromSorted(store, options, tree, source)
                               : BuildFromUnsorted(store, options, tree, source);
}

}  // namespace sibyl::engine
