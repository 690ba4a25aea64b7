#include "index/block_model_report.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "base/coding.h"
#include "index/window.h"

namespace sibyl::index {

namespace {

double Blocks(uint64_t value) {
  return std::ldexp(static_cast<double>(value), -kValueFractionBits);
}

double BlocksPerWindow(const Slope& slope) {
  return std::ldexp(slope.mantissa, -kValueFractionBits - static_cast<int>(slope.shift));
}

uint64_t StartValue(const TreePiece& piece) { return piece.start << kStartToValueBits; }

std::string WindowBytes(uint64_t window) {
  std::string bytes;
  base::PutBig64(&bytes, window);
  return bytes;
}

// The first key, in byte order, that has this window behind `path`.
std::string FirstKeyWith(std::string_view path, uint64_t window) {
  std::string key(path);
  key += WindowBytes(window);
  while (key.size() > path.size() && key.back() == '\0') key.pop_back();
  return key;
}

// Walks a model from piece to piece.
class PieceLister {
 public:
  explicit PieceLister(const ModelTree& tree) : tree_(tree) {}

  std::vector<BlockModelPiece> Run() {
    if (!tree_.nodes.empty()) Visit({0, 1, "", "", std::nullopt});
    return std::move(pieces_);
  }

 private:
  // A node, what its parents have compared, and the keys that it answers for.
  struct Place {
    uint32_t node;
    uint32_t depth;
    std::string path;
    std::string begin;
    std::optional<std::string> end;
  };

  void Visit(const Place& place) {
    const TreeNode& node = tree_.nodes[place.node];
    if (node.kind == TreeNode::Kind::kLines) {
      VisitLines(place, node);
    } else {
      VisitSeparators(place, node);
    }
  }

  void VisitLines(const Place& place, const TreeNode& node) {
    const std::string path = place.path + std::string(node.shared);
    for (size_t i = 0; i < node.pieces.size(); ++i) {
      const TreePiece& piece = node.pieces[i];
      const bool link = piece.child != kNoChild;
      BlockModelPiece shown = NewPiece(place, link ? PieceKind::kChild : PieceKind::kLine);
      shown.window = piece.x0;
      shown.first_key = i == 0 ? place.begin : FirstKeyWith(path, piece.x0);
      const bool last = i + 1 == node.pieces.size();
      shown.end_key = last ? place.end : FirstKeyWith(path, node.pieces[i + 1].x0);
      shown.base_block = Blocks(StartValue(piece));
      if (!link) shown.blocks_per_window = BlocksPerWindow(piece.slope);
      pieces_.push_back(shown);
      if (link) VisitChildOfWindow(place, path, piece, shown);
    }
  }

  // The child has the keys with exactly this window, or, usually, those of them that go on.
  void VisitChildOfWindow(const Place& place, const std::string& path, const TreePiece& piece,
                          const BlockModelPiece& link) {
    const bool all = tree_.nodes[piece.child].covers_short_keys;
    const std::string through = path + WindowBytes(piece.x0);
    std::optional<std::string> end = link.end_key;
    if (piece.x0 != UINT64_MAX) {
      std::string next = FirstKeyWith(path, piece.x0 + 1);
      if (!end || next < *end) end = std::move(next);
    }
    Visit({piece.child, place.depth + 1, all ? path : through,
           all ? FirstKeyWith(path, piece.x0) : through + '\0', std::move(end)});
  }

  void VisitSeparators(const Place& place, const TreeNode& node) {
    const std::string path = place.path + std::string(node.shared);
    const std::string before = path + std::string(node.prefix);
    for (size_t i = 0; i <= node.separators.size(); ++i) {
      BlockModelPiece shown = NewPiece(place, PieceKind::kSeparator);
      if (i > 0) shown.window = WindowAt(node.separators[i - 1], 0);
      shown.first_key = i == 0 ? place.begin : before + std::string(node.separators[i - 1]);
      const bool last = i == node.separators.size();
      shown.end_key = last ? place.end : before + std::string(node.separators[i]);
      shown.base_block = node.children.empty() ? node.first_block + static_cast<double>(i)
                                               : FirstBlockOf(node.children[i]);
      pieces_.push_back(shown);
      if (node.children.empty()) continue;
      Visit({node.children[i], place.depth + 1, path, shown.first_key, shown.end_key});
    }
  }

  double FirstBlockOf(uint32_t id) const {
    const TreeNode& node = tree_.nodes[id];
    if (node.kind == TreeNode::Kind::kSeparators) return node.first_block;
    return Blocks(StartValue(node.pieces.front()));
  }

  static BlockModelPiece NewPiece(const Place& place, PieceKind kind) {
    BlockModelPiece piece;
    piece.node = place.node;
    piece.depth = place.depth;
    piece.kind = kind;
    return piece;
  }

