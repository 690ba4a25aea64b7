// sibyl/c_index.h: the indexes in memory.

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/status_macros.h"
#include "engine/c_api/handles.h"
#include "engine/c_api/option_text.h"
#include "sibyl/c_index.h"
#include "sibyl/existence_index.h"
#include "sibyl/point_index.h"
#include "sibyl/range_index.h"
#include "sibyl/string_index.h"
#include "sibyl/two_stage_index.h"

namespace {

using sibyl::Ok;
using sibyl::Result;
using sibyl::Status;
using sibyl::c_api::Guarded;
using sibyl::c_api::NewBuffer;
using sibyl::c_api::NoSuchOption;
using sibyl::c_api::Parse;
using sibyl::c_api::View;
using sibyl::c_api::WordFor;
using sibyl::c_api::Words;
using sibyl::index::ExistenceIndex;
using sibyl::index::ExistenceKind;
using sibyl::index::PointHash;
using sibyl::index::PointIndex;
using sibyl::index::PointTable;
using sibyl::index::RangeIndex;
using sibyl::index::RangeIndexKind;
using sibyl::index::RangeIndexObjective;
using sibyl::index::RangeIndexRoot;
using sibyl::index::StringIndex;
using sibyl::index::StringIndexKind;
using sibyl::index::TwoStageIndex;

// What every kind of index says of a candidate.
template <typename Candidate>
sibyl_index_candidate CommonToC(const Candidate& from) {
  sibyl_index_candidate to = {};
  to.name = from.name.c_str();
  to.memory_bytes = from.memory_bytes;
  to.build_seconds = from.build_seconds;
  to.chosen = from.chosen ? 1 : 0;
  return to;
}

sibyl_index_candidate ToC(const sibyl::index::RangeIndexCandidate& from) {
  sibyl_index_candidate to = CommonToC(from);
  to.predicted_bytes = from.predicted_bytes;
  to.predicted_single_ns = from.predicted_single_ns;
  to.predicted_serial_ns = from.predicted_serial_ns;
  to.single_ns = from.single_ns;
  to.batch_ns = from.batch_ns;
  to.serial_ns = from.serial_ns;
  return to;
}

sibyl_index_candidate ToC(const sibyl::index::StringIndexCandidate& from) {
  sibyl_index_candidate to = CommonToC(from);
  to.single_ns = from.single_ns;
  to.batch_ns = from.batch_ns;
  return to;
}

sibyl_index_candidate ToC(const sibyl::index::PointIndexCandidate& from) {
  sibyl_index_candidate to = CommonToC(from);
  to.single_ns = from.find_ns;
  to.batch_ns = from.batch_ns;
  to.conflicts = from.conflicts;
  return to;
}

sibyl_index_candidate ToC(const sibyl::index::ExistenceCandidate& from) {
  sibyl_index_candidate to = CommonToC(from);
  to.false_positive_rate = from.false_positive_rate;
  return to;
}

// An index, and what it considered in the words of C, which point into it.
template <typename Index>
struct Indexed {
  explicit Indexed(Index built) : index(std::move(built)) {
    for (const auto& candidate : index.candidates()) candidates.push_back(ToC(candidate));
  }
  const Index index;
  std::vector<sibyl_index_candidate> candidates;
};

}  // namespace

struct sibyl_index_options {
  std::map<std::string, std::string> values;
};
struct sibyl_range_index : Indexed<RangeIndex> {
  using Indexed::Indexed;
};
struct sibyl_string_index : Indexed<StringIndex> {
  sibyl_string_index(std::shared_ptr<const std::vector<std::string_view>> given, StringIndex built)
      : Indexed(std::move(built)), keys(std::move(given)) {}
  const std::shared_ptr<const std::vector<std::string_view>> keys;  // the index refers to them
};
struct sibyl_point_index : Indexed<PointIndex> {
  using Indexed::Indexed;
};
struct sibyl_existence_index : Indexed<ExistenceIndex> {
  using Indexed::Indexed;
};
struct sibyl_two_stage_index {
  const TwoStageIndex index;
};

