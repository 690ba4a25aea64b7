#include "index/block_model.h"

#include <utility>

#include "base/status_macros.h"
#include "index/block_model_builder.h"
#include "index/block_model_codec.h"
#include "index/block_model_report.h"
#include "index/packed_model.h"

namespace sibyl::index {

namespace {
constexpr size_t kCacheLineBytes = 64;
}  // namespace

struct BlockModel::Parts {
  PackedModel packed;
};

BlockModel::BlockModel(std::unique_ptr<const Parts> parts) : parts_(std::move(parts)) {}
BlockModel::BlockModel(BlockModel&&) noexcept = default;
BlockModel& BlockModel::operator=(BlockModel&&) noexcept = default;
BlockModel::~BlockModel() = default;

Result<BlockModel> BlockModel::Build(std::span<const std::string_view> keys,
                                     std::span<const uint32_t> record_bytes,
                                     const BlockModelOptions& options) {
  SIBYL_ASSIGN_OR_RETURN(const RecordLayout layout, LayOut(keys, record_bytes, options));
  return Build(layout, options);
}

Result<BlockModel> BlockModel::Build(const RecordLayout& layout, const BlockModelOptions& options) {
  SIBYL_ASSIGN_OR_RETURN(const ModelTree tree, BuildModelTree(layout, options));
  SIBYL_ASSIGN_OR_RETURN(PackedModel packed, PackedModel::Pack(tree));
  return BlockModel(std::make_unique<const Parts>(Parts{std::move(packed)}));
}

BlockPosition BlockModel::Find(std::string_view key) const { return parts_->packed.Find(key); }

void BlockModel::FindBatch(std::span<const std::string_view> keys,
                           std::span<BlockPosition> positions) const {
  parts_->packed.FindBatch(keys, positions);
}

void BlockModel::AddHotPlaces(std::vector<const void*>* places) const {
  const std::byte* const root = parts_->packed.root();
  places->insert(places->end(), {parts_.get(), root, root + kCacheLineBytes});
}

uint32_t BlockModel::block_count() const { return parts_->packed.block_count(); }

uint32_t BlockModel::CountNodes(std::string_view key) const {
  return parts_->packed.CountNodes(key);
}

BlockModelShape BlockModel::Shape() const { return parts_->packed.Shape(); }

std::vector<BlockModelPiece> BlockModel::Pieces() const {
  std::string storage;
  return ListPieces(parts_->packed.Unpack(&storage));
}

std::vector<BlockModelStage> BlockModel::Trace(std::string_view key) const {
  std::string storage;
  return TraceLookup(parts_->packed.Unpack(&storage), key);
}

void BlockModel::Serialize(std::string* out) const {
  std::string storage;
  EncodeModelTree(parts_->packed.Unpack(&storage), out);
}

Result<BlockModel> BlockModel::Deserialize(std::string_view bytes) {
  SIBYL_ASSIGN_OR_RETURN(const ModelTree tree, DecodeModelTree(bytes));
  auto packed = PackedModel::Pack(tree);
  if (!packed) return Error{ErrorCode::kCorruption, packed.error().message};
  return BlockModel(std::make_unique<const Parts>(Parts{std::move(*packed)}));
}

}  // namespace sibyl::index
