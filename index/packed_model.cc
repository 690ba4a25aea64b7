#include "index/packed_model.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <deque>
#include <utility>

#include "base/coding.h"
#include "index/piece_router.h"
#include "index/window.h"

namespace sibyl::index {

// What every node begins with. The bytes shared follow: for lines padded to 16 bytes, then pieces,
// then the router; for separators see SeparatorLayout.
struct NodeHeader {
  static constexpr uint32_t kSeparators = 1;
  static constexpr uint32_t kCoversShortKeys = 2;
  static constexpr uint32_t kInner = 4;
  static constexpr uint32_t kWideEnds = 8;  // ends of tails take four bytes, not two

  uint32_t shared_bytes;
  uint32_t count;  // pieces or separators
  uint32_t flags;
  uint32_t router_or_prefix;  // lines: bytes from the node to its router, or 0; else: prefix bytes

  bool is(uint32_t flag) const { return (flags & flag) != 0; }
};
static_assert(sizeof(NodeHeader) == 16);

namespace {

constexpr size_t kNodeAlignment = 16;
constexpr size_t kCacheLineBytes = 64;

// Nodes with more pieces than this have a router.
constexpr size_t kMostPiecesWithoutRouter = kRouterReach;

constexpr size_t RoundUp(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

// A piece: bit 63 of the word says link; then the start, 39 bits; then the slope, or the place of
// the child in units of kNodeAlignment, 24 bits.
struct PackedPiece {
  static constexpr uint64_t kLink = uint64_t{1} << 63;
  static constexpr uint64_t kLowMask = (uint64_t{1} << Slope::kBits) - 1;

  uint64_t x0;
  uint64_t word;

  bool is_link() const { return (word & kLink) != 0; }
  uint64_t start() const { return (word & ~kLink) >> Slope::kBits; }
  uint64_t start_value() const { return start() << kStartToValueBits; }
  uint64_t child_offset() const { return (word & kLowMask) * kNodeAlignment; }
  Slope slope() const {
    return {static_cast<uint32_t>(word) & Slope::kMaxMantissa,
            static_cast<uint32_t>(word & kLowMask) >> Slope::kMantissaBits};
  }
};
static_assert(sizeof(PackedPiece) == 16);

uint64_t LinkWord(const TreePiece& piece, uint64_t child_offset) {
  return PackedPiece::kLink | piece.start << Slope::kBits | child_offset / kNodeAlignment;
}

uint64_t LineWord(const TreePiece& piece) {
  return piece.start << Slope::kBits |
         static_cast<uint64_t>(piece.slope.shift) << Slope::kMantissaBits | piece.slope.mantissa;
}

const NodeHeader& HeaderOf(const std::byte* node) {
  return *reinterpret_cast<const NodeHeader*>(node);
}

std::string_view TextAt(const std::byte* bytes, size_t size_bytes) {
  return {reinterpret_cast<const char*>(bytes), size_bytes};
}

const PackedPiece* PiecesOf(const std::byte* node) {
  const size_t shared_bytes = HeaderOf(node).shared_bytes;
  return reinterpret_cast<const PackedPiece*>(node + sizeof(NodeHeader) +
                                              RoundUp(shared_bytes, kNodeAlignment));
}

// Where the parts of a node of separators are, in bytes from the node: first and last block, text
// (shared bytes, then the prefix), the separators' windows, children, ends of tails, tails.
//
// A separator's tail is empty if the separator ends within its window and not with a NUL. Else it
// is the number of its bytes in the window, then its bytes behind the window.
struct SeparatorLayout {
  static constexpr size_t kBlocks = sizeof(NodeHeader);
  static constexpr size_t kText = kBlocks + 2 * sizeof(uint32_t);

  size_t windows;
  size_t children;
  size_t ends;
  size_t tails;

  explicit SeparatorLayout(const NodeHeader& header) {
    windows = kText + RoundUp(header.shared_bytes + header.router_or_prefix, sizeof(uint64_t));
    children = windows + header.count * sizeof(uint64_t);
    ends = children + (header.is(NodeHeader::kInner) ? (header.count + 1) * sizeof(uint32_t) : 0);
    tails = ends + header.count * (header.is(NodeHeader::kWideEnds) ? 4 : 2);
  }
};

uint32_t Load32At(const std::byte* bytes) {
  return base::Load32(reinterpret_cast<const char*>(bytes));
}

// Reads one node of separators.
class SeparatorNode {
 public:
  explicit SeparatorNode(const std::byte* node)
      : node_(node), header_(HeaderOf(node)), layout_(header_) {}

  uint32_t count() const { return header_.count; }
  bool has_children() const { return header_.is(NodeHeader::kInner); }
  uint32_t first_block() const { return Load32At(node_ + SeparatorLayout::kBlocks); }
  uint32_t last_block() const { return Load32At(node_ + SeparatorLayout::kBlocks + 4); }
  size_t shared_bytes() const { return header_.shared_bytes; }
  std::string_view text() const {  // the shared bytes, then the prefix
    return TextAt(node_ + SeparatorLayout::kText, header_.shared_bytes + header_.router_or_prefix);
  }
  uint64_t child_offset(uint32_t index) const {
    return uint64_t{Load32At(node_ + layout_.children + index * sizeof(uint32_t))} * kNodeAlignment;
  }
  uint64_t window(uint32_t index) const { return windows()[index]; }

  std::string_view tail(uint32_t index) const {
    const size_t begin = index == 0 ? 0 : end_of_tail(index - 1);
    return TextAt(node_ + layout_.tails + begin, end_of_tail(index) - begin);
  }

  // How many of a separator's bytes its window holds.
  size_t bytes_in_window(uint32_t index) const {
    const std::string_view bytes = tail(index);
    if (!bytes.empty()) return static_cast<size_t>(bytes.front());
    return SignificantBytes(window(index));
  }

  // Asks for all windows: a binary search would wait for one cache line of them after the other.
  void PrefetchWindows() const {
    constexpr uint32_t kWindowsPerLine = kCacheLineBytes / sizeof(uint64_t);
    for (uint32_t i = 0; i < count(); i += kWindowsPerLine) __builtin_prefetch(windows() + i);
  }

  // The number of separators that are not greater than `rest`.
  uint32_t CountNotGreater(std::string_view rest) const {
    const uint64_t window = WindowAt(rest, 0);
    uint32_t low = FirstNotBelow(window);
    uint32_t high = low;  // separators in [low, high) share the window
    while (high < count() && windows()[high] == window) ++high;
    while (low < high) {
      const uint32_t middle = low + (high - low) / 2;
      if (NotGreaterBehindWindow(middle, rest)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  static size_t SignificantBytes(uint64_t window) {
    if (window == 0) return 0;
    return kWindowBytes - static_cast<size_t>(__builtin_ctzll(window)) / 8;
  }

 private:
  const uint64_t* windows() const {
    return reinterpret_cast<const uint64_t*>(node_ + layout_.windows);
  }

  size_t end_of_tail(uint32_t index) const {
    if (header_.is(NodeHeader::kWideEnds)) return Load32At(node_ + layout_.ends + 4 * index);
    return base::Load16(reinterpret_cast<const char*>(node_ + layout_.ends + 2 * index));
  }

  uint32_t FirstNotBelow(uint64_t window) const {
    const uint64_t* first = windows();
    uint32_t length = count();
    while (length > 1) {
      const uint32_t half = length / 2;
      first +=
          -uint64_t{first[half - 1] < window} & half;  // compilers make this a branch otherwise
      length -= half;
    }
    const auto index = static_cast<uint32_t>(first - windows());
    return index + (length == 1 && *first < window);
  }

  // Of a separator whose window equals that of `rest`.
  bool NotGreaterBehindWindow(uint32_t index, std::string_view rest) const {
    const std::string_view bytes = tail(index);
    if (rest.size() < bytes_in_window(index)) return false;
    if (bytes.size() <= 1) return true;
    return rest.size() >= kWindowBytes && rest.substr(kWindowBytes) >= bytes.substr(1);
  }

  const std::byte* node_;
  const NodeHeader& header_;
  SeparatorLayout layout_;
};

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

// Collects the bytes of a model.
class Packer {
 public:
  explicit Packer(const ModelTree& tree) : tree_(tree) {}

  const std::string& bytes() const { return bytes_; }

  // Nodes in breadth-first order, so that the upper ones are neighbours. False if too large.
  bool Run() {
    std::deque<Pending> queue = {{0, kNoPatch, false}};
    while (!queue.empty()) {
      const Pending next = queue.front();
      queue.pop_front();
      bytes_.resize(RoundUp(bytes_.size(), kNodeAlignment));
      if (bytes_.size() >= PackedModel::kMaxBytes) return false;
      Patch(next);
      const TreeNode& node = tree_.nodes[next.node];
      if (node.kind == TreeNode::Kind::kLines) {
        PackLines(node, &queue);
      } else {
        PackSeparators(node, &queue);
      }
    }
    return true;
  }

 private:
  static constexpr size_t kNoPatch = SIZE_MAX;

  // A node whose place is to be written into its parent at `patch`.
  struct Pending {
    uint32_t node;
    size_t patch;
    bool is_link;  // `patch` is the word of a link, else a uint32_t
  };

  void Patch(const Pending& pending) {
    if (pending.patch == kNoPatch) return;
    const uint64_t place = bytes_.size() / kNodeAlignment;
    char* target = bytes_.data() + pending.patch;
    if (pending.is_link) {
      const uint64_t word = base::Load64(target) | place;
      std::memcpy(target, &word, sizeof(word));
    } else {
      const auto narrow = static_cast<uint32_t>(place);
      std::memcpy(target, &narrow, sizeof(narrow));
    }
  }

  void PutHeader(const NodeHeader& header) {
    bytes_.append(reinterpret_cast<const char*>(&header), sizeof(header));
  }

  void PackLines(const TreeNode& node, std::deque<Pending>* queue) {
    const size_t pieces_offset = sizeof(NodeHeader) + RoundUp(node.shared.size(), kNodeAlignment);
    const size_t count = node.pieces.size();
    const bool routed = count > kMostPiecesWithoutRouter;
    const size_t router_offset =
        routed ? pieces_offset + (count + kRouterReach) * sizeof(PackedPiece) : 0;
    const size_t begin = bytes_.size();
    PutHeader({static_cast<uint32_t>(node.shared.size()), static_cast<uint32_t>(count), 0,
               static_cast<uint32_t>(router_offset)});
    bytes_.append(node.shared);
    bytes_.resize(begin + pieces_offset);
    for (const TreePiece& piece : node.pieces) {
      base::Put64(&bytes_, piece.x0);
      if (piece.child == kNoChild) {
        base::Put64(&bytes_, LineWord(piece));
      } else {
        queue->push_back({piece.child, bytes_.size(), true});
        base::Put64(&bytes_, LinkWord(piece, 0));
      }
    }
    if (!routed) return;
    for (uint32_t i = 0; i < 2 * kRouterReach; ++i) base::Put64(&bytes_, UINT64_MAX);  // sentinels
    std::vector<uint32_t> router;
    BuildRouter(node.pieces, &router);
    bytes_.append(reinterpret_cast<const char*>(router.data()), router.size() * sizeof(uint32_t));
  }

  void PackSeparators(const TreeNode& node, std::deque<Pending>* queue) {
    std::string tails;
    std::vector<size_t> ends;
    for (const std::string_view separator : node.separators) {
      AppendTail(separator, &tails);
      ends.push_back(tails.size());
    }
    const bool wide = tails.size() > UINT16_MAX;
    const uint32_t flags =
        NodeHeader::kSeparators | (node.covers_short_keys ? NodeHeader::kCoversShortKeys : 0) |
        (node.children.empty() ? 0 : NodeHeader::kInner) | (wide ? NodeHeader::kWideEnds : 0);
    PutHeader({static_cast<uint32_t>(node.shared.size()),
               static_cast<uint32_t>(node.separators.size()), flags,
               static_cast<uint32_t>(node.prefix.size())});
    base::Put32(&bytes_, node.first_block);
    base::Put32(&bytes_, node.last_block);
    bytes_.append(node.shared).append(node.prefix);
    bytes_.resize(RoundUp(bytes_.size(), sizeof(uint64_t)));
    for (const std::string_view separator : node.separators) {
      base::Put64(&bytes_, WindowAt(separator, 0));
    }
    for (const uint32_t child : node.children) {
      queue->push_back({child, bytes_.size(), false});
      base::Put32(&bytes_, 0);
    }
    for (const size_t end : ends) {
      if (wide) {
        base::Put32(&bytes_, static_cast<uint32_t>(end));
      } else {
        base::Put16(&bytes_, static_cast<uint16_t>(end));
      }
    }
    bytes_.append(tails);
  }

  static void AppendTail(std::string_view separator, std::string* tails) {
    const size_t in_window = std::min(separator.size(), kWindowBytes);
    const bool implied = separator.size() <= kWindowBytes &&
                         SeparatorNode::SignificantBytes(WindowAt(separator, 0)) == in_window;
    if (implied) return;
    tails->push_back(static_cast<char>(in_window));
    tails->append(separator.substr(in_window));
  }

  const ModelTree& tree_;
  std::string bytes_;
};

}  // namespace

uint64_t PackedModel::LinesBytes(size_t shared_bytes, std::span<const TreePiece> pieces) {
  const uint64_t bytes = sizeof(NodeHeader) + RoundUp(shared_bytes, kNodeAlignment) +
                         pieces.size() * sizeof(PackedPiece);
  if (pieces.size() <= kMostPiecesWithoutRouter) return bytes;
  std::vector<uint32_t> router;
  BuildRouter(pieces, &router);
  return bytes + kRouterReach * sizeof(PackedPiece) + router.size() * sizeof(uint32_t);
}

Result<PackedModel> PackedModel::Pack(const ModelTree& tree) {
  PackedModel model;
  model.block_count_ = tree.block_count;
  if (tree.nodes.empty()) return model;
  Packer packer(tree);
  if (!packer.Run()) {
    return Error{ErrorCode::kInvalidArgument, "block model: too large for one model"};
  }
  model.size_bytes_ = packer.bytes().size();
  const size_t readable_bytes = RoundUp(model.size_bytes_ + kWindowBytes, kCacheLineBytes);
  model.bytes_ = Table<std::byte>(readable_bytes);
  std::memset(model.bytes_.data() + model.size_bytes_, 0, readable_bytes - model.size_bytes_);
  std::memcpy(model.bytes_.data(), packer.bytes().data(), model.size_bytes_);
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
  if (comparison.side != 0 && comparison.equal_bytes < separators.shared_bytes()) {
    return at->FinishInBlock(comparison.side < 0 ? separators.first_block()
                                                 : separators.last_block());
  }
  uint32_t rank = comparison.side < 0 ? 0 : separators.count();
  if (comparison.side == 0) rank = separators.CountNotGreater(rest.substr(text.size()));
  if (!separators.has_children()) return at->FinishInBlock(separators.first_block() + rank);
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
  ModelTree tree;
  tree.block_count = block_count_;
  if (bytes_.data() == nullptr) return tree;
  storage->clear();
  storage->reserve(size_bytes_);  // separators take no more than their windows and tails
  std::vector<const std::byte*> places = {bytes_.data()};
  for (size_t id = 0; id < places.size(); ++id) {
    const std::byte* place = places[id];
    const NodeHeader& header = HeaderOf(place);
    TreeNode node;
    const auto add_child = [&](uint64_t offset) {
      places.push_back(bytes_.data() + offset);
      return static_cast<uint32_t>(places.size() - 1);
    };
    if (!header.is(NodeHeader::kSeparators)) {
      node.shared = TextAt(place + sizeof(NodeHeader), header.shared_bytes);
      for (const PackedPiece& piece : std::span(PiecesOf(place), header.count)) {
        const bool link = piece.is_link();
        node.pieces.push_back({piece.x0, piece.start(), link ? Slope{} : piece.slope(),
                               link ? add_child(piece.child_offset()) : kNoChild});
      }
    } else {
      const SeparatorNode separators(place);
      node.kind = TreeNode::Kind::kSeparators;
      node.covers_short_keys = header.is(NodeHeader::kCoversShortKeys);
      node.shared = separators.text().substr(0, separators.shared_bytes());
      node.prefix = separators.text().substr(separators.shared_bytes());
      node.first_block = separators.first_block();
      node.last_block = separators.last_block();
      for (uint32_t i = 0; i < separators.count(); ++i) {
        const size_t begin = storage->size();
        base::PutBig64(storage, separators.window(i));
        storage->resize(begin + separators.bytes_in_window(i));
        if (!separators.tail(i).empty()) storage->append(separators.tail(i).substr(1));
        node.separators.emplace_back(storage->data() + begin, storage->size() - begin);
      }
      for (uint32_t i = 0; separators.has_children() && i <= separators.count(); ++i) {
        node.children.push_back(add_child(separators.child_offset(i)));
      }
    }
    tree.nodes.push_back(std::move(node));
  }
  return tree;
}

}  // namespace sibyl::index