namespace {

constexpr Words<RangeIndexKind> kRangeKinds = {{"auto", RangeIndexKind::kAuto},
                                               {"recursive", RangeIndexKind::kRecursive},
                                               {"pieces", RangeIndexKind::kPieces},
                                               {"static_btree", RangeIndexKind::kStaticBTree}};
constexpr Words<StringIndexKind> kStringKinds = {{"auto", StringIndexKind::kAuto},
                                                 {"recursive", StringIndexKind::kRecursive},
                                                 {"btree", StringIndexKind::kBTree}};
constexpr Words<PointHash> kPointHashes = {{"auto", PointHash::kAuto},
                                           {"xxh3", PointHash::kXxh3},
                                           {"cdf", PointHash::kCdf},
                                           {"learned", PointHash::kLearned}};
constexpr Words<PointTable> kPointTables = {{"chained", PointTable::kChained},
                                            {"in_place", PointTable::kInPlace}};
constexpr Words<ExistenceKind> kExistenceKinds = {{"auto", ExistenceKind::kAuto},
                                                  {"blocked_bloom", ExistenceKind::kBlockedBloom},
                                                  {"learned_bloom", ExistenceKind::kLearnedBloom},
                                                  {"partitioned", ExistenceKind::kPartitioned}};

Status SetOption(std::string_view name, std::string_view value,
                 sibyl::index::RangeIndexOptions* options) {
  using sibyl::index::LastMile;
  if (name == "kind") return Parse(name, value, kRangeKinds, &options->kind);
  if (name == "window_keys") return Parse(name, value, &options->window_keys);
  if (name == "last_mile") {
    return Parse(name, value, {{"simd", LastMile::kSimd}, {"branchy", LastMile::kBranchy}},
                 &options->last_mile);
  }
  if (name == "root") {
    return Parse(name, value,
                 {{"measured", RangeIndexRoot::kMeasured},
                  {"linear", RangeIndexRoot::kLinear},
                  {"log_linear", RangeIndexRoot::kLogLinear}},
                 &options->root);
  }
  if (name == "objective") {
    return Parse(name, value,
                 {{"throughput", RangeIndexObjective::kThroughput},
                  {"latency", RangeIndexObjective::kLatency},
                  {"smallest", RangeIndexObjective::kSmallest}},
                 &options->objective);
  }
  if (name == "memory_budget_bytes") return Parse(name, value, &options->memory_budget_bytes);
  return NoSuchOption(name);
}

Status SetOption(std::string_view name, std::string_view value,
                 sibyl::index::StringIndexOptions* options) {
  if (name == "kind") return Parse(name, value, kStringKinds, &options->kind);
  if (name == "block_keys") return Parse(name, value, &options->block_keys);
  if (name == "landmark_keys") return Parse(name, value, &options->landmark_keys);
  return NoSuchOption(name);
}

Status SetOption(std::string_view name, std::string_view value,
                 sibyl::index::PointIndexOptions* options) {
  if (name == "hash") return Parse(name, value, kPointHashes, &options->hash);
  if (name == "table") return Parse(name, value, kPointTables, &options->table);
  if (name == "slots_per_key") return Parse(name, value, &options->slots_per_key);
  return NoSuchOption(name);
}

Status SetOption(std::string_view name, std::string_view value,
                 sibyl::index::ExistenceOptions* options) {
  if (name == "kind") return Parse(name, value, kExistenceKinds, &options->kind);
  if (name == "false_positive_rate") return Parse(name, value, &options->false_positive_rate);
  return NoSuchOption(name);
}

Status SetOption(std::string_view name, std::string_view value,
                 sibyl::index::TwoStageOptions* options) {
  using sibyl::index::RootKind;
  if (name == "root") {
    return Parse(name, value,
                 {{"linear", RootKind::kLinear},
                  {"log_linear", RootKind::kLogLinear},
                  {"cubic", RootKind::kCubic},
                  {"spline", RootKind::kSpline},
                  {"radix", RootKind::kRadix},
                  {"net0", RootKind::kNet0},
                  {"net1", RootKind::kNet1},
                  {"net2", RootKind::kNet2}},
                 &options->root.kind);
  }
  if (name == "hidden_units") return Parse(name, value, &options->root.hidden_units);
  if (name == "training_steps") return Parse(name, value, &options->root.training_steps);
  if (name == "spline_knots") return Parse(name, value, &options->root.spline_knots);
  if (name == "leaves") return Parse(name, value, &options->leaves);
  return NoSuchOption(name);
}

// What `given` (null: nothing) says of the options of one index.
template <typename Options>
Result<Options> ReadOptions(const sibyl_index_options* given) {
  Options options;
  if (given == nullptr) return options;
  for (const auto& [name, value] : given->values) {
    SIBYL_RETURN_IF_ERROR(SetOption(name, value, &options));
  }
  return options;
}

std::vector<std::string_view> Views(const sibyl_slice* slices, size_t count) {
  std::vector<std::string_view> views(count);
  for (size_t i = 0; i < count; ++i) views[i] = View(slices[i]);
  return views;
}

// Hands what was built over to C.
template <typename Handle, typename Index>
Status Give(Result<Index> built, Handle** handle) {
  if (!built) return std::move(built).error();
  *handle = new Handle{std::move(*built)};
  return Ok();
}

template <typename Handle>
const sibyl_index_candidate* CandidatesOf(const Handle* handle, size_t* count) {
  *count = handle->candidates.size();
  return handle->candidates.data();
}

template <typename Handle>
sibyl_error* Explain(const Handle* handle, sibyl_buffer* text) {
  return Guarded([&]() -> Status {
    *text = NewBuffer(handle->index.Explain());
    return Ok();
  });
}

template <typename Handle>
sibyl_error* Serialize(const Handle* handle, sibyl_buffer* bytes) {
  return Guarded([&]() -> Status {
    std::string serialized;
    handle->index.Serialize(&serialized);
    *bytes = NewBuffer(serialized);
    return Ok();
  });
}

}  // namespace

