#include "engine/learned_segment.h"

#include <algorithm>

#include "base/checksum.h"
#include "base/coding.h"
#include "base/status_macros.h"
#include "base/text.h"

namespace sibyl::engine {

namespace {

constexpr uint8_t kTreeModelsVersion = 1;

// One in this many misses is checked by a search that does not use the model.
constexpr uint64_t kMissSampleRate = 4096;

// A cursor looks so far ahead in a block whose records are of different kinds: enough for what it
// costs to begin a run, not too many for who reads a few.
constexpr uint32_t kMostRecordsAhead = 32;

Error ModelsCorrupt(const std::string& what) {
  return Error{ErrorCode::kCorruption, "segment models: " + what};
}

// Walks the records of a segment, block by block.
class SegmentCursor final : public Cursor {
 public:
  SegmentCursor(const LearnedSegment& segment, Walk walk) : segment_(segment), walk_(walk) {}

  bool Valid() const override { return valid_; }

  void SeekToFirst() override {
    Begin();
    EnterForward(0);
  }

  void SeekToLast() override {
    Begin();
    EnterBackward(file().block_count());
  }

  void Seek(std::string_view target) override {
    if (!std::exchange(is_prepared_, false)) {
      Begin();
      const auto position = segment_.Locate(*reader_, target);
      if (!position) return Fail(position.error());
      sought_ = *position;
      Prefetch(sought_);
    }
    if (!Load(sought_.block)) return;
    slot_ =
        block_.view().LowerBound(target, file().RecordFraction(sought_.block, sought_.fraction));
    PrefetchNext();
    if (slot_ < block_.view().record_count()) {
      Show();
    } else {
      EnterForward(block_number_ + 1);
    }
  }

  // A model that was found wrong is not asked, and searching for the block is no preparation.
  void PrepareSeek(std::string_view target) override {
    if (segment_.bound_violations() > 0) return;
    Begin();
    sought_ = reader_->Predict(target);
    is_prepared_ = true;
    Prefetch(sought_);
  }

  void SeekForPrev(std::string_view target) override {
    Seek(target);
    if (!status_) return;
    if (!valid_) {
      SeekToLast();
    } else if (key() != target) {
      Prev();
    }
  }

  void Next() override {
    if (++slot_ < block_.view().record_count()) {
      if (walk_ == Walk::kFewRecords) PrefetchNext();
      Show();
    } else {
      EnterForward(block_number_ + 1);
    }
  }

  void Prev() override {
    if (slot_ > 0) {
      --slot_;
      Show();
    } else {
      EnterBackward(block_number_);
    }
  }

  // Put together when first asked for: a scan that wants values only never does.
  std::string_view key() const override {
    if (!key_known_) {
      block_.view().KeyAt(slot_, &key_);
      key_known_ = true;
    }
    return key_;
  }
  RecordType type() const override { return block_.view().TypeAt(slot_); }

  uint64_t StepsBelow(std::string_view key) const override {
    const storage::BlockView& view = block_.view();
    if (view.EndsBefore(key)) return view.record_count() - slot_ - 1;
    const auto fraction = static_cast<uint16_t>((uint64_t{slot_} << 16) / view.record_count());
    const uint32_t bound = view.LowerBound(key, fraction);
    return bound > slot_ ? bound - slot_ - 1 : 0;
  }

  CursorRun Run() const override {
    const storage::BlockView& view = block_.view();
    return {view, slot_, view.PlainRecordsFrom(slot_, kMostRecordsAhead)};
  }

  void Skip(uint32_t records) override {
    slot_ += records;
    Show();
  }

  std::string_view value() override {
    if (!block_.view().ValueIsOutOfLine(slot_)) return block_.view().RawValueAt(slot_);
    auto value = file().ValueAt(block_.view(), slot_, &value_scratch_);
    if (!value) {
      Fail(std::move(value).error());
      return {};
    }
    return *value;
  }

  // In a mapping, which the segment keeps.
  Kept Keeps() const override {
    const bool in_place = block_.in_place() && !block_.view().ValueIsOutOfLine(slot_);
    return in_place ? Kept::kValue : Kept::kNothing;
  }

  Status status() const override { return status_; }

 private:
  // What reads the records until the next one of these.
  void Begin() {
    status_ = Ok();
    reader_ = &segment_.reader();
    is_prepared_ = false;
  }
  const storage::Segment& file() const { return reader_->file(); }

  // Who shows few records wants their windows now, and only the value of the one that it comes to.
  void Prefetch(const index::BlockPosition& position) const {
    if (walk_ == Walk::kFewRecords) {
      file().PrefetchBlock(position.block, position.fraction);
    } else {
      file().PrefetchWalk(position.block, position.fraction);
    }
  }
  void PrefetchNext() const {
    if (walk_ == Walk::kEveryRecord) return file().PrefetchWalk(block_number_ + 1, 0);
    if (slot_ + 1 == block_.view().record_count()) file().PrefetchBlock(block_number_ + 1, 0);
  }

