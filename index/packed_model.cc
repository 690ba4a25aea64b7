#include "index/packed_model.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <optional>
#include <utility>

#include "base/coding.h"
#include "index/model_packer.h"
#include "index/packed_node.h"
#include "index/piece_router.h"
#include "index/separator_node.h"
#include "index/window.h"

namespace sibyl::index {
namespace {

// Where a query stands to the text of a node.
struct Comparison {
  int side;            // < 0 if it is less, > 0 if greater, 0 if it begins with the text
  size_t equal_bytes;  // that they share
};

// Most texts are a window or two: cheaper inline than by a call of memcmp.
// Precondition: eight bytes can be read from every byte of `text`; in a packed model they can.
Comparison Compare(std::string_view rest, std::string_view text) {
  for (size_t at = 0; at < text.size(); at += kWindowBytes) {
    const size_t left = text.size() - at;
    const uint64_t mask = left >= kWindowBytes ? UINT64_MAX : ~(UINT64_MAX >> (8 * left));
    const uint64_t expected = base::LoadBig64(text.data() + at) & mask;
    const uint64_t actual = WindowAt(rest, at) & mask;
    if (actual != expected) {
      const auto same = static_cast<size_t>(__builtin_clzll(actual ^ expected)) / 8;
      return {actual < expected ? -1 : 1, std::min(at + same, rest.size())};
    }
  }
  if (rest.size() < text.size()) return {-1, rest.size()};  // the text has NULs where `rest` ended
  return {0, text.size()};
}

// The last piece whose x0 is at most `window`. Precondition: the first one's is.
[[gnu::always_inline]] inline uint32_t PieceOf(const std::byte* node, const PackedPiece* pieces,
                                               uint64_t window) {
  const NodeHeader& header = HeaderOf(node);
  if (header.count <= kMostPiecesWithoutRouter) {
    uint32_t piece = 0;
    for (uint32_t i = 1; i < header.count; ++i) piece += pieces[i].x0 <= window;
    return piece;
  }
  const auto* router = reinterpret_cast<const uint32_t*>(node + header.router_or_prefix);
  const uint32_t found = Route(router, window);
  if (found == kSearchSlot) [[unlikely]] {
    const auto* end =
        std::partition_point(pieces, pieces + header.count,
                             [&](const PackedPiece& piece) { return piece.x0 <= window; });
    return static_cast<uint32_t>(end - pieces) - 1;
  }
  uint32_t further = 0;  // sentinels follow the last piece
  for (uint32_t i = 1; i <= kRouterReach; ++i) further += pieces[found + i].x0 <= window;
  return std::min(found + further, header.count - 1);
}

// Asks for the piece that a root of lines will consult for `key`, if it has a router.
void PrefetchPiece(const std::byte* root, std::string_view key) {
  const NodeHeader& header = HeaderOf(root);
  if (header.is(NodeHeader::kSeparators) || header.count <= kMostPiecesWithoutRouter) return;
  const auto* router = reinterpret_cast<const uint32_t*>(root + header.router_or_prefix);
  const uint32_t found = Route(router, WindowAt(key, header.shared_bytes));
  if (found == kSearchSlot) return;
  __builtin_prefetch(PiecesOf(root) + found);
  __builtin_prefetch(PiecesOf(root) + found + kCacheLineBytes / sizeof(PackedPiece));
}

}  // namespace

Result<PackedModel> PackedModel::Pack(const ModelTree& tree) {
  PackedModel model;
  model.block_count_ = tree.block_count;
  if (tree.nodes.empty()) return model;
  const std::optional<std::string> packed = PackTree(tree);
  if (!packed) return Error{ErrorCode::kInvalidArgument, "block model: too large for one model"};
  model.size_bytes_ = packed->size();
  const size_t readable_bytes = RoundUp(model.size_bytes_ + kWindowBytes, kCacheLineBytes);
  model.bytes_ = Table<std::byte>(readable_bytes);
  std::memset(model.bytes_.data() + model.size_bytes_, 0, readable_bytes - model.size_bytes_);
  std::memcpy(model.bytes_.data(), packed->data(), model.size_bytes_);
  model.shape_ = model.ShapeOf(tree);
  return model;
}

BlockModelShape PackedModel::ShapeOf(const ModelTree& tree) const {
  BlockModelShape shape;
  shape.memory_bytes = sizeof(PackedModel) + RoundUp(size_bytes_, kCacheLineBytes);
  shape.nodes = tree.nodes.size();
  uint64_t separator_blocks = 0;
  std::vector<std::pair<uint32_t, uint32_t>> stack = {{0, 1}};  // node, depth
  while (!stack.empty()) {
    const auto [id, depth] = stack.back();
    stack.pop_back();
    const TreeNode& node = tree.nodes[id];
    shape.depth = std::max(shape.depth, depth);
    for (const TreePiece& piece : node.pieces) {
      if (piece.child != kNoChild) stack.emplace_back(piece.child, depth + 1);
    }
    for (const uint32_t child : node.children) stack.emplace_back(child, depth + 1);
    shape.pieces += node.pieces.size() + node.separators.size();
    if (node.kind == TreeNode::Kind::kSeparators) separator_blocks += node.separators.size();
  }
  shape.learned = 2 * separator_blocks <= block_count_;
  return shape;
}

inline bool PackedModel::StepThroughLines(std::string_view key, Descent* at) const {
  const NodeHeader& header = HeaderOf(at->node);
  const PackedPiece* pieces = PiecesOf(at->node);
  if (header.shared_bytes != 0) {
    const auto text = TextAt(at->node + sizeof(NodeHeader), header.shared_bytes);
    const int side = Compare(key.substr(at->position), text).side;
    if (side > 0) return at->Finish(at->cap);
    if (side < 0) return at->Finish(pieces[0].start_value());
    at->position += header.shared_bytes;
  }
  const uint64_t window = WindowAt(key, at->position);
  if (window < pieces[0].x0) return at->Finish(pieces[0].start_value());
  const uint32_t index = PieceOf(at->node, pieces, window);
  const PackedPiece piece = pieces[index];
  if (index + 1 < header.count) at->cap = std::min(at->cap, pieces[index + 1].start_value());
  if (!piece.is_link()) {
    const unsigned __int128 climb = Climb(window - piece.x0, piece.slope());
    return at->Finish(climb < at->cap ? piece.start_value() + static_cast<uint64_t>(climb)
                                      : at->cap);
  }
  if (window != piece.x0) return at->Finish(at->cap);
  at->node = bytes_.data() + piece.child_offset();
  if (HeaderOf(at->node).is(NodeHeader::kCoversShortKeys)) return false;
  if (key.size() <= at->position + kWindowBytes) return at->Finish(piece.start_value());
  at->position += kWindowBytes;
  return false;
}

bool PackedModel::StepThroughSeparators(std::string_view key, Descent* at) const {
  const SeparatorNode separators(at->node);
  separators.PrefetchWindows();
  const std::string_view rest = key.substr(at->position);
  const std::string_view text = separators.text();
  const Comparison comparison = Compare(rest, text);
  // A key that differs lies before or behind all separators.
  uint32_t rank = comparison.side < 0 ? 0 : separators.count();
  uint16_t fraction = comparison.side < 0 ? 0 : UINT16_MAX;
  if (comparison.side != 0 && comparison.equal_bytes < separators.shared_bytes()) {
    return at->FinishInBlock(
        comparison.side < 0 ? separators.first_block() : separators.last_block(), fraction);
  }
  if (comparison.side == 0) {
    const std::string_view behind = rest.substr(text.size());
    rank = separators.CountNotGreater(behind);
    fraction = separators.FractionAt(rank, WindowAt(behind, 0));
  }
  if (!separators.has_children()) {
    return at->FinishInBlock(separators.first_block() + rank, fraction);
  }
  at->position += separators.shared_bytes();
  at->node = bytes_.data() + separators.child_offset(rank);
  return false;
}

inline bool PackedModel::Step(std::string_view key, Descent* at) const {
  if (!HeaderOf(at->node).is(NodeHeader::kSeparators)) return StepThroughLines(key, at);
  Descent in_memory = *at;  // its address leaves the function, that of `at` does not
  const bool finished = StepThroughSeparators(key, &in_memory);
  *at = in_memory;
  return finished;
}

inline PackedModel::Descent PackedModel::Begin() const {
  return {bytes_.data(), 0, (uint64_t{block_count_} << kValueFractionBits) - 1, 0};
}

BlockPosition PackedModel::Find(std::string_view key) const {
  if (bytes_.data() == nullptr) return {};
  Descent at = Begin();
  while (!Step(key, &at)) {
  }
  return at.position_found();
}

uint32_t PackedModel::CountNodes(std::string_view key) const {
  if (bytes_.data() == nullptr) return 0;
  uint32_t nodes = 1;
  for (Descent at = Begin(); !Step(key, &at);) ++nodes;
  return nodes;
}

void PackedModel::FindBatch(std::span<const std::string_view> keys,
                            std::span<BlockPosition> positions) const {
  assert(positions.size() >= keys.size());
  for (size_t begin = 0; begin < keys.size(); begin += kBatch) {
    FindGroup(keys.subspan(begin, std::min(kBatch, keys.size() - begin)), &positions[begin]);
  }
}

// Every key takes a step before any takes its next: a node is on its way while others are visited.
void PackedModel::FindGroup(std::span<const std::string_view> keys,
                            BlockPosition* positions) const {
  std::array<Descent, kBatch> descents;
  std::array<uint8_t, kBatch> active;
  size_t active_count = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (bytes_.data() == nullptr) {
      positions[i] = {};
      continue;
    }
    descents[i] = Begin();
    PrefetchPiece(descents[i].node, keys[i]);
    active[active_count++] = static_cast<uint8_t>(i);
  }
  while (active_count > 0) {
    size_t still_active = 0;
    for (size_t k = 0; k < active_count; ++k) {
      const uint8_t i = active[k];
      if (Step(keys[i], &descents[i])) {
        positions[i] = descents[i].position_found();
      } else {
        __builtin_prefetch(descents[i].node);
        __builtin_prefetch(descents[i].node + kCacheLineBytes);
        active[still_active++] = i;
      }
    }
    active_count = still_active;
  }
}

ModelTree PackedModel::Unpack(std::string* storage) const {
  if (bytes_.data() == nullptr) return {{}, block_count_};
  return UnpackTree(bytes_.data(), size_bytes_, block_count_, storage);
}

}  // namespace sibyl::index