sibyl_index_options* sibyl_index_options_new(void) {
  return new (std::nothrow) sibyl_index_options;
}
void sibyl_index_options_free(sibyl_index_options* options) { delete options; }
sibyl_error* sibyl_index_options_set(sibyl_index_options* options, const char* name,
                                     const char* value) {
  return Guarded([&]() -> Status {
    options->values[name] = value;
    return Ok();
  });
}

sibyl_error* sibyl_range_index_build(const uint64_t* keys, size_t count,
                                     const sibyl_index_options* options,
                                     sibyl_range_index** index) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const auto chosen,
                           ReadOptions<sibyl::index::RangeIndexOptions>(options));
    return Give(RangeIndex::Build({keys, count}, chosen), index);
  });
}
void sibyl_range_index_free(sibyl_range_index* index) { delete index; }
sibyl_error* sibyl_range_index_rebuild_with_budget(const sibyl_range_index* index,
                                                   uint64_t memory_bytes,
                                                   sibyl_range_index** rebuilt) {
  return Guarded([&]() -> Status {
    return Give(Result<RangeIndex>(index->index.RebuildWithBudget(memory_bytes)), rebuilt);
  });
}
uint64_t sibyl_range_index_lower_bound(const sibyl_range_index* index, uint64_t key) {
  return index->index.LowerBound(key);
}
uint64_t sibyl_range_index_upper_bound(const sibyl_range_index* index, uint64_t key) {
  return index->index.UpperBound(key);
}
void sibyl_range_index_equal_range(const sibyl_range_index* index, uint64_t key, uint64_t* begin,
                                   uint64_t* end) {
  std::tie(*begin, *end) = index->index.EqualRange(key);
}
void sibyl_range_index_lower_bound_batch(const sibyl_range_index* index, const uint64_t* keys,
                                         size_t count, uint64_t* ranks) {
  index->index.LowerBoundBatch({keys, count}, {ranks, count});
}
uint64_t sibyl_range_index_size(const sibyl_range_index* index) { return index->index.size(); }
const char* sibyl_range_index_kind(const sibyl_range_index* index) {
  return WordFor(index->index.kind(), kRangeKinds);
}
uint32_t sibyl_range_index_window_keys(const sibyl_range_index* index) {
  return index->index.window_keys();
}
uint64_t sibyl_range_index_memory_bytes(const sibyl_range_index* index) {
  return index->index.memory_bytes();
}
const sibyl_index_candidate* sibyl_range_index_candidates(const sibyl_range_index* index,
                                                          size_t* count) {
  return CandidatesOf(index, count);
}
sibyl_error* sibyl_range_index_explain(const sibyl_range_index* index, sibyl_buffer* text) {
  return Explain(index, text);
}
sibyl_error* sibyl_range_index_serialize(const sibyl_range_index* index, sibyl_buffer* bytes) {
  return Serialize(index, bytes);
}
sibyl_error* sibyl_range_index_deserialize(const char* bytes, size_t size, const uint64_t* keys,
                                           size_t count, sibyl_range_index** index) {
  return Guarded([&] {
    return Give(RangeIndex::Deserialize(View(bytes, size), {keys, count}), index);
  });
}
sibyl_error* sibyl_range_index_verify(const sibyl_range_index* index) {
  return Guarded([&] { return index->index.Verify(); });
}

