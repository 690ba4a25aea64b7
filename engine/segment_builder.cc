#include "engine/segment_builder.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "engine/internal_key.h"

namespace sibyl::engine {

// Both one after the other.
const char* SegmentBuilder::Arena::Copy(std::string_view first, std::string_view second) {
  const size_t size_bytes = first.size() + second.size();
  char* to = nullptr;
  if (size_bytes > kChunkBytes / 4) {
    large_.push_back(std::make_unique_for_overwrite<char[]>(size_bytes));
    to = large_.back().get();
  } else {
    if (chunk_count_used_ == 0 || used_in_chunk_ + size_bytes > kChunkBytes) {
      if (chunk_count_used_ == chunks_.size()) {
        chunks_.push_back(std::make_unique_for_overwrite<char[]>(kChunkBytes));
      }
      ++chunk_count_used_;
      used_in_chunk_ = 0;
    }
    to = chunks_[chunk_count_used_ - 1].get() + used_in_chunk_;
    used_in_chunk_ += size_bytes;
  }
  if (!first.empty()) std::memcpy(to, first.data(), first.size());
  if (!second.empty()) std::memcpy(to + first.size(), second.data(), second.size());
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

Status SegmentBuilder::Add(std::string_view internal_key, RecordType type, std::string_view value) {
  if (records_.empty()) buffering_since_ns_ = base::NowNs();
  records_.push_back({arena_.Copy(internal_key, value), static_cast<uint32_t>(internal_key.size()),
                      static_cast<uint32_t>(value.size()), type == RecordType::kTombstone});
  if (filter_bits_per_key_ > 0) key_hashes_.push_back(base::Checksum(internal_key));
  buffered_bytes_ += internal_key.size() + value.size();
  // Short records take more memory than bytes: theirs is bounded too.
  const uint64_t memory_bytes = buffered_bytes_ + records_.size() * kBookkeepingBytes;
  if (buffered_bytes_ < options_.segment_bytes && memory_bytes < 2 * options_.segment_bytes) {
    return Ok();
  }
  return WriteSegment();
}

Status SegmentBuilder::EndSegment(uint64_t least_bytes) {
  if (records_.empty() || buffered_bytes_ < least_bytes) return Ok();
  return WriteSegment();
}

Result<std::vector<std::shared_ptr<LearnedSegment>>> SegmentBuilder::Finish() {
  if (!records_.empty()) SIBYL_RETURN_IF_ERROR(WriteSegment());
  if (!finished_.empty()) SIBYL_RETURN_IF_ERROR(store_.SyncDirectory());
  return std::exchange(finished_, {});
}

Status SegmentBuilder::WriteSegment() {
  const uint64_t training_began_ns = base::NowNs();
  SIBYL_ASSIGN_OR_RETURN(const std::vector<TreeModel> models, TrainModels());
  storage::SegmentProperties properties;
  properties.training_ns = base::NowNs() - training_began_ns;

  const uint64_t id = store_.NewId();
  SIBYL_ASSIGN_OR_RETURN(auto writer, storage::SegmentWriter::Create(
                                          store_.files(), store_.PathOf(id), before_write_,
                                          FormatFor(models)));
  SIBYL_RETURN_IF_ERROR(WriteRecords(models, writer.get()));
  uint32_t block_count = 0;
  if (!models.empty()) block_count = models.back().first_block + models.back().model.block_count();
  properties.build_ns = base::NowNs() - buffering_since_ns_;
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
  records_.clear();
  key_hashes_.clear();
  arena_.Clear();
  buffered_bytes_ = 0;
  return Ok();
}

// One model per tree, over the keys without the tree id.
Result<std::vector<TreeModel>> SegmentBuilder::TrainModels() const {
  const index::BlockModelOptions model_options{options_.block_bytes, options_.epsilon_blocks};
  std::vector<std::string_view> user_keys(records_.size());
  std::vector<uint32_t> record_bytes(records_.size());
  for (size_t i = 0; i < records_.size(); ++i) {
    user_keys[i] = UserKeyOf(records_[i].key());
    record_bytes[i] = storage::BlockBytesOfRecord(records_[i].key(), records_[i].value());
  }
  std::vector<TreeModel> models;
  uint32_t first_block = 0;
  for (size_t begin = 0; begin < records_.size();) {
    const Tree tree = TreeOf(records_[begin].key());
    size_t end = begin;
    while (end < records_.size() && TreeOf(records_[end].key()) == tree) ++end;
    const size_t count = end - begin;
    SIBYL_ASSIGN_OR_RETURN(
        index::BlockModel model,
        index::BlockModel::Build(std::span(user_keys).subspan(begin, count),
                                 std::span(record_bytes).subspan(begin, count), model_options));
    const uint32_t block_count = model.block_count();
    models.push_back(TreeModel{tree, first_block, count, std::move(model)});
    first_block += block_count;
    begin = end;
  }
  return models;
}

TreeOptions SegmentBuilder::OptionsOf(Tree tree) const {
  return catalogue_ == nullptr ? TreeOptions() : catalogue_->OptionsOf(tree);
}

storage::SegmentFormat SegmentBuilder::FormatFor(const std::vector<TreeModel>& models) const {
  const bool plain = std::all_of(models.begin(), models.end(), [this](const TreeModel& model) {
    return OptionsOf(model.tree) == TreeOptions();
  });
  return plain ? storage::SegmentFormat::kPlain : storage::SegmentFormat::kEncoded;
}

// Each record goes to the block that readers will be sent to: the same lookup decides.
Status SegmentBuilder::WriteRecords(const std::vector<TreeModel>& models,
                                    storage::SegmentWriter* writer) const {
  auto model = models.begin();
  if (model != models.end()) writer->UseOptions(OptionsOf(model->tree));
  for (const BufferedRecord& record : records_) {
    while (model->tree != TreeOf(record.key())) writer->UseOptions(OptionsOf((++model)->tree));
    const index::BlockPosition position = model->model.Find(UserKeyOf(record.key()));
    SIBYL_CHECK(position.block < model->model.block_count());
    SIBYL_RETURN_IF_ERROR(writer->Add(record.key(), record.value(), record.type(),
                                      model->first_block + position.block, position.fraction));
  }
  return Ok();
}

}  // namespace sibyl::engine
