// The list of roots whose tree has another id: see the header.

#include "sql/moved_roots.h"

#include "base/coding.h"

namespace sibyl::sql {

uint32_t MovedRoots::RootOf(Tree tree) const {
  for (const auto& [root, id] : trees_) {
    if (id == tree.id) return root;
  }
  return tree.id;
}

void MovedRoots::AppendTo(std::string* bytes) const {
  for (const auto& [root, id] : trees_) {
    base::Put32(bytes, root);
    base::Put32(bytes, id);
  }
}

bool MovedRoots::Decode(std::string_view bytes) {
  trees_.clear();
  if (bytes.size() % 8 != 0) return false;
  for (; !bytes.empty(); bytes.remove_prefix(8)) {
    trees_[base::Load32(bytes.data())] = base::Load32(bytes.data() + 4);
  }
  return true;
}

}  // namespace sibyl::sql