namespace {

// Over `keys`, which the handle keeps.
template <typename Build>
Status GiveStringIndex(std::vector<std::string_view> keys, const Build& build,
                       sibyl_string_index** index) {
  auto kept = std::make_shared<const std::vector<std::string_view>>(std::move(keys));
  SIBYL_ASSIGN_OR_RETURN(StringIndex built, build(std::span(*kept)));
  *index = new sibyl_string_index(std::move(kept), std::move(built));
  return Ok();
}

}  // namespace

sibyl_error* sibyl_string_index_build(const sibyl_slice* keys, size_t count,
                                      const sibyl_index_options* options,
                                      sibyl_string_index** index) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const auto chosen,
                           ReadOptions<sibyl::index::StringIndexOptions>(options));
    const auto build = [&](std::span<const std::string_view> kept) {
      return StringIndex::Build(kept, chosen);
    };
    return GiveStringIndex(Views(keys, count), build, index);
  });
}
void sibyl_string_index_free(sibyl_string_index* index) { delete index; }
sibyl_error* sibyl_string_index_rebuild_with_budget(const sibyl_string_index* index,
                                                    uint64_t memory_bytes,
                                                    sibyl_string_index** rebuilt) {
  return Guarded([&]() -> Status {
    *rebuilt = new sibyl_string_index(index->keys, index->index.RebuildWithBudget(memory_bytes));
    return Ok();
  });
}
uint64_t sibyl_string_index_lower_bound(const sibyl_string_index* index, const char* key,
                                        size_t key_size) {
  return index->index.LowerBound(View(key, key_size));
}
uint64_t sibyl_string_index_upper_bound(const sibyl_string_index* index, const char* key,
                                        size_t key_size) {
  return index->index.UpperBound(View(key, key_size));
}
void sibyl_string_index_equal_range(const sibyl_string_index* index, const char* key,
                                    size_t key_size, uint64_t* begin, uint64_t* end) {
  std::tie(*begin, *end) = index->index.EqualRange(View(key, key_size));
}
sibyl_error* sibyl_string_index_lower_bound_batch(const sibyl_string_index* index,
                                                  const sibyl_slice* keys, size_t count,
                                                  uint64_t* ranks) {
  return Guarded([&]() -> Status {
    index->index.LowerBoundBatch(Views(keys, count), {ranks, count});
    return Ok();
  });
}
uint64_t sibyl_string_index_size(const sibyl_string_index* index) { return index->index.size(); }
const char* sibyl_string_index_kind(const sibyl_string_index* index) {
  return WordFor(index->index.kind(), kStringKinds);
}
uint64_t sibyl_string_index_memory_bytes(const sibyl_string_index* index) {
  return index->index.memory_bytes();
}
const sibyl_index_candidate* sibyl_string_index_candidates(const sibyl_string_index* index,
                                                           size_t* count) {
  return CandidatesOf(index, count);
}
sibyl_error* sibyl_string_index_explain(const sibyl_string_index* index, sibyl_buffer* text) {
  return Explain(index, text);
}
sibyl_error* sibyl_string_index_serialize(const sibyl_string_index* index, sibyl_buffer* bytes) {
  return Serialize(index, bytes);
}
sibyl_error* sibyl_string_index_deserialize(const char* bytes, size_t size, const sibyl_slice* keys,
                                            size_t count, sibyl_string_index** index) {
  return Guarded([&]() -> Status {
    const auto build = [&](std::span<const std::string_view> kept) {
      return StringIndex::Deserialize(View(bytes, size), kept);
    };
    return GiveStringIndex(Views(keys, count), build, index);
  });
}

