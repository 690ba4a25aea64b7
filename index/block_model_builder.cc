#include "index/block_model_builder.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/status_macros.h"
#include "base/text.h"
#include "index/model_packer.h"
#include "index/window.h"

namespace sibyl::index {

namespace {

// Nodes of lines below one another; deeper subtrees are B-trees. Each costs a lookup a cache miss.
constexpr uint32_t kMaxLinesDepth = 8;

// Separators per node of a B-tree: their windows fill six cache lines, of which a binary search
// touches three.
constexpr size_t kFanout = 48;

// What the rounding of starts (1/256 block), slopes and values can move a prediction, in blocks:
// kept out of the cone so that epsilon holds for the integers that lookups compute.
constexpr double kRoundingBlocks = 1.0 / 128;

// A cone narrower than this, relative to its slopes, may contain no representable slope.
constexpr double kNarrowestCone = 0x1p-15;

// What a lookup spends in a node, measured on one machine: only their ratio matters. Lines are kept
// although a B-tree is smaller as long as bytes x time are less, but never at more than this
// factor.
constexpr double kLinesNs = 14;
constexpr double kSeparatorsNs = 18;
constexpr double kMostBytesForSpeed = 2;

constexpr double kMinEpsilon = 1.0 / 64;
constexpr double kMaxEpsilon = 64;

// Ranks [begin, end) of keys that agree in their first `position` bytes.
struct KeyRange {
  size_t begin;
  size_t end;
  size_t position;
};

// Where one block ends, as a choice among the ranks [first, end).
struct Border {
  size_t first = 0;
  size_t end = 0;  // 0: not chosen yet
  size_t rank = 0;
};

// A choice of block borders for a B-tree: block first_block + i begins at rank borders[i - 1].
struct Borders {
  uint64_t first_block = 0;
  std::vector<size_t> ranks;
};

class Builder {
 public:
  Builder(std::span<const std::string_view> keys, std::span<const uint32_t> record_bytes,
          const BlockModelOptions& options)
      : keys_(keys),
        record_bytes_(record_bytes),
        block_bytes_(options.block_bytes),
        epsilon_bytes_((options.epsilon_blocks - kRoundingBlocks) * options.block_bytes),
        separator_slack_bytes_(
            static_cast<uint64_t>(std::min(options.epsilon_blocks, 0.5) * options.block_bytes)),
        learn_(options.learn) {}

  Result<ModelTree> Build();

 private:
  Status Prepare();

  struct Subtree {
    uint32_t node;     // its root
    uint64_t bytes;    // once packed
    double lookup_ns;  // mean over its blocks
  };

  // A B-tree for a range, not yet part of the model: its nodes number each other from 0.
  struct Separators {
    std::vector<TreeNode> nodes;
    uint64_t bytes = 0;
    double lookup_ns = 0;
  };

  // How large the lines of a range may become before they lose against its separators, which are
  // made only once the lines exceed what no B-tree is smaller than: friendly keys need none.
  class Rival {
   public:
    Rival(Builder* builder, const KeyRange& range)
        : builder_(*builder), range_(range), least_bytes_(builder->LeastSeparatorBytes(range)) {}

    bool Beats(uint64_t lines_bytes, double lines_ns) {
      if (lines_bytes <= least_bytes_) return false;
      if (!separators_) {
        separators_ = builder_.MakeSeparators(range_);
        least_bytes_ = std::max(least_bytes_, separators_->bytes);
        if (lines_bytes <= least_bytes_) return false;
      }
      const double factor = std::clamp(separators_->lookup_ns / lines_ns, 1.0, kMostBytesForSpeed);
      return static_cast<double>(lines_bytes) > factor * static_cast<double>(separators_->bytes);
    }

    // Precondition: it was found better.
    Separators Take() { return std::move(*separators_); }

   private:
    Builder& builder_;
    const KeyRange range_;
    uint64_t least_bytes_;  // lines of no more do not lose
    std::optional<Separators> separators_;
  };

  // Each appends a subtree for the range. Lines are given up once the rival is better: then nothing
  // is returned, and nodes are left behind.
  Subtree BuildSubtree(const KeyRange& range, uint32_t depth);
  std::optional<Subtree> BuildLines(const KeyRange& range, uint32_t depth, Rival* rival);
  Subtree Append(Separators separators);

