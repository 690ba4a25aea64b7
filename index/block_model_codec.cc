#include "index/block_model_codec.h"

#include <string>
#include <utility>

#include "base/checksum.h"
#include "base/coding.h"
#include "base/status_macros.h"

namespace sibyl::index {

namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kChecksumBytes = 8;

// Bits of the byte that begins a node.
constexpr uint8_t kSeparatorsFlag = 1;
constexpr uint8_t kCoversShortKeysFlag = 2;
constexpr uint8_t kInnerFlag = 4;

Error Corrupt(const std::string& what) {
  return Error{ErrorCode::kCorruption, "block model: " + what};
}

class Encoder {
 public:
  Encoder(const ModelTree& tree, std::string* out) : tree_(tree), out_(out) {}

  // Recursion: the depth of a model is at most kMaxDepth.
  void PutNode(uint32_t id, bool block_known) {
    const TreeNode& node = tree_.nodes[id];
    if (node.kind == TreeNode::Kind::kLines) {
      PutLines(node);
    } else {
      PutSeparators(node, block_known);
    }
  }

 private:
  void PutLines(const TreeNode& node) {
    base::Put8(out_, 0);
    base::PutString(out_, node.shared);
    base::PutVarint(out_, node.pieces.size());
    uint64_t least_x0 = 0;
    uint64_t start = 0;
    for (const TreePiece& piece : node.pieces) {
      const bool link = piece.child != kNoChild;
      base::PutVarint(out_, piece.x0 - least_x0);
      base::PutVarint(out_, (piece.start - start) << 1 | (link ? 1 : 0));
      least_x0 = piece.x0 + 1;
      start = piece.start;
      if (link) {
        PutNode(piece.child, false);
      } else {
        PutSlope(piece.slope);
      }
    }
  }

  void PutSlope(Slope slope) {
    const uint32_t bits = slope.shift << Slope::kMantissaBits | slope.mantissa;
    base::Put16(out_, static_cast<uint16_t>(bits));
    base::Put8(out_, static_cast<uint8_t>(bits >> 16));
  }

  void PutSeparators(const TreeNode& node, bool block_known) {
    base::Put8(out_, static_cast<uint8_t>(kSeparatorsFlag |
                                          (node.covers_short_keys ? kCoversShortKeysFlag : 0) |
                                          (node.children.empty() ? 0 : kInnerFlag)));
    base::PutString(out_, node.shared);
    if (!block_known) base::PutVarint(out_, node.first_block);
    base::PutString(out_, node.prefix);
    base::PutVarint(out_, node.separators.size());
    for (const std::string_view separator : node.separators) base::PutString(out_, separator);
    for (const uint32_t child : node.children) PutNode(child, true);
  }

  const ModelTree& tree_;
  std::string* out_;
};

class TreeDecoder {
 public:
  explicit TreeDecoder(std::string_view bytes) : decoder_(bytes) {}

  Result<ModelTree> Decode() {
    const uint64_t blocks = decoder_.GetVarint();
    if (!decoder_.ok() || blocks >= kMaxBlocks) return Corrupt("block count is out of range");
    tree_.block_count = static_cast<uint32_t>(blocks);
    if (blocks > 0) {
      SIBYL_RETURN_IF_ERROR(DecodeNode(1, Parent::kNone, 0));
    }
    if (!decoder_.ok() || !decoder_.done()) return Corrupt("truncated or with trailing bytes");
    return std::move(tree_);
  }

 private:
  enum class Parent { kNone, kLines, kSeparators };

  // Where a subtree begins and ends, in 1/256 block.
  struct Extent {
    uint64_t first;
    uint64_t last;
  };

  Result<Extent> DecodeNode(uint32_t depth, Parent parent, uint64_t first_block) {
    if (depth > kMaxDepth) return Corrupt("nodes are nested too deeply");
    const uint8_t flags = decoder_.Get8();
    const auto id = static_cast<uint32_t>(tree_.nodes.size());
    tree_.nodes.emplace_back();
    TreeNode node;
    node.shared = decoder_.GetString();
    node.covers_short_keys = (flags & kCoversShortKeysFlag) != 0;
    if (node.covers_short_keys && (parent != Parent::kLines || (flags & kSeparatorsFlag) == 0)) {
      return Corrupt("a node covers short keys out of place");
    }
    if (flags > (kSeparatorsFlag | kCoversShortKeysFlag | kInnerFlag))
      return Corrupt("a node's kind is unknown");
    Result<Extent> extent = Corrupt("a node of lines hangs below separators");
    if ((flags & kSeparatorsFlag) != 0) {
      node.kind = TreeNode::Kind::kSeparators;
      if (parent != Parent::kSeparators) first_block = decoder_.GetVarint();
      extent = DecodeSeparators(depth, (flags & kInnerFlag) != 0, first_block, &node);
    } else if (parent != Parent::kSeparators && flags == 0) {
      extent = DecodeLines(depth, &node);
    }
    tree_.nodes[id] = std::move(node);
    return extent;
  }

