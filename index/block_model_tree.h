// A block model in the making: what the builder and the decoder produce, and what is then packed
// into the form that lookups read (index/packed_model.h). The semantics of every part are here.
//
// A value is a place in the sequence of blocks, counted in 1/65536 block; starts are kept to 1/256.
// A node answers for keys that agree in their first `position` bytes, which its parents have
// compared; the root's position is 0. A lookup carries a cap, the largest value it may return: that
// of the last block at the root, the start of the next piece below it. So values never decrease
// from key to key, whatever the pieces are.

#ifndef SIBYL_INDEX_BLOCK_MODEL_TREE_H_
#define SIBYL_INDEX_BLOCK_MODEL_TREE_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "index/line.h"

namespace sibyl::index {

constexpr int kStartFractionBits = 8;
constexpr int kStartToValueBits = kValueFractionBits - kStartFractionBits;

// Blocks of one model: starts must fit 39 bits beside a slope and a flag in one word.
constexpr uint64_t kMaxBlocks = uint64_t{1} << 31;

// A lookup visits at most this many nodes of either kind. A built model stays far below.
constexpr uint32_t kMaxDepth = 32;

constexpr uint32_t kNoChild = UINT32_MAX;

// A piece of a node of lines: answers for windows from x0 up to the next piece's, exclusive.
struct TreePiece {
  uint64_t x0 = 0;
  uint64_t start = 0;  // in 1/256 block, never less than the piece before's
  Slope slope;         // a line: its value at x is start + Climb(x - x0), at most the cap
  uint32_t child =
      kNoChild;  // otherwise the node for keys whose window is x0; larger windows get the cap
};

struct TreeNode {
  // Lines: windows of the keys select a piece. Separators: a node of a B-tree.
  enum class Kind : uint8_t { kLines, kSeparators };

  Kind kind = Kind::kLines;

  // What a link's child answers for. Normally the keys longer than the colliding window, beginning
  // behind it; those that end inside it get the link's start. If true, all keys with that window,
  // and the child begins where the window does (only separators do that).
  bool covers_short_keys = false;

  // The bytes from `position` that all keys below share; a query that differs is sent to its side
  // of them all. Views into keys or into the serialized form.
  std::string_view shared;

  std::vector<TreePiece> pieces;  // kLines: at least one, x0 strictly increasing

  // kSeparators. Block or child i takes the keys from separator i - 1 (inclusive) to separator i.
  // Separators are strictly increasing and begin behind position + shared + prefix; `prefix` is
  // common to all of them, though not to the keys, and is compared to find the side.
  std::string_view prefix;
  std::vector<std::string_view> separators;
  std::vector<uint32_t> children;  // empty at the bottom, else separators.size() + 1
  uint32_t first_block = 0;
  uint32_t last_block = 0;
};

struct ModelTree {
  std::vector<TreeNode> nodes;  // nodes[0] is the root; none if there were no keys
  uint32_t block_count = 0;
};

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_BLOCK_MODEL_TREE_H_
