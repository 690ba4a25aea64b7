#include "index/block_model_builder.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/status_macros.h"
#include "base/text.h"
#include "index/model_packer.h"
#include "index/separator_builder.h"
#include "index/window.h"

namespace sibyl::index {

namespace {

// Nodes of lines below one another; deeper subtrees are B-trees. Each costs a lookup a cache miss.
constexpr uint32_t kMaxLinesDepth = 8;

// What the rounding of starts (1/256 block), slopes and values can move a prediction, in blocks:
// kept out of the cone so that epsilon holds for the integers that lookups compute.
constexpr double kRoundingBlocks = 1.0 / 128;

// A cone narrower than this, relative to its slopes, may contain no representable slope.
constexpr double kNarrowestCone = 0x1p-15;

// What a lookup spends in a node, measured on one machine: only their ratio matters. Lines are kept
// although a B-tree is smaller as long as bytes x time are less, but never at more than this
// factor.
constexpr double kLinesNs = 14;
constexpr double kMostBytesForSpeed = 2;

constexpr double kMinEpsilon = 1.0 / 64;
constexpr double kMaxEpsilon = 64;

class Builder {
 public:
  // Precondition: `layout` is not empty, and outlives the tree.
  Builder(const RecordLayout& layout, const BlockModelOptions& options)
      : layout_(layout),
        separators_(layout, options.epsilon_blocks),
        epsilon_bytes_((options.epsilon_blocks - kRoundingBlocks) * options.block_bytes),
        learn_(options.learn) {}

  std::vector<TreeNode> Build() {
    BuildSubtree({0, layout_.size(), 0}, 0);
    return std::move(nodes_);
  }

 private:
  struct Subtree {
    uint32_t node;     // its root
    uint64_t bytes;    // once packed
    double lookup_ns;  // mean over its blocks
  };

  // How large the lines of a range may become before they lose against its separators, which are
  // made only once the lines exceed what no B-tree is smaller than: friendly keys need none.
  class Rival {
   public:
    Rival(SeparatorBuilder* builder, const RankRange& range)
        : builder_(*builder), range_(range), least_bytes_(builder->LeastBytes(range)) {}

    bool Beats(uint64_t lines_bytes, double lines_ns) {
      if (lines_bytes <= least_bytes_) return false;
      if (!tree_) {
        tree_ = builder_.Build(range_);
        least_bytes_ = std::max(least_bytes_, tree_->bytes);
        if (lines_bytes <= least_bytes_) return false;
      }
      const double factor = std::clamp(tree_->lookup_ns / lines_ns, 1.0, kMostBytesForSpeed);
      return static_cast<double>(lines_bytes) > factor * static_cast<double>(tree_->bytes);
    }

    // Precondition: it was found better.
    SeparatorTree Take() { return std::move(*tree_); }

   private:
    SeparatorBuilder& builder_;
    const RankRange range_;
    uint64_t least_bytes_;  // lines of no more do not lose
    std::optional<SeparatorTree> tree_;
  };

  // Each appends a subtree for the range. Lines are given up once the rival is better: then nothing
  // is returned, and nodes are left behind.
  Subtree BuildSubtree(const RankRange& range, uint32_t depth);
  std::optional<Subtree> BuildLines(const RankRange& range, uint32_t depth, Rival* rival);
  Subtree BuildLink(const RankRange& group, uint32_t depth, TreePiece* piece);
  Subtree Append(SeparatorTree tree);

  std::string_view SharedByLines(const RankRange& range) const;
  size_t EndOfGroup(size_t begin, size_t end, size_t position, uint64_t window) const;
  size_t FitLine(size_t begin, size_t end, size_t position, TreePiece* piece) const;

  // Where a piece begins whose first keys, [begin, end), share one window.
  uint64_t StartOf(size_t begin, size_t end) const {
    const uint64_t latest = layout_.PlaceOf(end - 1);
    const uint64_t reach = static_cast<uint64_t>(epsilon_bytes_);
    const uint64_t place = std::max(layout_.PlaceOf(begin), latest > reach ? latest - reach : 0);
    return static_cast<uint64_t>((static_cast<unsigned __int128>(place) << kStartFractionBits) /
                                 layout_.block_bytes());
  }

  // Whether one value can serve all of [begin, end) within epsilon.
  bool FitsOneValue(size_t begin, size_t end) const {
    const uint64_t spanned_bytes = layout_.PlaceOf(end - 1) - layout_.PlaceOf(begin);
    return static_cast<double>(spanned_bytes) <= 2 * epsilon_bytes_;
  }