  Separators MakeSeparators(const KeyRange& range);
  uint32_t MakeSeparatorNode(const KeyRange& range, std::span<const size_t> borders,
                             uint64_t first_block, Separators* separators);

  uint64_t LeastSeparatorBytes(const KeyRange& range) const {
    return static_cast<uint64_t>(BlocksSpanned(range)) * kLeastSeparatorBytes;
  }

  std::string_view SharedBy(const KeyRange& range) const;
  size_t EndOfGroup(size_t begin, size_t end, size_t position, uint64_t window) const;
  size_t FitLine(size_t begin, size_t end, size_t position, TreePiece* piece) const;
  Subtree BuildLink(const KeyRange& group, uint32_t depth, TreePiece* piece);

  Borders ChooseBorders(const KeyRange& range);
  Border ChooseBorder(size_t first, size_t end, uint64_t border_bytes) const;
  size_t ShortestSeparator(size_t first, size_t end, uint64_t border_bytes) const;
  std::string_view SeparatorAt(size_t rank, size_t position) const {
    return keys_[rank].substr(position, shared_with_previous_[rank] + 1 - position);
  }

  // Where a piece begins whose first keys, [begin, end), share one window.
  uint64_t StartOf(size_t begin, size_t end) const {
    const uint64_t latest = place_bytes_[end - 1];
    const uint64_t reach = static_cast<uint64_t>(epsilon_bytes_);
    const uint64_t place = std::max(place_bytes_[begin], latest > reach ? latest - reach : 0);
    return static_cast<uint64_t>((static_cast<unsigned __int128>(place) << kStartFractionBits) /
                                 block_bytes_);
  }

  // Between the places of the first and the last record.
  double BlocksSpanned(const KeyRange& range) const {
    return static_cast<double>(place_bytes_[range.end - 1] - place_bytes_[range.begin]) /
           static_cast<double>(block_bytes_);
  }

  static double SeparatorLookupNs(const Borders& borders) {
    double levels = 1;
    for (size_t blocks = kFanout + 1; blocks <= borders.ranks.size(); blocks *= kFanout + 1) {
      levels += 1;
    }
    return levels * kSeparatorsNs;
  }

  // Whether one value can serve all of [begin, end) within epsilon.
  bool FitsOneValue(size_t begin, size_t end) const {
    return static_cast<double>(place_bytes_[end - 1] - place_bytes_[begin]) <= 2 * epsilon_bytes_;
  }

  const std::span<const std::string_view> keys_;
  const std::span<const uint32_t> record_bytes_;
  const uint64_t block_bytes_;
  const double epsilon_bytes_;
  const uint64_t separator_slack_bytes_;
  const bool learn_;

