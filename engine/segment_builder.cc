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
  if (!user_keys_.empty()) return InternalKeyAt(user_keys_.size() - 1);
  return finished_.empty() ? std::string_view() : finished_.back()->largest_key();
}

Status SegmentBuilder::Add(std::string_view internal_key, RecordType type, std::string_view value) {
  if (user_keys_.empty()) buffering_since_ns_ = base::ThreadNs();
  const char* const key_bytes = key_bytes_.Copy(internal_key);
  user_keys_.push_back(UserKeyOf({key_bytes, internal_key.size()}));
  values_.push_back({value_bytes_.Copy(value), static_cast<uint32_t>(value.size()),
                     type == RecordType::kTombstone});
  block_bytes_.push_back(storage::BlockBytesOfRecord(internal_key, value));
  if (filter_bits_per_key_ > 0) key_hashes_.push_back(base::Checksum(internal_key));
  user_key_bytes_ += user_keys_.back().size();
  buffered_bytes_ += internal_key.size() + value.size();
  // Short records take more memory than bytes: theirs is bounded too.
  const uint64_t memory_bytes = buffered_bytes_ + user_keys_.size() * kBookkeepingBytes;
  if (buffered_bytes_ < options_.segment_bytes && memory_bytes < 2 * options_.segment_bytes) {
    return Ok();
  }
  return WriteSegment();
}

Status SegmentBuilder::EndSegment(uint64_t least_bytes) {
  if (user_keys_.empty() || buffered_bytes_ < least_bytes) return Ok();
  return WriteSegment();
}

Result<std::vector<SegmentPtr>> SegmentBuilder::Finish() {
  if (!user_keys_.empty()) SIBYL_RETURN_IF_ERROR(WriteSegment());
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
  user_keys_.clear();
  values_.clear();
  block_bytes_.clear();
  key_hashes_.clear();
  key_bytes_.Clear();
  value_bytes_.Clear();
  user_key_bytes_ = 0;
  buffered_bytes_ = 0;
  return Ok();
}

// One model per tree, over the keys without the tree id.
Result<std::vector<TreeModel>> SegmentBuilder::TrainModels() {
  std::vector<TreeModel> models;
  uint32_t first_block = 0;
  for (size_t begin = 0; begin < user_keys_.size();) {
    const Tree tree = TreeOf(InternalKeyAt(begin));
    size_t end = user_keys_.size();
    if (TreeOf(InternalKeyAt(end - 1)) != tree) {
      end = begin;
      while (TreeOf(InternalKeyAt(end)) == tree) ++end;
    }
    const size_t count = end - begin;
    uint64_t keys_bytes = user_key_bytes_;
    if (count < user_keys_.size()) {
      keys_bytes = 0;
      for (size_t i = begin; i < end; ++i) keys_bytes += user_keys_[i].size();
    }
    const bool long_keys = keys_bytes > count * sizeof(uint64_t);
    SIBYL_ASSIGN_OR_RETURN(index::BlockModel model, TrainModel(begin, count, long_keys));
    const uint32_t block_count = model.block_count();
    models.push_back(TreeModel{tree, first_block, count, std::move(model)});
    first_block += block_count;
    begin = end;
  }
  return models;
}

Result<index::BlockModel> SegmentBuilder::TrainModel(size_t begin, size_t count, bool long_keys) {
  const auto keys = std::span<const std::string_view>(user_keys_).subspan(begin, count);
  const auto record_bytes = std::span<const uint32_t>(block_bytes_).subspan(begin, count);
  index::BlockModelOptions model_options{options_.block_bytes, options_.epsilon_blocks};
  if (!long_keys) return index::BlockModel::Build(keys, record_bytes, model_options);
  model_options.learn = choice_.learn;
  const uint64_t began_ns = base::ThreadNs();
  auto model = index::BlockModel::Build(keys, record_bytes, model_options);
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
  size_t begin = 0;
  for (const TreeModel& model : models) {
    writer->UseOptions(OptionsOf(model.tree));
    SIBYL_RETURN_IF_ERROR(WriteTree(model, begin, writer));
    begin += model.records;
  }
  return Ok();
}

// Each record, from `begin` on, goes to the block that readers will be sent to: the same lookup
// decides.
Status SegmentBuilder::WriteTree(const TreeModel& model, size_t begin,
                                 storage::SegmentWriter* writer) const {
  constexpr size_t kBatch = 64;
  std::array<index::BlockPosition, kBatch> positions;
  const size_t end = begin + model.records;
  for (size_t first = begin; first < end; first += kBatch) {
    const size_t count = std::min(kBatch, end - first);
    model.model.FindBatch(std::span(user_keys_).subspan(first, count), positions);
    for (size_t i = 0; i < count; ++i) {
      const BufferedValue& value = values_[first + i];
      SIBYL_CHECK(positions[i].block < model.model.block_count());
      SIBYL_RETURN_IF_ERROR(writer->Add(InternalKeyAt(first + i), value.view(), value.type(),
                                        model.first_block + positions[i].block,
                                        positions[i].fraction));
    }
  }
  return Ok();
}

}  // namespace sibyl::engine
