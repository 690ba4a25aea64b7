// The model that draws a segment's block borders: a monotone function from keys to block numbers.
//
// When a segment is written, the model is fitted to key -> cumulative bytes / block size, and block
// b holds exactly the records whose keys it sends to b. Reader and writer evaluate the same
// function, so the block of any key, stored or not, is right by construction: there is no error to
// correct and nothing to search but the block.
//
// Shape: a tree of nodes (the staged, recursive models of Kraska et al., "The Case for Learned
// Index Structures", SIGMOD 2018, sections 3.2-3.3). A node compares the query with the bytes all
// its keys share, then looks at the 8-byte window of the key that follows, as a big-endian integer,
// and finds the piece that covers it. A piece is a line in integer arithmetic (exact on every
// machine) that yields the block, or a link to a child node for keys that collide in the window. A
// key that ends inside a colliding window sorts before the child. Where learning does not pay (a
// node's pieces would cost more than separators), the node is a B-tree node: the worst case is a
// B-tree.
//
// Bounds, by construction: a block holds at most (1 + 2 epsilon) x target bytes and one record;
// blocks are at least half full on average whatever the keys; a record counts at most one block.

#ifndef SIBYL_INDEX_BLOCK_MODEL_H_
#define SIBYL_INDEX_BLOCK_MODEL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sibyl/explain.h"
#include "sibyl/result.h"

namespace sibyl::index {

class RecordLayout;  // index/record_layout.h

// Where a key belongs.
struct BlockPosition {
  uint32_t block = 0;
  // How far through the block the key is expected, in 1/65536: a hint for where to start searching.
  uint16_t fraction = 0;
};

struct BlockModelOptions {
  uint32_t block_bytes = 4096;  // target bytes of records per block; at least 1
  double epsilon_blocks = 0.5;  // largest distance, in blocks, of a border from an even division;
                                // 1/64 to 64
  bool learn = true;            // false: B-tree nodes only, to compare with
};

// What a model is made of, for reports.
struct BlockModelShape {
  bool learned = true;  // false: most keys are found through B-tree nodes
  uint64_t pieces = 0;  // lines, links to children, and separators
  uint64_t nodes = 0;
  uint32_t depth = 0;  // nodes that the longest lookup visits
  uint64_t memory_bytes = 0;
};

// sibyl/explain.h has the meanings. The piece answers for the keys from first_key to end_key
// (nullopt: to the end).
struct BlockModelPiece {
  uint32_t node = 0;
  uint32_t depth = 0;
  PieceKind kind = PieceKind::kLine;
  std::string first_key;
  std::optional<std::string> end_key;
  uint64_t window = 0;
  double base_block = 0;
  double blocks_per_window = 0;
};
using BlockModelStage = LookupStage;

// Immutable and thread-safe once built.
class BlockModel {
 public:
  // Fits a model to strictly increasing `keys` (byte strings of any length and content, unsigned
  // byte order), where record i takes record_bytes[i] bytes. Pure and deterministic.
  // Time O(total key bytes); memory O(model), and 28 bytes per key until it returns.
  // Errors: kInvalidArgument naming the rank of the first key that is out of order or repeated; if
  // the two spans differ in size; if an option is out of its range; if the model would have 2^31
  // blocks or 256 MiB.
  static Result<BlockModel> Build(std::span<const std::string_view> keys,
                                  std::span<const uint32_t> record_bytes,
                                  const BlockModelOptions& options);

  // The same for records that were laid out as they came, by the same block_bytes (checked), and
  // which are in order therefore: time is then O(records), not O(total key bytes), mostly.
  static Result<BlockModel> Build(const RecordLayout& layout, const BlockModelOptions& options);

  BlockModel(BlockModel&&) noexcept;
  BlockModel& operator=(BlockModel&&) noexcept;
  ~BlockModel();

  // The block of `key`: for every pair a <= b, Find(a).block <= Find(b).block. Always less than
  // max(1, block_count()). Allocates nothing.
  BlockPosition Find(std::string_view key) const;

  // The same for many keys at once, hiding the misses of one behind the work of others.
  // Precondition: positions.size() >= keys.size().
  void FindBatch(std::span<const std::string_view> keys, std::span<BlockPosition> positions) const;

  // Adds where in memory every Find begins, for who asks for it ahead.
  void AddHotPlaces(std::vector<const void*>* places) const;

  // Blocks the keys were divided into; 0 if the model was built over no keys. Some may be empty.
  uint32_t block_count() const;

  BlockModelShape Shape() const;

  // The nodes that Find visits. Cost: as of Find.
  uint32_t CountNodes(std::string_view key) const;

  // For reports: every piece, each followed by those of the child it leads to; and the nodes that
  // Find visits, root first, of which the last one's block is what it finds. Cost of both:
  // O(model).
  std::vector<BlockModelPiece> Pieces() const;
  std::vector<BlockModelStage> Trace(std::string_view key) const;

  // Appends the model in its portable form (docs/file-format.md, "Block model"): fixed
  // little-endian, versioned, with its own checksum.
  void Serialize(std::string* out) const;

  // Reads that form back; predictions are bit-identical to those of the model serialized. `bytes`
  // is not referred to afterwards.
  // Errors: kCorruption for anything that Serialize could not have written (lookups in a decoded
  // model stay in bounds and terminate whatever the bytes were); kNotSupported for a newer version.
  static Result<BlockModel> Deserialize(std::string_view bytes);

 private:
  struct Parts;
  explicit BlockModel(std::unique_ptr<const Parts> parts);
  std::unique_ptr<const Parts> parts_;
};

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_BLOCK_MODEL_H_
