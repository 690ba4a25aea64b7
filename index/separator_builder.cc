#include "index/separator_builder.h"

#include <algorithm>
#include <utility>

#include "index/window.h"

namespace sibyl::index {

namespace {

// Separators per node: their windows fill six cache lines, of which a binary search touches three.
constexpr size_t kFanout = 48;

// What a lookup spends in a node, measured on the machine of kLinesNs (block_model_builder.cc).
constexpr double kSeparatorsNs = 18;

double LookupNs(size_t separators) {
  double levels = 1;
  for (size_t blocks = kFanout + 1; blocks <= separators; blocks *= kFanout + 1) levels += 1;
  return levels * kSeparatorsNs;
}

// What the node's separators share becomes its prefix.
void TakePrefixOut(TreeNode* node) {
  if (node->separators.empty()) return;
  const std::string_view first = node->separators.front();
  node->prefix = first.substr(0, SharedBytes(first, node->separators.back()));
  for (std::string_view& separator : node->separators) {
    separator.remove_prefix(node->prefix.size());
  }
}

}  // namespace

SeparatorBuilder::SeparatorBuilder(const RecordLayout& layout, double epsilon_blocks)
    : layout_(layout),
      slack_bytes_(static_cast<uint64_t>(std::min(epsilon_blocks, 0.5) *
                                         static_cast<double>(layout.block_bytes()))),
      border_choices_(layout.PlaceOf(layout.size()) / layout.block_bytes() + 1) {}

SeparatorTree SeparatorBuilder::Build(const RankRange& range) {
  const Borders borders = ChooseBorders(range);
  SeparatorTree tree;
  tree.lookup_ns = LookupNs(borders.ranks.size());
  AddNode(range, borders.ranks, borders.first_block, &tree);
  return tree;
}

// Nodes below one another choose among the same records, but for those at the ends of their ranges:
// each of these choices is made once.
SeparatorBuilder::Borders SeparatorBuilder::ChooseBorders(const RankRange& range) {
  Borders borders;
  borders.first_block = layout_.PlaceOf(range.begin) / layout_.block_bytes();
  size_t least = range.begin + 1;
  const uint64_t last_place = layout_.PlaceOf(range.end - 1);
  for (uint64_t block = borders.first_block; (block + 1) * layout_.block_bytes() <= last_place;
       ++block) {
    Border& known = border_choices_[block];
    Border border = known;
    if (border.end == 0 || border.first < least || border.end > range.end) {
      border = ChooseBorder(least, range.end, (block + 1) * layout_.block_bytes());
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
SeparatorBuilder::Border SeparatorBuilder::ChooseBorder(size_t least, size_t end,
                                                        uint64_t border_bytes) const {
  Border border{least, 0, 0};
  while (layout_.PlaceOf(border.first) + slack_bytes_ < border_bytes) ++border.first;
  bool reached = layout_.PlaceOf(border.first) >= border_bytes;
  for (border.end = border.first + 1; border.end < end; ++border.end) {
    const uint64_t place = layout_.PlaceOf(border.end);
    if (reached && place >= border_bytes + slack_bytes_) break;
    reached = place >= border_bytes;
  }
  border.rank = ShortestSeparator(border.first, border.end, border_bytes);
  return border;
}

// Of the ranks [first, end) the one that the shortest separator tells from the record before: of
// several the last that is not behind the border, or else the first.
size_t SeparatorBuilder::ShortestSeparator(size_t first, size_t end, uint64_t border_bytes) const {
  size_t best = first;
  for (size_t rank = first + 1; rank < end; ++rank) {
    const bool nearer_is_better = layout_.PlaceOf(rank) <= border_bytes;
    const uint32_t shared = layout_.SharedWithPrevious(rank);
    if (shared < layout_.SharedWithPrevious(best) ||
        (shared == layout_.SharedWithPrevious(best) && nearer_is_better)) {
      best = rank;
    }
  }
  return best;
}

// Adds the node that divides `range` at `borders`, and those below it; returns its number.
uint32_t SeparatorBuilder::AddNode(const RankRange& range, std::span<const size_t> borders,
                                   uint64_t first_block, SeparatorTree* tree) const {
  const auto id = static_cast<uint32_t>(tree->nodes.size());
  tree->nodes.emplace_back();
  TreeNode node;
  node.kind = TreeNode::Kind::kSeparators;
  node.shared = layout_.SharedBy(range);
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
      node.children.push_back(AddNode({begin, end, position},
                                      borders.subspan(first, last - first - 1), first_block + first,
                                      tree));
    }
    if (!at_end) node.separators.push_back(SeparatorAt(end, position));
    begin = end;
  }
  TakePrefixOut(&node);
  tree->bytes += PackedSeparatorNodeBytes(node.shared.size() + node.prefix.size());
  for (const std::string_view separator : node.separators) {
    tree->bytes += PackedSeparatorBytes(separator.size());
  }
  tree->nodes[id] = std::move(node);
  return id;
}

}  // namespace sibyl::index