sibyl_error* sibyl_point_index_build(const uint64_t* keys, const uint64_t* values, size_t count,
                                     const sibyl_index_options* options,
                                     sibyl_point_index** index) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const auto chosen,
                           ReadOptions<sibyl::index::PointIndexOptions>(options));
    return Give(PointIndex::Build({keys, count}, {values, count}, chosen), index);
  });
}
void sibyl_point_index_free(sibyl_point_index* index) { delete index; }
int sibyl_point_index_find(const sibyl_point_index* index, uint64_t key, uint64_t* value) {
  const std::optional<uint64_t> found = index->index.Find(key);
  if (found) *value = *found;
  return found ? 1 : 0;
}
void sibyl_point_index_find_batch(const sibyl_point_index* index, const uint64_t* keys,
                                  size_t count, int* found, uint64_t* values) {
  constexpr size_t kBatchKeys = 64;
  std::optional<uint64_t> answers[kBatchKeys];
  for (size_t begin = 0; begin < count; begin += kBatchKeys) {
    const std::span batch(keys + begin, std::min(kBatchKeys, count - begin));
    index->index.FindBatch(batch, answers);
    for (size_t i = 0; i < batch.size(); ++i) {
      found[begin + i] = answers[i] ? 1 : 0;
      values[begin + i] = answers[i].value_or(0);
    }
  }
}
uint64_t sibyl_point_index_size(const sibyl_point_index* index) { return index->index.size(); }
const char* sibyl_point_index_hash(const sibyl_point_index* index) {
  return WordFor(index->index.hash(), kPointHashes);
}
const char* sibyl_point_index_table(const sibyl_point_index* index) {
  return WordFor(index->index.table(), kPointTables);
}
uint64_t sibyl_point_index_slots(const sibyl_point_index* index) { return index->index.slots(); }
uint64_t sibyl_point_index_conflicts(const sibyl_point_index* index) {
  return index->index.conflicts();
}
uint64_t sibyl_point_index_memory_bytes(const sibyl_point_index* index) {
  return index->index.memory_bytes();
}
const sibyl_index_candidate* sibyl_point_index_candidates(const sibyl_point_index* index,
                                                          size_t* count) {
  return CandidatesOf(index, count);
}
sibyl_error* sibyl_point_index_explain(const sibyl_point_index* index, sibyl_buffer* text) {
  return Explain(index, text);
}
sibyl_error* sibyl_point_index_serialize(const sibyl_point_index* index, sibyl_buffer* bytes) {
  return Serialize(index, bytes);
}
sibyl_error* sibyl_point_index_deserialize(const char* bytes, size_t size,
                                           sibyl_point_index** index) {
  return Guarded([&] { return Give(PointIndex::Deserialize(View(bytes, size)), index); });
}

