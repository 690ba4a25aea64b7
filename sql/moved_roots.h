// Which tree holds the table or index with a given root page.
//
// A root page is the id of the tree it was created as. Deleting all rows of a large table gives it
// a new, empty tree and drops the old one, which costs two writes instead of one per row, and
// leaves no tombstones behind; the root page, which the schema names, stays. This is the list of
// the roots whose tree has another id. It is kept behind the header words of the database: per root
// a pair of little-endian 32-bit words, root and tree.

#ifndef SIBYL_SQL_MOVED_ROOTS_H_
#define SIBYL_SQL_MOVED_ROOTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "sibyl/tree.h"

namespace sibyl::sql {

class MovedRoots {
 public:
  Tree TreeOf(uint32_t root) const {
    if (trees_.empty()) return Tree{root};
    const auto found = trees_.find(root);
    return found == trees_.end() ? Tree{root} : Tree{found->second};
  }

  // For people and statistics: searches.
  uint32_t RootOf(Tree tree) const;

  void Move(uint32_t root, Tree tree) { trees_[root] = tree.id; }

  // Returns whether the root was in the list.
  bool Forget(uint32_t root) { return trees_.erase(root) > 0; }

  void AppendTo(std::string* bytes) const;

  // Replaces the list. False, and an empty list, if the bytes are none.
  bool Decode(std::string_view bytes);

 private:
  std::map<uint32_t, uint32_t> trees_;  // by root
};

}  // namespace sibyl::sql

#endif  // SIBYL_SQL_MOVED_ROOTS_H_
