// Tree: a named ordered key space inside a database.

#ifndef SIBYL_TREE_H_
#define SIBYL_TREE_H_

#include <compare>
#include <cstdint>
#include <string>

namespace sibyl {

// A cheap value naming one tree of one database. Ids are never reused, so a Tree kept after
// DropTree can never reach another tree's keys: its reads find nothing, its writes are refused.
struct Tree {
  uint32_t id = 1;
  friend auto operator<=>(const Tree&, const Tree&) = default;
};

// The tree that every database is born with. Its name is "default"; it cannot be dropped.
inline constexpr Tree kDefaultTree{1};

// How the blocks and the large values of a tree are compressed in segments. Reaches the disk.
enum class Compression : uint8_t {
  kNone = 0,  // blocks are read where they lie in a mapped file
  kLz4 = 1,   // half a microsecond more per block of 4 KiB that is read, three that is written
  kZstd = 2,  // smaller: a microsecond to read, some fifteen to write
};

// What a tree's user may choose; kept with the tree.
struct TreeOptions {
  // ---- How it is stored. Holds for the segments written from then on, and changes no answer:
  // Database::Compact rewrites all that is older ----

  // A compressed block is decompressed into the block cache (Options::block_cache_bytes) when it is
  // read; one that would not shrink by an eighth is kept as it is. For data larger than memory, or
  // where disk space counts.
  Compression compression = Compression::kNone;

  // Keep the first 8 bytes of keys, behind what all keys of a block share, as a line through them
  // and each one's distance from it in as few bits as that takes, in blocks where this is smaller.
  // Keys that are numbers with even gaps shrink to a few bits. Searching such a block costs some 20
  // ns more; nothing is decompressed.
  bool packed_keys = false;

  // ---- What its values mean. Chosen when the tree is made, and never changed ----

  // Seconds after which a record is not there any more, counted from the moment when Write, Put or
  // Ingest was called, by Options::clock_seconds, in whole seconds; 0: never. Reads do not see it
  // from then on; compaction removes it some time later. A snapshot, a transaction or an iterator
  // sees what had not expired when it was made, for as long as it lives. A clock that is set back
  // lets records live longer. Count and At take a step per record.
  uint64_t ttl_seconds = 0;

  // The name of the operator that Merge applies: see merge_operator.h; empty: none, and Merge is
  // refused. Not together with a time to live. A database with a tree whose operator is not known
  // (Options::merge_operators) does not open. Count and At take a step per record.
  std::string merge_operator = {};

  friend bool operator==(const TreeOptions&, const TreeOptions&) = default;
};

struct TreeInfo {
  Tree tree;
  std::string name;
  TreeOptions options;
};

}  // namespace sibyl

#endif  // SIBYL_TREE_H_
