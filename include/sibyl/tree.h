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

struct TreeInfo {
  Tree tree;
  std::string name;
};

}  // namespace sibyl

#endif  // SIBYL_TREE_H_