sibyl_error* sibyl_existence_index_build_strings(const sibyl_slice* keys, size_t count,
                                                 const sibyl_slice* absent, size_t absent_count,
                                                 const sibyl_index_options* options,
                                                 sibyl_existence_index** index) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const auto chosen, ReadOptions<sibyl::index::ExistenceOptions>(options));
    const std::vector<std::string_view> stored = Views(keys, count);
    const std::vector<std::string_view> missing = Views(absent, absent_count);
    return Give(ExistenceIndex::Build(stored, missing, chosen), index);
  });
}
sibyl_error* sibyl_existence_index_build_integers(const uint64_t* keys, size_t count,
                                                  const uint64_t* absent, size_t absent_count,
                                                  const sibyl_index_options* options,
                                                  sibyl_existence_index** index) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const auto chosen, ReadOptions<sibyl::index::ExistenceOptions>(options));
    const std::span stored(keys, count);
    return Give(ExistenceIndex::Build(stored, std::span(absent, absent_count), chosen), index);
  });
}
void sibyl_existence_index_free(sibyl_existence_index* index) { delete index; }
int sibyl_existence_index_may_contain_string(const sibyl_existence_index* index, const char* key,
                                             size_t key_size) {
  return index->index.MayContain(View(key, key_size)) ? 1 : 0;
}
int sibyl_existence_index_may_contain_integer(const sibyl_existence_index* index, uint64_t key) {
  return index->index.MayContain(key) ? 1 : 0;
}
uint64_t sibyl_existence_index_size(const sibyl_existence_index* index) {
  return index->index.size();
}
const char* sibyl_existence_index_kind(const sibyl_existence_index* index) {
  return WordFor(index->index.kind(), kExistenceKinds);
}
uint64_t sibyl_existence_index_memory_bytes(const sibyl_existence_index* index) {
  return index->index.memory_bytes();
}
const sibyl_index_candidate* sibyl_existence_index_candidates(const sibyl_existence_index* index,
                                                              size_t* count) {
  return CandidatesOf(index, count);
}
sibyl_error* sibyl_existence_index_explain(const sibyl_existence_index* index, sibyl_buffer* text) {
  return Explain(index, text);
}
sibyl_error* sibyl_existence_index_serialize(const sibyl_existence_index* index,
                                             sibyl_buffer* bytes) {
  return Serialize(index, bytes);
}
sibyl_error* sibyl_existence_index_deserialize(const char* bytes, size_t size,
                                               sibyl_existence_index** index) {
  return Guarded([&] { return Give(ExistenceIndex::Deserialize(View(bytes, size)), index); });
}

sibyl_error* sibyl_two_stage_index_build(const uint64_t* keys, size_t count,
                                         const sibyl_index_options* options,
                                         sibyl_two_stage_index** index) {
  return Guarded([&]() -> Status {
    SIBYL_ASSIGN_OR_RETURN(const auto chosen, ReadOptions<sibyl::index::TwoStageOptions>(options));
    return Give(TwoStageIndex::Build({keys, count}, chosen), index);
  });
}
void sibyl_two_stage_index_free(sibyl_two_stage_index* index) { delete index; }
uint64_t sibyl_two_stage_index_lower_bound(const sibyl_two_stage_index* index, uint64_t key) {
  return index->index.LowerBound(key);
}
uint64_t sibyl_two_stage_index_upper_bound(const sibyl_two_stage_index* index, uint64_t key) {
  return index->index.UpperBound(key);
}
uint64_t sibyl_two_stage_index_size(const sibyl_two_stage_index* index) {
  return index->index.size();
}
uint64_t sibyl_two_stage_index_memory_bytes(const sibyl_two_stage_index* index) {
  return index->index.memory_bytes();
}
double sibyl_two_stage_index_mean_searched_keys(const sibyl_two_stage_index* index) {
  return index->index.MeanSearchedKeys();
}
sibyl_error* sibyl_two_stage_index_serialize(const sibyl_two_stage_index* index,
                                             sibyl_buffer* bytes) {
  return Serialize(index, bytes);
}
sibyl_error* sibyl_two_stage_index_deserialize(const char* bytes, size_t size, const uint64_t* keys,
                                               size_t count, sibyl_two_stage_index** index) {
  return Guarded([&] {
    return Give(TwoStageIndex::Deserialize(View(bytes, size), {keys, count}), index);
  });
}
sibyl_error* sibyl_two_stage_index_verify(const sibyl_two_stage_index* index) {
  return Guarded([&] { return index->index.Verify(); });
}