  // Moves to the first record of the first non-empty block from `block` on.
  void EnterForward(uint64_t block) {
    valid_ = false;
    for (; block < file().block_count(); ++block) {
      if (!Load(static_cast<uint32_t>(block))) return;
      if (block_.view().record_count() > 0) {
        slot_ = 0;
        PrefetchNext();
        Show();
        return;
      }
    }
  }

  // Moves to the last record of the last non-empty block before `block`.
  void EnterBackward(uint64_t block) {
    valid_ = false;
    while (block-- > 0) {
      if (!Load(static_cast<uint32_t>(block))) return;
      if (block_.view().record_count() > 0) {
        slot_ = block_.view().record_count() - 1;
        Show();
        return;
      }
    }
  }

  bool Load(uint32_t block) {
    valid_ = false;
    if (file().block_count() == 0) return false;
    auto handle = file().ReadBlock(block);
    if (!handle) {
      Fail(std::move(handle).error());
      return false;
    }
    block_ = std::move(*handle);
    block_number_ = block;
    return true;
  }

  void Show() {
    key_known_ = false;
    valid_ = true;
  }

  void Fail(Error error) {
    status_ = std::move(error);
    valid_ = false;
  }

  const LearnedSegment& segment_;
  const Walk walk_;
  const SegmentReader* reader_ = nullptr;
  index::BlockPosition sought_ = {};  // of the last Seek, or of the next
  bool is_prepared_ = false;          // sought_ is where the next Seek goes
  storage::BlockHandle block_;
  uint32_t block_number_ = 0;
  uint32_t slot_ = 0;
  bool valid_ = false;
  mutable bool key_known_ = false;
  mutable std::string key_;
  std::string value_scratch_;
  Status status_ = Ok();
};

}  // namespace

std::string EncodeTreeModels(const std::vector<TreeModel>& models) {
  std::string bytes;
  base::Put8(&bytes, kTreeModelsVersion);
  base::PutVarint(&bytes, models.size());
  for (const TreeModel& model : models) {
    base::PutVarint(&bytes, model.tree.id);
    base::PutVarint(&bytes, model.first_block);
    base::PutVarint(&bytes, model.records);
    std::string model_bytes;
    model.model.Serialize(&model_bytes);
    base::PutString(&bytes, model_bytes);
  }
  return bytes;
}

Result<std::vector<TreeModel>> DecodeTreeModels(std::string_view bytes, uint32_t block_count) {
  base::Decoder decoder(bytes);
  const uint8_t version = decoder.Get8();
  if (decoder.ok() && version > kTreeModelsVersion) {
    return Error{ErrorCode::kNotSupported, "segment models: version " + std::to_string(version) +
                                               " is newer than this library"};
  }
  const uint64_t count = decoder.GetVarint();
  std::vector<TreeModel> models;
  uint64_t next_block = 0;
  for (uint64_t i = 0; i < count && decoder.ok(); ++i) {
    const uint64_t tree_id = decoder.GetVarint();
    const uint64_t first_block = decoder.GetVarint();
    const uint64_t records = decoder.GetVarint();
    const std::string_view model_bytes = decoder.GetString();
    if (!decoder.ok()) break;
    SIBYL_ASSIGN_OR_RETURN(index::BlockModel model, index::BlockModel::Deserialize(model_bytes));
    const bool in_order = models.empty() || models.back().tree.id < tree_id;
    if (tree_id > UINT32_MAX || !in_order) return ModelsCorrupt("trees are not in order");
    if (first_block != next_block) return ModelsCorrupt("blocks are not contiguous");
    next_block += model.block_count();
    models.push_back(TreeModel{Tree{static_cast<uint32_t>(tree_id)},
                               static_cast<uint32_t>(first_block), records, std::move(model)});
  }
  if (!decoder.ok() || !decoder.done()) return ModelsCorrupt("truncated or with trailing bytes");
  if (next_block != block_count) return ModelsCorrupt("they do not cover the segment's blocks");
  return models;
}

Result<std::shared_ptr<LearnedSegment>> LearnedSegment::OpenLazily(
    storage::FileSystem& files, const storage::Path& path, uint64_t id,
    const storage::SegmentReadOptions& options) {
  SIBYL_ASSIGN_OR_RETURN(auto opened, storage::SegmentFile::Open(files, path));
  return std::shared_ptr<LearnedSegment>(new LearnedSegment(files, std::move(opened), id, options));
}

Result<std::shared_ptr<LearnedSegment>> LearnedSegment::Open(
    storage::FileSystem& files, const storage::Path& path, uint64_t id,
    const storage::SegmentReadOptions& options) {
  SIBYL_ASSIGN_OR_RETURN(auto segment, OpenLazily(files, path, id, options));
  SIBYL_RETURN_IF_ERROR(segment->Load());
  return segment;
}

Status LearnedSegment::Load() const {
  const std::lock_guard lock(load_mutex_);
  if (is_loaded_.load(std::memory_order_relaxed)) return load_status_;
  auto read = Read();
  if (!read && read.error().code == ErrorCode::kIo) return std::move(read).error();
  if (!read) load_status_ = read.error();
  reader_ = read ? std::move(*read) : Unreadable(read.error());
  is_loaded_.store(true, std::memory_order_release);
  return load_status_;
}

const SegmentReader& LearnedSegment::LoadedOrFailed() const {
  const Status loaded = Load();
  if (is_loaded_.load(std::memory_order_acquire)) return reader_;
  // Who met the error may hold on to it: one is kept for each message, of which there are few.
  const std::lock_guard lock(load_mutex_);
  const Error& error = loaded.error();
  return failed_.try_emplace(error.message, Unreadable(error)).first->second;
}

SegmentReader LearnedSegment::Unreadable(const Error& error) const {
  return {storage::MakeUnreadableSegment(opened_, error), {}, {}};
}

Result<SegmentReader> LearnedSegment::Read() const {
  const auto in_file = [this](const Error& error) {
    return Error{error.code, path().string() + ": " + error.message};
  };
  SIBYL_ASSIGN_OR_RETURN(auto file, storage::Segment::Open(opened_, options_));
  auto models = DecodeTreeModels(file->model(), file->block_count());
  if (!models) return in_file(models.error());
  auto filter = SegmentFilter::Decode(file->TakeFilter());
  if (!filter) return in_file(filter.error());
  return SegmentReader(std::move(file), std::move(*models), std::move(*filter));
}

LearnedSegment::~LearnedSegment() {
  // A file that cannot be removed now is found unnamed at the next opening.
  if (obsolete_.load(std::memory_order_relaxed)) (void)files_.Remove(path());
}

const TreeModel* SegmentReader::FindModelAmongMany(Tree tree) const {
  return std::lower_bound(models_.data(), models_.data() + models_.size(), tree,
                          [](const TreeModel& a, Tree wanted) { return a.tree < wanted; });
}

index::BlockPosition SegmentReader::BorderBefore(const TreeModel* model) const {
  if (model != models_.data() + models_.size()) return {model->first_block, 0};
  return {std::max(1u, file_->block_count()) - 1, 0xffff};  // the end of the last block
}

bool LearnedSegment::IsSample(std::string_view internal_key) const {
  return base::Checksum(internal_key) % kMissSampleRate == 0 || bound_violations() > 0;
}

Result<storage::LookupOutcome> LearnedSegment::Lookup(std::string_view internal_key,
                                                      Value* value) const {
  const SegmentReader& reader = this->reader();
  const index::BlockPosition position = reader.Predict(internal_key);
  auto outcome = reader.file().Lookup(internal_key, position.block, position.fraction, value);
  if (outcome && *outcome == storage::LookupOutcome::kAbsent && reader.file().block_count() > 0 &&
      IsSample(internal_key)) [[unlikely]] {
    outcome = LookupWithoutModel(reader, internal_key, value);
    if (outcome && *outcome != storage::LookupOutcome::kAbsent) {
      const uint64_t before = bound_violations_.fetch_add(1, std::memory_order_relaxed);
      if (before == 0 && violation_listener_) violation_listener_(*this);
    }
  }
  return outcome;
}

Result<storage::LookupOutcome> LearnedSegment::LookupWithoutModel(const SegmentReader& reader,
                                                                  std::string_view internal_key,
                                                                  Value* value) const {
  SIBYL_ASSIGN_OR_RETURN(const index::BlockPosition position, reader.SearchBlock(internal_key));
  return reader.file().Lookup(internal_key, position.block, position.fraction, value);
}

// Binary search over the blocks by their first keys: the last block that begins at or before the
// key, else the first.
Result<index::BlockPosition> SegmentReader::SearchBlock(std::string_view internal_key) const {
  std::string first_key;
  uint32_t begin = 0;  // the record, if present, is in a block of [begin, end)
  uint32_t end = file().block_count();
  while (end - begin > 1) {
    const uint32_t middle = begin + (end - begin) / 2;
    uint32_t probe = middle;  // skip empty blocks
    for (; probe < end; ++probe) {
      SIBYL_ASSIGN_OR_RETURN(const storage::BlockHandle block, file().ReadBlock(probe));
      if (block.view().record_count() == 0) continue;
      block.view().KeyAt(0, &first_key);
      break;
    }
    if (probe == end || internal_key < first_key) {
      end = middle;
    } else {
      begin = probe;
    }
  }
  return index::BlockPosition{begin, 0};
}

std::vector<const void*> SegmentReader::HotPlaces() const {
  std::vector<const void*> places = {&file_, &filter_};
  if (!models_.empty()) {
    places.push_back(models_.data());
    models_.front().model.AddHotPlaces(&places);
  }
  file_->AddHotPlaces(&places);
  return places;
}

std::vector<const void*> LearnedSegment::HotPlaces() const {
  return Load() ? reader_.HotPlaces() : std::vector<const void*>();
}

std::unique_ptr<Cursor> LearnedSegment::NewCursor(Walk walk) const {
  return std::make_unique<SegmentCursor>(*this, walk);
}

Status LearnedSegment::Verify() const {
  const SegmentReader& reader = this->reader();
  SIBYL_RETURN_IF_ERROR(reader.file().Verify());
  SIBYL_ASSIGN_OR_RETURN(const std::vector<uint64_t> records, CountWherePredicted(reader));
  for (size_t i = 0; i < records.size(); ++i) {
    const TreeModel& model = reader.models()[i];
    if (records[i] == model.records) continue;
    return Damage("the model of tree " + std::to_string(model.tree.id) + " counts " +
                  std::to_string(model.records) + " records, but " + std::to_string(records[i]) +
                  " are there");
  }
  return Ok();
}

// The records of each model, all of which lie where it predicts them.
Result<std::vector<uint64_t>> LearnedSegment::CountWherePredicted(
    const SegmentReader& reader) const {
  const TreeModel* const first_model = reader.models().data();
  const TreeModel* const models_end = first_model + reader.models().size();
  std::vector<uint64_t> records(reader.models().size());
  std::string key;
  for (uint32_t number = 0; number < reader.file().block_count(); ++number) {
    SIBYL_ASSIGN_OR_RETURN(const storage::BlockHandle block, reader.file().ReadBlock(number));
    for (uint32_t slot = 0; slot < block.view().record_count(); ++slot) {
      block.view().KeyAt(slot, &key);
      const TreeModel* const model =
          key.size() < kTreePrefixBytes ? models_end : reader.FindModel(TreeOf(key));
      if (model == models_end || reader.Predict(key).block != number) {
        return Damage("key " + base::Quoted(key) + " lies in block " + std::to_string(number) +
                      ", not where the model predicts it");
      }
      if (!reader.filter().MayContain(base::Checksum(key))) {
        return Damage("the filter denies key " + base::Quoted(key) + ", which is there");
      }
      // A tree without a model falls to the next tree's, whose count is then wrong.
      ++records[static_cast<size_t>(model - first_model)];
    }
  }
  return records;
}

Error LearnedSegment::Damage(const std::string& what) const {
  return {ErrorCode::kCorruption, path().string() + ": " + what};
}

storage::ManifestSegment Describe(const LearnedSegment& segment) {
  const storage::SegmentProperties& properties = segment.properties();
  return {segment.id(),
          segment.file_bytes(),
          properties.records,
          properties.tombstones,
          properties.smallest_key,
          properties.largest_key,
          segment.settled_sequence()};
}

SegmentStats LearnedSegment::Stats(uint32_t level) const {
  const storage::SegmentProperties& properties = this->properties();
  const SegmentReader& reader = this->reader();
  SegmentStats stats;
  stats.id = id_;
  stats.path = path().string();
  stats.level = level;
  stats.file_bytes = file_bytes();
  stats.records = properties.records;
  stats.tombstones = properties.tombstones;
  stats.blocks = properties.blocks;
  stats.largest_block_records = properties.largest_block_records;
  stats.largest_block_bytes = properties.largest_block_bytes;
  stats.compressed_blocks = properties.compressed_blocks;
  stats.packed_blocks = properties.packed_blocks;
  stats.plain_blocks_bytes = properties.plain_blocks_bytes;
  stats.training_ns = properties.training_ns;
  stats.build_ns = properties.build_ns;
  stats.model_note = properties.model_note;
  stats.filter_bytes = reader.filter().memory_bytes();
  stats.index_bytes = reader.file().resident_bytes() + stats.filter_bytes;
  stats.model_bound_violations = bound_violations();
  for (const TreeModel& model : reader.models()) {
    const index::BlockModelShape shape = model.model.Shape();
    stats.index_bytes += shape.memory_bytes;
    stats.models.push_back(ModelStats{model.tree, shape.learned ? "learned" : "b-tree",
                                      model.records, model.model.block_count(), shape.pieces,
                                      shape.nodes, shape.depth, shape.memory_bytes});
  }
  stats.data_bytes = stats.file_bytes - std::min(stats.file_bytes, stats.index_bytes);
  return stats;
}

}  // namespace sibyl::engine