  Result<Extent> DecodeLines(uint32_t depth, TreeNode* node) {
    const uint64_t count = decoder_.GetVarint();
    if (count == 0 || count > decoder_.remaining_bytes()) return Corrupt("a node has no pieces");
    unsigned __int128 least_x0 = 0;
    uint64_t least_start = 0;  // where everything before has ended
    for (uint64_t i = 0; i < count; ++i) {
      const unsigned __int128 x0 = least_x0 + decoder_.GetVarint();
      const uint64_t step = decoder_.GetVarint();
      if (!decoder_.ok()) return Corrupt("truncated inside a node");
      if (x0 > UINT64_MAX) return Corrupt("pieces are out of order");
      TreePiece piece;
      piece.x0 = static_cast<uint64_t>(x0);
      piece.start = (step >> 1) + (node->pieces.empty() ? 0 : node->pieces.back().start);
      if (piece.start < least_start) return Corrupt("a piece begins before the child it follows");
      if (piece.start > MaxStart()) return Corrupt("a piece begins behind the last block");
      least_start = piece.start;
      if ((step & 1) == 0) {
        piece.slope = DecodeSlope();
      } else {
        piece.child = static_cast<uint32_t>(tree_.nodes.size());
        SIBYL_ASSIGN_OR_RETURN(const Extent child, DecodeNode(depth + 1, Parent::kLines, 0));
        if (BlockOf(child.first) < BlockOf(piece.start)) {
          return Corrupt("a child begins before its link");
        }
        least_start = child.last;
      }
      node->pieces.push_back(piece);
      least_x0 = x0 + 1;
    }
    return Extent{node->pieces.front().start, least_start};
  }

  Slope DecodeSlope() {
    uint32_t bits = decoder_.Get16();
    bits |= static_cast<uint32_t>(decoder_.Get8()) << 16;
    return {bits & Slope::kMaxMantissa, bits >> Slope::kMantissaBits};
  }

  Result<Extent> DecodeSeparators(uint32_t depth, bool inner, uint64_t first_block,
                                  TreeNode* node) {
    node->prefix = decoder_.GetString();
    const uint64_t count = decoder_.GetVarint();
    if (!decoder_.ok() || count > decoder_.remaining_bytes()) {
      return Corrupt("truncated inside a node");
    }
    for (uint64_t i = 0; i < count; ++i) {
      const std::string_view separator = decoder_.GetString();
      if (!decoder_.ok()) return Corrupt("truncated inside a node");
      if (i > 0 && node->separators.back() >= separator) {
        return Corrupt("separators are out of order");
      }
      node->separators.push_back(separator);
    }
    uint64_t last_block = first_block + count;
    if (inner) {
      SIBYL_ASSIGN_OR_RETURN(last_block, DecodeChildren(depth, count + 1, first_block, node));
    }
    if (last_block >= tree_.block_count) return Corrupt("a block is out of range");
    node->first_block = static_cast<uint32_t>(first_block);
    node->last_block = static_cast<uint32_t>(last_block);
    return Extent{first_block << kStartFractionBits, last_block << kStartFractionBits};
  }

  // Reads the children of a node of separators, whose blocks follow one another; returns the last.
  Result<uint64_t> DecodeChildren(uint32_t depth, uint64_t count, uint64_t first_block,
                                  TreeNode* node) {
    uint64_t next_block = first_block;
    for (uint64_t i = 0; i < count; ++i) {
      node->children.push_back(static_cast<uint32_t>(tree_.nodes.size()));
      SIBYL_ASSIGN_OR_RETURN(const Extent child,
                             DecodeNode(depth + 1, Parent::kSeparators, next_block));
      next_block = BlockOf(child.last) + 1;
    }
    return next_block - 1;
  }

  static uint64_t BlockOf(uint64_t start) { return start >> kStartFractionBits; }
  uint64_t MaxStart() const { return uint64_t{tree_.block_count} << kStartFractionBits; }

  base::Decoder decoder_;
  ModelTree tree_;
};

}  // namespace

void EncodeModelTree(const ModelTree& tree, std::string* out) {
  const size_t begin = out->size();
  base::Put8(out, kVersion);
  base::PutVarint(out, tree.block_count);
  if (!tree.nodes.empty()) Encoder(tree, out).PutNode(0, false);
  base::Put64(out, base::Checksum(std::string_view(*out).substr(begin)));
}

Result<ModelTree> DecodeModelTree(std::string_view bytes) {
  if (bytes.size() < 1 + kChecksumBytes) return Corrupt("truncated");
  const std::string_view body = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (base::Checksum(body) != base::Load64(bytes.data() + body.size())) {
    return Corrupt("the checksum does not match");
  }
  const auto version = static_cast<uint8_t>(body.front());
  if (version > kVersion) {
    return Error{ErrorCode::kNotSupported,
                 "block model: version " + std::to_string(version) + " is newer than this library"};
  }
  if (version != kVersion) return Corrupt("unknown version");
  return TreeDecoder(body.substr(1)).Decode();
}

}  // namespace sibyl::index