  const RecordLayout& layout_;
  SeparatorBuilder separators_;
  const double epsilon_bytes_;
  const bool learn_;
  std::vector<TreeNode> nodes_;
};

Builder::Subtree Builder::BuildSubtree(const RankRange& range, uint32_t depth) {
  if (!learn_) return Append(separators_.Build(range));
  const size_t mark = nodes_.size();
  Rival rival(&separators_, range);
  const std::optional<Subtree> lines = BuildLines(range, depth, &rival);
  if (lines) return *lines;
  nodes_.resize(mark);
  return Append(rival.Take());
}

// The bytes that a node of lines compares before its window: those that all keys share. None where
// each key ends within a window from the range's position on.
std::string_view Builder::SharedByLines(const RankRange& range) const {
  const size_t window_end = range.position + kWindowBytes;
  if (layout_.longest_key_bytes() <= window_end) return {};
  const auto keys = std::span(layout_.keys()).subspan(range.begin, range.end - range.begin);
  const auto fits_window = [window_end](std::string_view key) { return key.size() <= window_end; };
  if (std::all_of(keys.begin(), keys.end(), fits_window)) return {};
  return layout_.SharedBy(range);
}

std::optional<Builder::Subtree> Builder::BuildLines(const RankRange& range, uint32_t depth,
                                                    Rival* rival) {
  const auto node = static_cast<uint32_t>(nodes_.size());
  nodes_.emplace_back();
  const std::string_view shared = SharedByLines(range);
  const size_t position = range.position + shared.size();

  const double blocks = std::max(1.0, layout_.BlocksSpanned(range));
  std::vector<TreePiece> pieces;
  uint64_t child_bytes = 0;
  double child_ns = 0;  // times the blocks of the child
  for (size_t begin = range.begin; begin < range.end;) {
    TreePiece piece;
    piece.x0 = WindowAt(layout_.keys()[begin], position);
    const size_t end = EndOfGroup(begin, range.end, position, piece.x0);
    if (FitsOneValue(begin, end)) {
      begin = FitLine(begin, range.end, position, &piece);
    } else {
      const Subtree child = BuildLink({begin, end, position}, depth, &piece);
      child_bytes += child.bytes;
      child_ns += child.lookup_ns * layout_.BlocksSpanned({begin, end, position});
      begin = end;
    }
    pieces.push_back(piece);
    // What comes adds to both.
    const uint64_t least_bytes = pieces.size() * kPackedPieceBytes + child_bytes;
    if (rival->Beats(least_bytes, kLinesNs + child_ns / blocks)) return std::nullopt;
  }
  const Subtree lines{node, PackedLinesBytes(shared.size(), pieces) + child_bytes,
                      kLinesNs + child_ns / blocks};
  if (rival->Beats(lines.bytes, lines.lookup_ns)) return std::nullopt;
  nodes_[node].shared = shared;
  nodes_[node].pieces = std::move(pieces);
  return lines;
}

// The end of the keys of [begin, end) whose window is that of the first. Of keys that share it with
// the one before, many are passed without being looked at.
size_t Builder::EndOfGroup(size_t begin, size_t end, size_t position, uint64_t window) const {
  size_t rank = begin + 1;
  while (rank < end && WindowAt(layout_.keys()[rank], position) == window) {
    ++rank;
    while (rank < end && layout_.SharedWithPrevious(rank) >= position + kWindowBytes) ++rank;
  }
  return rank;
}

// Extends a line from `begin`, whose window is piece->x0, over as many keys as stay within epsilon;
// returns the rank of the first key beyond.
size_t Builder::FitLine(size_t begin, size_t end, size_t position, TreePiece* piece) const {
  size_t rank = EndOfGroup(begin, end, position, piece->x0);
  piece->start = StartOf(begin, rank);
  const double block = static_cast<double>(layout_.block_bytes());
  const double origin = std::ldexp(static_cast<double>(piece->start), -kStartFractionBits) * block;
  double low = 0;
  double high = std::ldexp(kMaxSlope, -kValueFractionBits) * block;
  size_t accepted = rank;
  while (rank < end) {
    const uint64_t window = WindowAt(layout_.keys()[rank], position);
    const size_t group_end = EndOfGroup(rank, end, position, window);
    if (!FitsOneValue(rank, group_end)) break;
    const double distance = static_cast<double>(window - piece->x0);
    const double lowest =
        static_cast<double>(layout_.PlaceOf(group_end - 1)) - epsilon_bytes_ - origin;
    const double highest = static_cast<double>(layout_.PlaceOf(rank)) + epsilon_bytes_ - origin;
    const double new_low = std::max(low, lowest / distance);
    const double new_high = std::min(high, highest / distance);
    if (new_high - new_low < new_high * kNarrowestCone) break;
    low = new_low;
    high = new_high;
    accepted = rank = group_end;
  }
  const bool one_window = WindowAt(layout_.keys()[accepted - 1], position) == piece->x0;
  const double slope_blocks = one_window ? 0 : (low + high) / 2 / block;
  piece->slope = NearestSlope(std::ldexp(slope_blocks, kValueFractionBits));
  return accepted;
}

// Gives the keys of `group`, which share the window at its position, a child.
Builder::Subtree Builder::BuildLink(const RankRange& group, uint32_t depth, TreePiece* piece) {
  const size_t child_position = group.position + kWindowBytes;
  size_t longer = group.begin;  // at most nine keys end inside the window
  while (longer < group.end && layout_.keys()[longer].size() <= child_position) ++longer;
  const bool short_keys_fit = longer == group.begin || FitsOneValue(group.begin, longer);
  Subtree child{};
  if (depth + 1 < kMaxLinesDepth && longer < group.end && short_keys_fit) {
    piece->start = StartOf(group.begin, std::max(longer, group.begin + 1));
    child = BuildSubtree({longer, group.end, child_position}, depth + 1);
  } else {
    piece->start = StartOf(group.begin, group.begin + 1);
    child = Append(separators_.Build(group));
    nodes_[child.node].covers_short_keys = true;
  }
  piece->child = child.node;
  return child;
}

Builder::Subtree Builder::Append(SeparatorTree tree) {
  const auto root = static_cast<uint32_t>(nodes_.size());
  for (TreeNode& node : tree.nodes) {
    for (uint32_t& child : node.children) child += root;
    nodes_.push_back(std::move(node));
  }
  return {root, tree.bytes, tree.lookup_ns};
}

Status CheckOptions(const BlockModelOptions& options) {
  if (options.block_bytes == 0) {
    return Error{ErrorCode::kInvalidArgument, "block model: block_bytes must be positive"};
  }
  if (!(options.epsilon_blocks >= kMinEpsilon && options.epsilon_blocks <= kMaxEpsilon)) {
    return Error{ErrorCode::kInvalidArgument, "block model: epsilon_blocks must lie in [1/64, 64]"};
  }
  return Ok();
}

}  // namespace

Result<RecordLayout> LayOut(std::span<const std::string_view> keys,
                            std::span<const uint32_t> record_bytes,
                            const BlockModelOptions& options) {
  SIBYL_RETURN_IF_ERROR(CheckOptions(options));
  if (keys.size() != record_bytes.size()) {
    return Error{ErrorCode::kInvalidArgument,
                 "block model: " + std::to_string(keys.size()) + " keys but " +
                     std::to_string(record_bytes.size()) + " record sizes"};
  }
  RecordLayout layout(options.block_bytes);
  layout.Reserve(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (layout.Add(keys[i], record_bytes[i])) continue;
    return Error{ErrorCode::kInvalidArgument, "block model: the key of rank " + std::to_string(i) +
                                                  ", " + base::Quoted(keys[i]) +
                                                  ", is not greater than the one before it"};
  }
  return layout;
}

Result<ModelTree> BuildModelTree(const RecordLayout& layout, const BlockModelOptions& options) {
  SIBYL_RETURN_IF_ERROR(CheckOptions(options));
  SIBYL_CHECK(layout.block_bytes() == options.block_bytes);
  ModelTree tree;
  if (layout.size() == 0) return tree;
  const uint64_t bytes = layout.PlaceOf(layout.size());
  const uint64_t blocks = (bytes + layout.block_bytes() - 1) / layout.block_bytes();
  if (blocks >= kMaxBlocks) {
    return Error{ErrorCode::kInvalidArgument,
                 "block model: " + std::to_string(blocks) + " blocks are too many for one model"};
  }
  tree.block_count = static_cast<uint32_t>(std::max<uint64_t>(blocks, 1));
  tree.nodes = Builder(layout, options).Build();
  return tree;
}

}  // namespace sibyl::index
