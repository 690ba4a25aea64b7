#include "engine/ingest.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/key_order.h"
#include "base/status_macros.h"
#include "base/text.h"
#include "engine/batch_codec.h"
#include "engine/internal_key.h"
#include "engine/merge_stream.h"
#include "engine/segment_builder.h"
#include "engine/sort_run.h"

namespace sibyl::engine {

namespace {

// So many runs are read at once, at most: of that many of one tier, one of the next tier is made.
// It bounds the open files, and the memory for reading them.
constexpr size_t kFanIn = 64;

// The sorted runs of one ingestion.
class SortRuns {
 public:
  explicit SortRuns(SegmentStore& store) : store_(store) {}

  bool empty() const { return tiers_.empty(); }

  Result<std::unique_ptr<SortRunWriter>> NewRun() {
    storage::Path path = store_.PathOf(store_.NewId());
    return SortRunWriter::Create(store_.files(), path.replace_extension(".run"));
  }

  // `run` holds what came last.
  Status Add(std::unique_ptr<SortRun> run) {
    for (size_t tier = 0;; ++tier) {
      if (tier == tiers_.size()) tiers_.emplace_back();
      tiers_[tier].push_back(std::move(run));
      if (tiers_[tier].size() < kFanIn) return Ok();
      SIBYL_ASSIGN_OR_RETURN(run, MergeTier(tiers_[tier]));
      tiers_[tier].clear();
    }
  }

  // One record per key over all runs, that of the run that was added last.
  Result<MergeStream> NewStream() const {
    std::vector<std::unique_ptr<ForwardCursor>> newest_first;
    for (const auto& tier : tiers_) SIBYL_RETURN_IF_ERROR(AddCursors(tier, &newest_first));
    return MergeStream(std::move(newest_first));
  }

 private:
  using Tier = std::vector<std::unique_ptr<SortRun>>;  // the oldest first

  static Status AddCursors(const Tier& tier,
                           std::vector<std::unique_ptr<ForwardCursor>>* newest_first) {
    for (auto run = tier.rbegin(); run != tier.rend(); ++run) {
      SIBYL_ASSIGN_OR_RETURN(auto cursor, (*run)->NewCursor());
      newest_first->push_back(std::move(cursor));
    }
    return Ok();
  }

  Result<std::unique_ptr<SortRun>> MergeTier(const Tier& tier) {
    std::vector<std::unique_ptr<ForwardCursor>> newest_first;
    SIBYL_RETURN_IF_ERROR(AddCursors(tier, &newest_first));
    SIBYL_ASSIGN_OR_RETURN(const auto writer, NewRun());
    MergeStream stream(std::move(newest_first));
    for (; stream.Valid(); stream.Next()) {
      SIBYL_RETURN_IF_ERROR(writer->Add(stream.key(), stream.value()));
    }
    SIBYL_RETURN_IF_ERROR(stream.status());
    return writer->Finish();
  }

  SegmentStore& store_;
  std::vector<Tier> tiers_;  // the newest runs first
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
  size_t memory_bytes() const { return bytes_.size() + entries_.size() * sizeof(Entry); }

  // Calls add(key, value) for all records in key order, of equal keys only for the last, and
  // becomes empty. Stops at an error.
  template <typename Add>
  Status TakeSorted(Add add) {
    std::stable_sort(entries_.begin(), entries_.end(),
                     [this](const Entry& a, const Entry& b) { return KeyOf(a) < KeyOf(b); });
    for (size_t i = 0; i < entries_.size(); ++i) {
      const bool repeated = i + 1 < entries_.size() && KeyOf(entries_[i]) == KeyOf(entries_[i + 1]);
      if (!repeated) SIBYL_RETURN_IF_ERROR(add(KeyOf(entries_[i]), ValueOf(entries_[i])));
    }
    entries_.clear();
    bytes_.clear();
    return Ok();
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

Result<std::vector<SegmentPtr>> BuildFromSorted(SegmentStore& store, const Options& options,
                                                std::shared_ptr<const Catalogue> catalogue,
                                                Tree tree, const RecordSource& source) {
  SegmentBuilder builder(store, options, true, nullptr, std::move(catalogue));
  for (uint64_t rank = 0;; ++rank) {
    const Result<std::optional<Record>> next = source();
    if (!next) return next.error();
    if (!*next) return builder.Finish();
    const Record& record = **next;
    SIBYL_RETURN_IF_ERROR(CheckRecordLimits(record.key, record.value));
    const InternalKeyBuffer internal_key(tree, record.key);
    if (!base::Precedes(builder.last_key(), internal_key.view())) {
      return Error{ErrorCode::kInvalidArgument,
                   "sorted input was promised, but record " + std::to_string(rank) + ", key " +
                       base::Quoted(record.key) + ", does not come after key " +
                       base::Quoted(UserKeyOf(builder.last_key()))};
    }
    SIBYL_RETURN_IF_ERROR(builder.Add(internal_key.view(), RecordType::kValue, record.value));
  }
}

Status AddRun(SortBuffer* buffer, SortRuns* runs) {
  SIBYL_ASSIGN_OR_RETURN(const auto writer, runs->NewRun());
  SIBYL_RETURN_IF_ERROR(buffer->TakeSorted(
      [&writer](std::string_view key, std::string_view value) { return writer->Add(key, value); }));
  SIBYL_ASSIGN_OR_RETURN(auto run, writer->Finish());
  return runs->Add(std::move(run));
}

Result<std::vector<SegmentPtr>> BuildFromUnsorted(SegmentStore& store, const Options& options,
                                                  std::shared_ptr<const Catalogue> catalogue,
                                                  Tree tree, const RecordSource& source) {
  SortRuns runs(store);
  SortBuffer buffer;
  for (;;) {
    SIBYL_ASSIGN_OR_RETURN(const std::optional<Record> record, source());
    if (!record) break;
    SIBYL_RETURN_IF_ERROR(CheckRecordLimits(record->key, record->value));
    buffer.Add(tree, *record);
    if (buffer.memory_bytes() >= options.segment_bytes) {
      SIBYL_RETURN_IF_ERROR(AddRun(&buffer, &runs));
    }
  }
  SegmentBuilder builder(store, options, true, nullptr, std::move(catalogue));
  const auto add = [&builder](std::string_view key, std::string_view value) {
    return builder.Add(key, RecordType::kValue, value);
  };
  if (runs.empty()) {
    SIBYL_RETURN_IF_ERROR(buffer.TakeSorted(add));
    return builder.Finish();
  }
  if (!buffer.empty()) SIBYL_RETURN_IF_ERROR(AddRun(&buffer, &runs));
  SIBYL_ASSIGN_OR_RETURN(MergeStream stream, runs.NewStream());
  for (; stream.Valid(); stream.Next()) {
    SIBYL_RETURN_IF_ERROR(add(stream.key(), stream.value()));
  }
  SIBYL_RETURN_IF_ERROR(stream.status());
  return builder.Finish();
}

}  // namespace

Result<std::vector<SegmentPtr>> BuildIngestedSegments(SegmentStore& store, const Options& options,
                                                      std::shared_ptr<const Catalogue> catalogue,
                                                      Tree tree, const RecordSource& source,
                                                      const IngestOptions& ingest_options) {
  return ingest_options.sorted
             ? BuildFromSorted(store, options, std::move(catalogue), tree, source)
             : BuildFromUnsorted(store, options, std::move(catalogue), tree, source);
}

}  // namespace sibyl::engine
