#include "engine/segment_builder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "base/text.h"
#include "engine/internal_key.h"

namespace sibyl::engine {

const char* SegmentBuilder::Arena::Copy(std::string_view bytes) {
  char* to = nullptr;
  if (bytes.size() > kChunkBytes / 4) {
    large_.push_back(std::make_unique_for_overwrite<char[]>(bytes.size()));
    to = large_.back().get();
  } else {
    if (chunk_count_used_ == 0 || used_in_chunk_ + bytes.size() > kChunkBytes) {
      if (chunk_count_used_ == chunks_.size()) {
        chunks_.push_back(std::make_unique_for_overwrite<char[]>(kChunkBytes));
      }
      ++chunk_count_used_;
      used_in_chunk_ = 0;
    }
    to = chunks_[chunk_count_used_ - 1].get() + used_in_chunk_;
    used_in_chunk_ += bytes.size();
  }
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  return to;
}

void SegmentBuilder::Arena::Clear() {
  chunk_count_used_ = 0;
  used_in_chunk_ = 0;
  large_.clear();
}

SegmentBuilder::SegmentBuilder(SegmentStore& store, const Options& options, bool above_last,
                               storage::SegmentWriter::BeforeWrite before_write,
                               std::shared_ptr<const Catalogue> catalogue)
    : store_(store),
      options_(options),
      filter_bits_per_key_(above_last ? options.filter_bits_per_key
                                      : options.last_level_filter_bits_per_key),
      before_write_(std::move(before_write)),
      catalogue_(std::move(catalogue)) {}

std::string_view SegmentBuilder::last_key() const {
  if (tree_count_ > 0) {
    const TreeRecords& last = trees_[tree_count_ - 1];
    return last.InternalKeyAt(last.layout.size() - 1);
  }
  return finished_.empty() ? std::string_view() : finished_.back()->largest_key();
}

Status SegmentBuilder::Add(std::string_view internal_key, RecordType type, std::string_view value) {
  if (values_.empty()) buffering_since_ns_ = base::ThreadNs();
  TreeRecords& records = RecordsOf(TreeOf(internal_key));
  const char* const key_bytes = key_bytes_.Copy(internal_key);
  const std::string_view user_key = UserKeyOf({key_bytes, internal_key.size()});
  if (!records.layout.Add(user_key, storage::BlockBytesOfRecord(internal_key, value))) {
    return Error{ErrorCode::kInvalidArgument,
                 "a segment's keys do not increase at " + base::Quoted(internal_key)};
  }
  records.key_bytes += user_key.size();
  values_.push_back({value_bytes_.Copy(value), static_cast<uint32_t>(value.size()),
                     type == RecordType::kTombstone});
  if (filter_bits_per_key_ > 0) key_hashes_.push_back(base::Checksum(internal_key));
  buffered_bytes_ += internal_key.size() + value.size();
  // Short records take more memory than bytes: theirs is bounded too.
  const uint64_t memory_bytes = buffered_bytes_ + values_.size() * kBookkeepingBytes;
  if (buffered_bytes_ < options_.segment_bytes && memory_bytes < 2 * options_.segment_bytes) {
    return Ok();
  }
  return WriteSegment();
}

// Those of the tree that the next record is of: the last one's, or a new one's.
SegmentBuilder::TreeRecords& SegmentBuilder::RecordsOf(Tree tree) {
  if (tree_count_ > 0 && trees_[tree_count_ - 1].tree == tree) [[likely]]
    return trees_[tree_count_ - 1];
  if (tree_count_ == trees_.size()) {
    trees_.push_back({tree, index::RecordLayout(options_.block_bytes)});
  }
  TreeRecords& records = trees_[tree_count_++];
  records.tree = tree;
  records.key_bytes = 0;
  return records;
}

Status SegmentBuilder::EndSegment(uint64_t least_bytes) {
  if (values_.empty() || buffered_bytes_ < least_bytes) return Ok();
  return WriteSegment();
}

Result<std::vector<SegmentPtr>> SegmentBuilder::Finish() {
  if (!values_.empty()) SIBYL_RETURN_IF_ERROR(WriteSegment());
  if (!finished_.empty()) SIBYL_RETURN_IF_ERROR(store_.SyncDirectory());
  return std::exchange(finished_, {});
}

Status SegmentBuilder::WriteSegment() {
  const uint64_t training_began_ns = base::ThreadNs();
  const uint64_t long_keys_before = long_keys_.records;
  SIBYL_ASSIGN_OR_RETURN(const std::vector<TreeModel> models, TrainModels());
  storage::SegmentProperties properties;
  properties.training_ns = base::ThreadNs() - training_began_ns;

  properties.model_note = ModelNote(long_keys_before);

  const uint64_t id = store_.NewId();
  SIBYL_ASSIGN_OR_RETURN(
      auto writer, storage::SegmentWriter::Create(store_.files(), store_.PathOf(id), before_write_,
                                                  FormatFor(models)));
  SIBYL_RETURN_IF_ERROR(WriteRecords(models, writer.get()));
  uint32_t block_count = 0;
  if (!models.empty()) block_count = models.back().first_block + models.back().model.block_count();
  properties.build_ns = base::ThreadNs() - buffering_since_ns_;
  std::string filter;
  if (filter_bits_per_key_ > 0) filter = SegmentFilter::Encode(key_hashes_, filter_bits_per_key_);
  SIBYL_ASSIGN_OR_RETURN(const storage::SegmentFileInfo info,
                         writer->Finish(block_count, EncodeTreeModels(models), filter, properties));
  auto segment = store_.Open(id);
  if (!segment) {
    (void)store_.files().Remove(store_.PathOf(id));  // the first error is the one to report
    return std::move(segment).error();
  }
  (*segment)->MakeObsolete();
  finished_.push_back(std::move(*segment));
  training_ns_ += properties.training_ns;
  written_bytes_ += info.file_bytes;
  Clear();
  return Ok();
}

void SegmentBuilder::Clear() {
  for (TreeRecords& records : trees_) records.layout.Clear();
  tree_count_ = 0;
  values_.clear();
  key_hashes_.clear();
  key_bytes_.Clear();
  value_bytes_.Clear();
  buffered_bytes_ = 0;
}

// One model per tree, over the keys without the tree id.
Result<std::vector<TreeModel>> SegmentBuilder::TrainModels() {
  std::vector<TreeModel> models;
  uint32_t first_block = 0;
  for (const TreeRecords& records : trees()) {
    SIBYL_ASSIGN_OR_RETURN(index::BlockModel model, TrainModel(records));
    const uint32_t block_count = model.block_count();
    models.push_back(TreeModel{records.tree, first_block, records.layout.size(), std::move(model)});
    first_block += block_count;
  }
  return models;
}

Result<index::BlockModel> SegmentBuilder::TrainModel(const TreeRecords& records) {
  const uint64_t count = records.layout.size();
  const bool long_keys = records.key_bytes > count * sizeof(uint64_t);
  index::BlockModelOptions model_options{options_.block_bytes, options_.epsilon_blocks};
  if (!long_keys) return index::BlockModel::Build(records.layout, model_options);
  model_options.learn = choice_.learn;
  const uint64_t began_ns = base::ThreadNs();
  auto model = index::BlockModel::Build(records.layout, model_options);
  long_keys_.training_ns += base::ThreadNs() - began_ns;
  long_keys_.records += count;
  return model;
}

std::string SegmentBuilder::ModelNote(uint64_t long_keys_before) const {
  return long_keys_.records == long_keys_before ? "learned: short keys" : choice_.note;
}

// What the blocks of a tree look like: no other option reaches a segment.
TreeOptions SegmentBuilder::OptionsOf(Tree tree) const {
  if (catalogue_ == nullptr) return TreeOptions();
  const TreeOptions& options = catalogue_->OptionsOf(tree);
  return {.compression = options.compression, .packed_keys = options.packed_keys};
}

storage::SegmentFormat SegmentBuilder::FormatFor(const std::vector<TreeModel>& models) const {
  const bool plain = std::all_of(models.begin(), models.end(), [this](const TreeModel& model) {
    return OptionsOf(model.tree) == TreeOptions();
  });
  return plain ? storage::SegmentFormat::kPlain : storage::SegmentFormat::kEncoded;
}

Status SegmentBuilder::WriteRecords(const std::vector<TreeModel>& models,
                                    storage::SegmentWriter* writer) const {
  std::span<const BufferedValue> values = values_;
  for (size_t i = 0; i < tree_count_; ++i) {
    writer->UseOptions(OptionsOf(models[i].tree));
    SIBYL_RETURN_IF_ERROR(WriteTree(trees_[i], models[i], values, writer));
    values = values.subspan(models[i].records);
  }
  return Ok();
}

// Each record, `values` being those of its tree and what follows, goes to the block that readers
// will be sent to: the same lookup decides.
Status SegmentBuilder::WriteTree(const TreeRecords& records, const TreeModel& model,
                                 std::span<const BufferedValue> values,
                                 storage::SegmentWriter* writer) const {
  constexpr size_t kBatch = 64;
  std::array<index::BlockPosition, kBatch> positions;
  const std::span keys(records.layout.keys());
  for (size_t first = 0; first < keys.size(); first += kBatch) {
    const size_t count = std::min(kBatch, keys.size() - first);
    model.model.FindBatch(keys.subspan(first, count), positions);
    for (size_t i = 0; i < count; ++i) {
      const BufferedValue& value = values[first + i];
      SIBYL_CHECK(positions[i].block < model.model.block_count());
      SIBYL_RETURN_IF_ERROR(writer->Add(records.InternalKeyAt(first + i), value.view(),
                                        value.type(), model.first_block + positions[i].block,
                                        positions[i].fraction));
    }
  }
  return Ok();
}

}  // namespace sibyl::engine
