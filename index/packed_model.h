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
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/block_model.h"
#include "index/block_model_tree.h"
#include "index/table_memory.h"
#include "sibyl/result.h"

namespace sibyl::index {

class PackedModel {
 public:
  // `tree` must be well-formed, as the builder and the decoder make it.
  // Errors: kInvalidArgument if it takes kMaxPackedBytes or more.
  static Result<PackedModel> Pack(const ModelTree& tree);

  uint32_t block_count() const { return block_count_; }
  BlockModelShape Shape() const { return shape_; }

  // Where every lookup begins; a cache line of it and the next are readable or null.
  const std::byte* root() const { return bytes_.data(); }

  BlockPosition Find(std::string_view key) const;
  void FindBatch(std::span<const std::string_view> keys, std::span<BlockPosition> positions) const;

  // The nodes that Find visits.
  uint32_t CountNodes(std::string_view key) const;

  // The tree that was packed. Its views point into `storage`.
  ModelTree Unpack(std::string* storage) const;

 private:
  // A lookup on its way down.
  struct Descent {
    const std::byte* node;
    size_t position;  // bytes of the key that are behind it; never more than the key has
    uint64_t cap;     // the largest value it may find
    uint64_t value;   // once finished

    // Each ends the lookup, and returns true.
    bool Finish(uint64_t found) {
      value = found < cap ? found : cap;
      return true;
    }
    bool FinishInBlock(uint64_t block, uint16_t fraction) {
      return Finish(block << kValueFractionBits | fraction);
    }
    BlockPosition position_found() const {
      return {static_cast<uint32_t>(value >> kValueFractionBits), static_cast<uint16_t>(value)};
    }
  };

  // Lookups that are interleaved: enough to hide a miss, few enough for their nodes to stay in L1.
  static constexpr size_t kBatch = 16;

  Descent Begin() const;

  // Each visits one node; true once the value is known. The first two are inlined into lookups, so
  // that a descent through lines, the usual one, stays in registers.
  [[gnu::always_inline]] bool Step(std::string_view key, Descent* at) const;
  [[gnu::always_inline]] bool StepThroughLines(std::string_view key, Descent* at) const;
  bool StepThroughSeparators(std::string_view key, Descent* at) const;

  void FindGroup(std::span<const std::string_view> keys, BlockPosition* positions) const;
  BlockModelShape ShapeOf(const ModelTree& tree) const;

  Table<std::byte> bytes_;
  uint64_t size_bytes_ = 0;
  uint32_t block_count_ = 0;
  BlockModelShape shape_;
};

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_PACKED_MODEL_H_
