#include "index/model_packer.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "index/packed_node.h"
#include "index/piece_router.h"
#include "index/separator_node.h"
#include "index/window.h"

namespace sibyl::index {
namespace {

static_assert(sizeof(PackedPiece) == kPackedPieceBytes);

// Collects the bytes of a model.
class Packer {
 public:
  explicit Packer(const ModelTree& tree) : tree_(tree) {}

  std::string TakeBytes() { return std::move(bytes_); }

  // False if too large.
  bool Run() {
    std::deque<Pending> queue = {{0, kNoPatch, false}};
    while (!queue.empty()) {
      const Pending next = queue.front();
      queue.pop_front();
      bytes_.resize(RoundUp(bytes_.size(), kNodeAlignment));
      if (bytes_.size() >= kMaxPackedBytes) return false;
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

// Each reads back one node; `add_child` numbers the node at an offset.

TreeNode UnpackLines(const std::byte* place, const std::function<uint32_t(uint64_t)>& add_child) {
  const NodeHeader& header = HeaderOf(place);
  TreeNode node;
  node.shared = TextAt(place + sizeof(NodeHeader), header.shared_bytes);
  for (const PackedPiece& piece : std::span(PiecesOf(place), header.count)) {
    const bool link = piece.is_link();
    node.pieces.push_back({piece.x0, piece.start(), link ? Slope{} : piece.slope(),
                           link ? add_child(piece.child_offset()) : kNoChild});
  }
  return node;
}

TreeNode UnpackSeparators(const std::byte* place,
                          const std::function<uint32_t(uint64_t)>& add_child,
                          std::string* storage) {
  const SeparatorNode separators(place);
  TreeNode node;
  node.kind = TreeNode::Kind::kSeparators;
  node.covers_short_keys = HeaderOf(place).is(NodeHeader::kCoversShortKeys);
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
  return node;
}

}  // namespace

uint64_t PackedLinesBytes(size_t shared_bytes, std::span<const TreePiece> pieces) {
  const uint64_t bytes = sizeof(NodeHeader) + RoundUp(shared_bytes, kNodeAlignment) +
                         pieces.size() * sizeof(PackedPiece);
  if (pieces.size() <= kMostPiecesWithoutRouter) return bytes;
  std::vector<uint32_t> router;
  BuildRouter(pieces, &router);
  return bytes + kRouterReach * sizeof(PackedPiece) + router.size() * sizeof(uint32_t);
}

std::optional<std::string> PackTree(const ModelTree& tree) {
  Packer packer(tree);
  if (!packer.Run()) return std::nullopt;
  return packer.TakeBytes();
}

ModelTree UnpackTree(const std::byte* bytes, uint64_t size_bytes, uint32_t block_count,
                     std::string* storage) {
  ModelTree tree;
  tree.block_count = block_count;
  storage->clear();
  storage->reserve(size_bytes);  // separators take no more than their windows and tails
  std::vector<const std::byte*> places = {bytes};
  const auto add_child = [&](uint64_t offset) {
    places.push_back(bytes + offset);
    return static_cast<uint32_t>(places.size() - 1);
  };
  for (size_t id = 0; id < places.size(); ++id) {
    const std::byte* place = places[id];
    const bool separators = HeaderOf(place).is(NodeHeader::kSeparators);
    tree.nodes.push_back(separators ? UnpackSeparators(place, add_child, storage)
                                    : UnpackLines(place, add_child));
  }
  return tree;
}

}  // namespace sibyl::index