  const ModelTree& tree_;
  std::vector<BlockModelPiece> pieces_;
};

// A lookup on its way down, as index/block_model_tree.h defines it.
class Tracer {
 public:
  Tracer(const ModelTree& tree, std::string_view key)
      : tree_(tree),
        key_(key),
        cap_((uint64_t{tree.block_count} << kValueFractionBits) - 1) {}

  std::vector<BlockModelStage> Run() {
    if (tree_.nodes.empty()) return {};
    for (std::optional<uint32_t> node = 0; node;) {
      stages_.emplace_back().node = *node;
      const TreeNode& at = tree_.nodes[*node];
      node = at.kind == TreeNode::Kind::kLines ? ThroughLines(at) : ThroughSeparators(at);
    }
    return std::move(stages_);
  }

 private:
  BlockModelStage& stage() { return stages_.back(); }

  std::optional<uint32_t> Finish(uint64_t value) {
    stage().block = Blocks(std::min(value, cap_));
    return std::nullopt;
  }
  std::optional<uint32_t> FinishInBlock(uint64_t block, uint16_t fraction) {
    return Finish(block << kValueFractionBits | fraction);
  }

  // < 0, 0 or > 0 as the rest of the key is before, begins with, or is behind `text`.
  int SideOf(std::string_view text) const {
    return key_.substr(std::min(position_, key_.size())).substr(0, text.size()).compare(text);
  }

  std::optional<uint32_t> ThroughLines(const TreeNode& node) {
    const uint64_t first_value = StartValue(node.pieces.front());
    const int side = SideOf(node.shared);
    if (side != 0) return Finish(side > 0 ? cap_ : first_value);
    position_ += node.shared.size();
    const uint64_t window = WindowAt(key_, position_);
    stage().window = window;
    if (window < node.pieces.front().x0) return Finish(first_value);
    const auto next =
        std::partition_point(node.pieces.begin(), node.pieces.end(),
                             [&](const TreePiece& piece) { return piece.x0 <= window; });
    if (next != node.pieces.end()) cap_ = std::min(cap_, StartValue(*next));
    const TreePiece& piece = *(next - 1);
    stage().piece = static_cast<uint64_t>(next - node.pieces.begin() - 1);
    if (piece.child == kNoChild) {
      const unsigned __int128 climb = Climb(window - piece.x0, piece.slope);
      return Finish(climb < cap_ ? StartValue(piece) + static_cast<uint64_t>(climb) : cap_);
    }
    stage().kind = PieceKind::kChild;
    stage().block = Blocks(StartValue(piece));
    if (window != piece.x0) return Finish(cap_);
    if (tree_.nodes[piece.child].covers_short_keys) return piece.child;
    if (key_.size() <= position_ + kWindowBytes) return Finish(StartValue(piece));
    position_ += kWindowBytes;
    return piece.child;
  }

  std::optional<uint32_t> ThroughSeparators(const TreeNode& node) {
    stage().kind = PieceKind::kSeparator;
    stage().block = node.first_block;
    if (const int side = SideOf(node.shared); side != 0) {
      return side < 0 ? FinishInBlock(node.first_block, 0)
                      : FinishInBlock(node.last_block, UINT16_MAX);
    }
    position_ += node.shared.size();
    const std::string_view rest = key_.substr(std::min(position_, key_.size()));
    stage().window = WindowAt(key_, position_ + node.prefix.size());
    const auto after =
        std::partition_point(node.separators.begin(), node.separators.end(), [&](auto separator) {
          return rest.compare(std::string(node.prefix) + std::string(separator)) >= 0;
        });
    stage().piece = static_cast<uint64_t>(after - node.separators.begin());
    if (!node.children.empty()) return node.children[stage().piece];
    return FinishInBlock(node.first_block + stage().piece, FractionIn(node, rest));
  }

  // Of a key whose bytes from the node's prefix on are `rest`, in the block that stage() says.
  uint16_t FractionIn(const TreeNode& node, std::string_view rest) {
    const int side = rest.compare(0, node.prefix.size(), node.prefix);
    if (side != 0) return side < 0 ? 0 : UINT16_MAX;
    const uint64_t rank = stage().piece;
    const size_t count = node.separators.size();
    return FractionBetween(rank == 0 ? 0 : WindowAt(node.separators[rank - 1], 0),
                           rank == count ? UINT64_MAX : WindowAt(node.separators[rank], 0),
                           stage().window);
  }

  const ModelTree& tree_;
  const std::string_view key_;
  size_t position_ = 0;
  uint64_t cap_;
  std::vector<BlockModelStage> stages_;
};

}  // namespace

std::vector<BlockModelPiece> ListPieces(const ModelTree& tree) { return PieceLister(tree).Run(); }

std::vector<BlockModelStage> TraceLookup(const ModelTree& tree, std::string_view key) {
  return Tracer(tree, key).Run();
}

}  // namespace sibyl::index
