// The greatest keys of the tables that a transaction writes, as far as they are known.
//
// SQLite asks for the last row before each insertion that needs a new rowid, and whether a rowid is
// taken before each that brings its own. For rows that are appended both have the same answer,
// which is remembered here between statements, so that nothing is searched for them.

#ifndef SIBYL_SQL_TREE_ENDS_H_
#define SIBYL_SQL_TREE_ENDS_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/coding.h"
#include "sibyl/tree.h"

namespace sibyl::sql {

// Knows a few trees at a time; what it does not know has to be looked up. Valid while nobody else
// writes: forget everything when a transaction begins, ends or rolls back.
class TreeEnds {
 public:
  // The greatest key, or null if it is not known; empty: the tree is.
  const std::string* Find(Tree tree) const {
    const End& end = ends_[SlotOf(tree)];
    return end.known && end.tree == tree ? &end.key : nullptr;
  }

  void Learn(Tree tree, std::string_view key) {
    ends_[SlotOf(tree)] = {tree, true, 0, std::string(key)};
  }

  // True for the second time in a row that a key of `tree` was looked for and not found: it is
  // likely that rows are being inserted, and worth to find out the greatest key.
  bool IsWorthLearning(Tree tree) {
    End& end = ends_[SlotOf(tree)];
    if (end.tree != tree) end = {tree, false, 0, {}};
    return !end.known && ++end.misses == 2;
  }

  void NotePut(Tree tree, std::string_view key) {
    End& end = ends_[SlotOf(tree)];
    if (end.known && end.tree == tree && IsAbove(key, end.key)) end.key = key;
  }

  void NoteDelete(Tree tree, std::string_view key) {
    End& end = ends_[SlotOf(tree)];
    if (end.known && end.tree == tree && key >= end.key) end.known = false;
  }

  void Forget() { ends_.fill({}); }

 private:
  // Rowids have just been written as one word; memcmp would read them as a part of a longer one,
  // and wait for them.
  static bool IsAbove(std::string_view a, std::string_view b) {
    if (a.size() != sizeof(uint64_t) || b.size() != sizeof(uint64_t)) return a > b;
    return base::LoadBig64(a.data()) > base::LoadBig64(b.data());
  }

  struct End {
    Tree tree;
    bool known = false;
    uint32_t misses = 0;
    std::string key;
  };
  static constexpr size_t kSlots = 8;
  static size_t SlotOf(Tree tree) { return tree.id % kSlots; }

  std::array<End, kSlots> ends_;
};

}  // namespace sibyl::sql

#endif  // SIBYL_SQL_TREE_ENDS_H_