  std::unique_ptr<uint64_t[]> place_bytes_;           // Y(i) x block_bytes; one more: the end
  std::unique_ptr<uint32_t[]> shared_with_previous_;  // bytes that key i shares with key i - 1
  std::vector<Border> border_choices_;                // among all keys: of block i, its end
  ModelTree tree_;
};

Result<ModelTree> Builder::Build() {
  SIBYL_RETURN_IF_ERROR(Prepare());
  if (keys_.empty()) return std::move(tree_);
  const uint64_t blocks = (place_bytes_[keys_.size()] + block_bytes_ - 1) / block_bytes_;
  if (blocks >= kMaxBlocks) {
    return Error{ErrorCode::kInvalidArgument,
                 "block model: " + std::to_string(blocks) + " blocks are too many for one model"};
  }
  tree_.block_count = static_cast<uint32_t>(std::max<uint64_t>(blocks, 1));
  border_choices_.resize(blocks);
  BuildSubtree({0, keys_.size(), 0}, 0);
  return std::move(tree_);
}

// Checks the order of the keys, and lays the records end to end.
Status Builder::Prepare() {
  // Every element is written below.
  place_bytes_ = std::make_unique_for_overwrite<uint64_t[]>(keys_.size() + 1);
  shared_with_previous_ = std::make_unique_for_overwrite<uint32_t[]>(keys_.size());
  place_bytes_[0] = 0;
  if (!keys_.empty()) shared_with_previous_[0] = 0;
  for (size_t i = 0; i < keys_.size(); ++i) {
    place_bytes_[i + 1] = place_bytes_[i] + std::min<uint64_t>(record_bytes_[i], block_bytes_);
    if (i == 0) continue;
    const std::string_view previous = keys_[i - 1];
    const std::string_view key = keys_[i];
    const size_t shared = SharedBytes(previous, key);
    const bool increasing =
        shared == previous.size()
            ? shared < key.size()
            : shared < key.size() && static_cast<unsigned char>(previous[shared]) <
                                         static_cast<unsigned char>(key[shared]);
    if (!increasing) {
      return Error{ErrorCode::kInvalidArgument, "block model: the key of rank " +
                                                    std::to_string(i) + ", " + base::Quoted(key) +
                                                    ", is not greater than the one before it"};
    }
    shared_with_previous_[i] = static_cast<uint32_t>(shared);
  }
  return Ok();
}

Builder::Subtree Builder::BuildSubtree(const KeyRange& range, uint32_t depth) {
  if (!learn_) return Append(MakeSeparators(range));
  const size_t mark = tree_.nodes.size();
  Rival rival(this, range);
  const std::optional<Subtree> lines = BuildLines(range, depth, &rival);
  if (lines) return *lines;
  tree_.nodes.resize(mark);
  return Append(rival.Take());
}

// The bytes that all keys of the range share from its position.
std::string_view Builder::SharedBy(const KeyRange& range) const {
  const std::string_view first = keys_[range.begin].substr(range.position);
  const std::string_view last = keys_[range.end - 1].substr(range.position);
  if (range.end - range.begin == 1) return {};
  return first.substr(0, SharedBytes(first, last));
}

std::optional<Builder::Subtree> Builder::BuildLines(const KeyRange& range, uint32_t depth,
                                                    Rival* rival) {
  const auto node = static_cast<uint32_t>(tree_.nodes.size());
  tree_.nodes.emplace_back();
  std::string_view shared = SharedBy(range);
  // Keys that end within one window need no comparison before it.
  const auto fits_window = [&](std::string_view key) {
    return key.size() <= range.position + kWindowBytes;
  };
  if (std::all_of(keys_.begin() + range.begin, keys_.begin() + range.end, fits_window)) shared = {};
  const size_t position = range.position + shared.size();

  const double blocks = std::max(1.0, BlocksSpanned(range));
  std::vector<TreePiece> pieces;
  uint64_t child_bytes = 0;
  double child_ns = 0;  // times the blocks of the child
  for (size_t begin = range.begin; begin < range.end;) {
    TreePiece piece;
    piece.x0 = WindowAt(keys_[begin], position);
    const size_t end = EndOfGroup(begin, range.end, position, piece.x0);
    if (FitsOneValue(begin, end)) {
      begin = FitLine(begin, range.end, position, &piece);
    } else {
      const Subtree child = BuildLink({begin, end, position}, depth, &piece);
      child_bytes += child.bytes;
      child_ns += child.lookup_ns * BlocksSpanned({begin, end, position});
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
  tree_.nodes[node].shared = shared;
  tree_.nodes[node].pieces = std::move(pieces);
  return lines;
}

// The end of the keys of [begin, end) whose window is that of the first. Of keys that share it with
// the one before, many are passed without being looked at.
size_t Builder::EndOfGroup(size_t begin, size_t end, size_t position, uint64_t window) const {
  size_t rank = begin + 1;
  while (rank < end && WindowAt(keys_[rank], position) == window) {
    ++rank;
    while (rank < end && shared_with_previous_[rank] >= position + kWindowBytes) ++rank;
  }
  return rank;
}

// Extends a line from `begin`, whose window is piece->x0, over as many keys as stay within epsilon;
// returns the rank of the first key beyond.
size_t Builder::FitLine(size_t begin, size_t end, size_t position, TreePiece* piece) const {
  size_t rank = EndOfGroup(begin, end, position, piece->x0);
  piece->start = StartOf(begin, rank);
  const double block = static_cast<double>(block_bytes_);
  const double origin = std::ldexp(static_cast<double>(piece->start), -kStartFractionBits) * block;
  double low = 0;
  double high = std::ldexp(kMaxSlope, -kValueFractionBits) * block;
  size_t accepted = rank;
  while (rank < end) {
    const uint64_t window = WindowAt(keys_[rank], position);
    const size_t group_end = EndOfGroup(rank, end, position, window);
    if (!FitsOneValue(rank, group_end)) break;
    const double distance = static_cast<double>(window - piece->x0);
    const double lowest =
        static_cast<double>(place_bytes_[group_end - 1]) - epsilon_bytes_ - origin;
    const double highest = static_cast<double>(place_bytes_[rank]) + epsilon_bytes_ - origin;
    const double new_low = std::max(low, lowest / distance);
    const double new_high = std::min(high, highest / distance);
    if (new_high - new_low < new_high * kNarrowestCone) break;
    low = new_low;
    high = new_high;
    accepted = rank = group_end;
  }
  const bool one_window = WindowAt(keys_[accepted - 1], position) == piece->x0;
  const double slope_blocks = one_window ? 0 : (low + high) / 2 / block;
  piece->slope = NearestSlope(std::ldexp(slope_blocks, kValueFractionBits));
  return accepted;
}

// Gives the keys of `group`, which share the window at its position, a child.
Builder::Subtree Builder::BuildLink(const KeyRange& group, uint32_t depth, TreePiece* piece) {
  const size_t child_position = group.position + kWindowBytes;
  size_t longer = group.begin;  // at most nine keys end inside the window
  while (longer < group.end && keys_[longer].size() <= child_position) ++longer;
  const bool short_keys_fit = longer == group.begin || FitsOneValue(group.begin, longer);
  Subtree child{};
  if (depth + 1 < kMaxLinesDepth && longer < group.end && short_keys_fit) {
    piece->start = StartOf(group.begin, std::max(longer, group.begin + 1));
    child = BuildSubtree({longer, group.end, child_position}, depth + 1);
  } else {
    piece->start = StartOf(group.begin, group.begin + 1);
    child = Append(MakeSeparators(group));
    tree_.nodes[child.node].covers_short_keys = true;
  }
  piece->child = child.node;
  return child;
}

// Nodes below one another choose among the same records, but for those at the ends of their ranges:
// each of these choices is made once.
Borders Builder::ChooseBorders(const KeyRange& range) {
  Borders borders;
  borders.first_block = place_bytes_[range.begin] / block_bytes_;
  size_t least = range.begin + 1;
  const uint64_t last_place = place_bytes_[range.end - 1];
  for (uint64_t block = borders.first_block; (block + 1) * block_bytes_ <= last_place; ++block) {
    Border& known = border_choices_[block];
    Border border = known;
    if (border.end == 0 || border.first < least || border.end > range.end) {
      border = ChooseBorder(least, range.end, (block + 1) * block_bytes_);
      const bool others_choose_so = border.first > least && border.end < range.end;
      if (others_choose_so) known = border;
    }
    borders.ranks.push_back(border.rank);
    least = border.rank + 1;
  }
  return borders;
}

// Among the ranks of [least, end) whose places are within the slack of the border, or else the
// first at or behind it. Precondition: there is one.
Border Builder::ChooseBorder(size_t least, size_t end, uint64_t border_bytes) const {
  Border border{least, 0, 0};
  while (place_bytes_[border.first] + separator_slack_bytes_ < border_bytes) ++border.first;
  bool reached = place_bytes_[border.first] >= border_bytes;
  for (border.end = border.first + 1; border.end < end; ++border.end) {
    const uint64_t place = place_bytes_[border.end];
    if (reached && place >= border_bytes + separator_slack_bytes_) break;
    reached = place >= border_bytes;
  }
  border.rank = ShortestSeparator(border.first, border.end, border_bytes);
  return border;
}

// Of the ranks [first, end) the one that the shortest separator tells from the record before: of
// several the last that is not behind the border, or else the first.
size_t Builder::ShortestSeparator(size_t first, size_t end, uint64_t border_bytes) const {
  size_t best = first;
  for (size_t rank = first + 1; rank < end; ++rank) {
    const bool nearer_is_better = place_bytes_[rank] <= border_bytes;
    const uint32_t shared = shared_with_previous_[rank];
    if (shared < shared_with_previous_[best] ||
        (shared == shared_with_previous_[best] && nearer_is_better)) {
      best = rank;
    }
  }
  return best;
}

Builder::Separators Builder::MakeSeparators(const KeyRange& range) {
  const Borders borders = ChooseBorders(range);
  Separators separators;
  separators.lookup_ns = SeparatorLookupNs(borders);
  MakeSeparatorNode(range, borders.ranks, borders.first_block, &separators);
  return separators;
}

Builder::Subtree Builder::Append(Separators separators) {
  const auto root = static_cast<uint32_t>(tree_.nodes.size());
  for (TreeNode& node : separators.nodes) {
    for (uint32_t& child : node.children) child += root;
    tree_.nodes.push_back(std::move(node));
  }
  return {root, separators.bytes, separators.lookup_ns};
}

uint32_t Builder::MakeSeparatorNode(const KeyRange& range, std::span<const size_t> borders,
                                    uint64_t first_block, Separators* separators) {
  const auto id = static_cast<uint32_t>(separators->nodes.size());
  separators->nodes.emplace_back();
  TreeNode node;
  node.kind = TreeNode::Kind::kSeparators;
  node.shared = SharedBy(range);
  node.first_block = static_cast<uint32_t>(first_block);
  node.last_block = static_cast<uint32_t>(first_block + borders.size());

  const size_t blocks = borders.size() + 1;
  size_t child_blocks = 1;  // the most blocks under one child of a tree as low as can be
  while (child_blocks * (kFanout + 1) < blocks) child_blocks *= kFanout + 1;
  const size_t parts = (blocks + child_blocks - 1) / child_blocks;
  const size_t position = range.position + node.shared.size();
  size_t begin = range.begin;
  for (size_t part = 0; part < parts; ++part) {
    const size_t first = part * blocks / parts;       // this part's blocks are
    const size_t last = (part + 1) * blocks / parts;  // [first, last)
    const bool at_end = part + 1 == parts;
    const size_t end = at_end ? range.end : borders[last - 1];
    if (child_blocks > 1) {
      node.children.push_back(MakeSeparatorNode({begin, end, position},
                                                borders.subspan(first, last - first - 1),
                                                first_block + first, separators));
    }
    if (!at_end) node.separators.push_back(SeparatorAt(end, position));
    begin = end;
  }
  if (!node.separators.empty()) {
    node.prefix = node.separators.front().substr(
        0, SharedBytes(node.separators.front(), node.separators.back()));
    for (std::string_view& separator : node.separators) {
      separator.remove_prefix(node.prefix.size());
    }
  }
  separators->bytes += PackedSeparatorNodeBytes(node.shared.size() + node.prefix.size());
  for (const std::string_view separator : node.separators) {
    separators->bytes += PackedSeparatorBytes(separator.size());
  }
  separators->nodes[id] = std::move(node);
  return id;
}

Status CheckOptions(std::span<const std::string_view> keys, std::span<const uint32_t> record_bytes,
                    const BlockModelOptions& options) {
  if (keys.size() != record_bytes.size()) {
    return Error{ErrorCode::kInvalidArgument,
                 "block model: " + std::to_string(keys.size()) + " keys but " +
                     std::to_string(record_bytes.size()) + " record sizes"};
  }
  if (options.block_bytes == 0) {
    return Error{ErrorCode::kInvalidArgument, "block model: block_bytes must be positive"};
  }
  if (!(options.epsilon_blocks >= kMinEpsilon && options.epsilon_blocks <= kMaxEpsilon)) {
    return Error{ErrorCode::kInvalidArgument, "block model: epsilon_blocks must lie in [1/64, 64]"};
  }
  return Ok();
}

}  // namespace

Result<ModelTree> BuildModelTree(std::span<const std::string_view> keys,
                                 std::span<const uint32_t> record_bytes,
                                 const BlockModelOptions& options) {
  SIBYL_RETURN_IF_ERROR(CheckOptions(keys, record_bytes, options));
  return Builder(keys, record_bytes, options).Build();
}

}  // namespace sibyl::index
