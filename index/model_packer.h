// Lays a block model's tree out in memory as lookups read it (index/packed_node.h), and reads the
// tree back from there. The bytes are those of this machine: files have another form
// (index/block_model_codec.h).

#ifndef SIBYL_INDEX_MODEL_PACKER_H_
#define SIBYL_INDEX_MODEL_PACKER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "index/block_model_tree.h"

namespace sibyl::index {

// Children are named by 24 bits, in units of 16 bytes.
inline constexpr uint64_t kMaxPackedBytes = uint64_t{1} << 28;

// Bytes that parts take once packed, for choosing between them. A separator's: its window and the
// end of its tail; then its bytes behind the window, and one for their length.
inline constexpr uint64_t kPackedPieceBytes = 16;
inline constexpr uint64_t kLeastSeparatorBytes = 10;
constexpr uint64_t PackedSeparatorBytes(size_t separator_bytes) {
  return kLeastSeparatorBytes + (separator_bytes > 8 ? separator_bytes - 7 : 0);
}
constexpr uint64_t PackedSeparatorNodeBytes(size_t prefix_bytes) { return 32 + prefix_bytes; }
uint64_t PackedLinesBytes(size_t shared_bytes, std::span<const TreePiece> pieces);

// The nodes in breadth-first order, so that the upper ones are neighbours; none if they would take
// kMaxPackedBytes or more. Precondition: `tree` is not empty, and well-formed, as the builder and
// the decoder make it.
std::optional<std::string> PackTree(const ModelTree& tree);

// The tree whose `size_bytes` packed bytes are at `bytes`. Its views point there and into
// `storage`.
ModelTree UnpackTree(const std::byte* bytes, uint64_t size_bytes, uint32_t block_count,
                     std::string* storage);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_MODEL_PACKER_H_
