// A block model in the form that lookups read: one immutable run of bytes, nodes in breadth-first
// order, each node contiguous, so that a small one costs a lookup a cache line or two.
//
// A piece is 16 bytes: x0, then a word of flag, start and slope (or the child's place). A large
// node of lines is followed by a router (index/piece_router.h). A node of separators keeps their
// first eight bytes as integers, searched without branches, and the rest aside for the rare ties.

#ifndef SIBYL_INDEX_PACKED_MODEL_H_
#define SIBYL_INDEX_PACKED_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/block_model.h"
#include "index/block_model_tree.h"
#include "sibyl/result.h"

namespace sibyl::index {

struct NodeHeader;

class PackedModel {
 public:
  // Children are named by 24 bits, in units of 16 bytes.
  static constexpr uint64_t kMaxBytes = uint64_t{1} << 28;

  // Bytes that parts take once packed, for choosing between them. A separator's window and the end
  // of its tail; then its bytes behind the window, and one for their length.
  static constexpr uint64_t kSeparatorBytes = 10;
  static uint64_t SeparatorBytes(size_t separator_bytes) {
    return kSeparatorBytes + (separator_bytes > 8 ? separator_bytes - 7 : 0);
  }
  static uint64_t SeparatorNodeBytes(size_t prefix_bytes) { return 32 + prefix_bytes; }
  static uint64_t LinesBytes(size_t shared_bytes, size_t pieces);

  // `tree` must be well-formed, as the builder and the decoder make it.
  // Errors: kInvalidArgument if it takes kMaxBytes or more.
  static Result<PackedModel> Pack(const ModelTree& tree);

  uint32_t block_count() const { return block_count_; }
  BlockModelShape Shape() const { return shape_; }

  BlockPosition Find(std::string_view key) const;
  void FindBatch(std::span<const std::string_view> keys, std::span<BlockPosition> positions) const;

  // The tree that was packed. Its views point into `storage`.
  ModelTree Unpack(std::string* storage) const;

 private:
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };

  uint64_t FindValue(std::string_view key) const;
  BlockModelShape ShapeOf(const ModelTree& tree) const;

  std::unique_ptr<std::byte, Free> bytes_;
  uint64_t size_bytes_ = 0;
  uint32_t block_count_ = 0;
  BlockModelShape shape_;
};

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_PACKED_MODEL_H_
