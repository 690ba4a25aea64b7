// What a database's models look like, piece by piece, and how they find one key: for people who
// study or tune them. docs/architecture.md has the words.

#ifndef SIBYL_EXPLAIN_H_
#define SIBYL_EXPLAIN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "sibyl/tree.h"

namespace sibyl {

enum class PieceKind : uint8_t {
  kLine,       // a block per window, by a line
  kChild,      // keys that collide in the window go to a child node
  kSeparator,  // an entry of a B-tree node
};

// One piece of the model of one tree within one segment.
struct ModelPiece {
  uint32_t level = 0;
  uint64_t segment = 0;
  uint32_t node = 0;   // 0 is the root; nodes are numbered breadth-first
  uint32_t depth = 0;  // nodes from the root to here, both counted
  PieceKind kind = PieceKind::kLine;

  // Where the piece begins: the first key it answers for (of the first piece: the empty key), and the
  // 8-byte window in which its node looks at that key, as a big-endian integer.
  std::string first_key;
  uint64_t window = 0;

  double base_block = 0;          // the block, within the tree's, of the first window
  double blocks_per_window = 0;   // the slope; 0 unless it is a line

  // Records of the segment from first_key to the next piece of the node; those of a child's pieces
  // are counted with the piece that leads to it, too.
  uint64_t records = 0;
};

// One node that a lookup went through.
struct LookupStage {
  uint32_t node = 0;
  uint64_t piece = 0;   // number within the node; of a separator: how many are not above the key
  PieceKind kind = PieceKind::kLine;
  uint64_t window = 0;  // of the key, as the node sees it
  double block = 0;     // the place predicted so far, within the tree's blocks
};

// What one source, a generation of the delta or a segment, had to say about the key.
struct LookupSource {
  bool is_segment = false;
  uint32_t level = 0;  // of a segment
  uint64_t id = 0;     // of the generation or the segment
  enum class Outcome : uint8_t { kAbsent, kFiltered, kValue, kTombstone } outcome = Outcome::kAbsent;

  // The rest is for segments whose filter (if they have one) let the key pass. Slots count the
  // records of a block.
  std::vector<LookupStage> stages;
  uint32_t block = 0;           // the one block read, within the segment
  uint32_t block_records = 0;
  uint32_t predicted_slot = 0;  // where the search in the block began
  uint32_t slot = 0;            // where the key is, or would be
  uint64_t read_bytes = 0;      // the block, and the value if it lies outside
};

// Sources in the order in which a Get asks them; the last one decided, unless all say absent.
struct LookupExplanation {
  bool found = false;
  std::vector<LookupSource> sources;
};

}  // namespace sibyl

#endif  // SIBYL_EXPLAIN_H_
