// How the nodes of a packed model lie in memory (index/packed_model.h): what the packer writes and
// lookups read. Computed from a model each time, never stored in files.

#ifndef SIBYL_INDEX_PACKED_NODE_H_
#define SIBYL_INDEX_PACKED_NODE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "index/block_model_tree.h"
#include "index/line.h"
#include "index/piece_router.h"

namespace sibyl::index {

inline constexpr size_t kCacheLineBytes = 64;
inline constexpr size_t kNodeAlignment = 16;

// Nodes with more pieces than this have a router.
inline constexpr size_t kMostPiecesWithoutRouter = kRouterReach;

constexpr size_t RoundUp(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

// What every node begins with. The bytes shared follow: for lines padded to 16 bytes, then pieces,
// then the router; for separators see index/separator_node.h.
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

inline uint64_t LinkWord(const TreePiece& piece, uint64_t child_offset) {
  return PackedPiece::kLink | piece.start << Slope::kBits | child_offset / kNodeAlignment;
}

inline uint64_t LineWord(const TreePiece& piece) {
  return piece.start << Slope::kBits |
         static_cast<uint64_t>(piece.slope.shift) << Slope::kMantissaBits | piece.slope.mantissa;
}

inline const NodeHeader& HeaderOf(const std::byte* node) {
  return *reinterpret_cast<const NodeHeader*>(node);
}

inline std::string_view TextAt(const std::byte* bytes, size_t size_bytes) {
  return {reinterpret_cast<const char*>(bytes), size_bytes};
}

inline const PackedPiece* PiecesOf(const std::byte* node) {
  const size_t shared_bytes = HeaderOf(node).shared_bytes;
  return reinterpret_cast<const PackedPiece*>(node + sizeof(NodeHeader) +
                                              RoundUp(shared_bytes, kNodeAlignment));
}

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_PACKED_NODE_H_
