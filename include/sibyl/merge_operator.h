// Merge operators: writes that change a value without reading it first.

#ifndef SIBYL_MERGE_OPERATOR_H_
#define SIBYL_MERGE_OPERATOR_H_

#include <string>
#include <string_view>

namespace sibyl {

// A function that a tree is created with (TreeOptions::merge_operator) and that Merge then applies:
// first to the operands themselves, in memory and in segments, at last to the value that the key
// has, whenever somebody reads it. Three are always there:
//
//   "uint64_add"   values are 8 little-endian bytes; adds modulo 2^64 (shorter ones count as if
//   zeros
//                  followed, of longer ones the first 8 bytes)
//   "append"       puts the operand behind the value
//   "max"          keeps the greater one, in the order of bytes
//
// Thread-safe: called by any thread, at any time, with locks held. It must not call the database.
class MergeOperator {
 public:
  virtual ~MergeOperator() = default;

  // What trees that were made with it call it, forever. "uint64_add", "append", "max" are taken.
  virtual std::string_view name() const = 0;

  // What becomes of `older` when `newer` is merged into it. A key without a value takes the operand
  // as its value. The function depends on nothing else, does not fail, and is associative:
  //   Merge(a, Merge(b, c)) == Merge(Merge(a, b), c)
  // A result longer than kMaxMergedBytes is not taken: `older` stays as it is. Keep values below
  // it: how many operands are lost with such a result depends on where they are.
  virtual std::string Merge(std::string_view older, std::string_view newer) const = 0;
};

// The largest value of a tree with a merge operator.
inline constexpr size_t kMaxMergedBytes = 64 << 20;

}  // namespace sibyl

#endif  // SIBYL_MERGE_OPERATOR_H_
