// The public Iterator over one tree, made from a cursor over internal keys.

#ifndef SIBYL_ENGINE_USER_ITERATOR_H_
#define SIBYL_ENGINE_USER_ITERATOR_H_

#include <memory>

#include "engine/cursor.h"
#include "sibyl/iterator.h"
#include "sibyl/options.h"
#include "sibyl/tree.h"

namespace sibyl::engine {

// Shows the records of `tree` within `bounds` (its snapshot is ignored: the cursor has one), with
// the tree's prefix stripped and deleted keys hidden. `pin` keeps alive whatever the cursor reads;
// it is released after the cursor is destroyed.
std::unique_ptr<Iterator> NewUserIterator(std::unique_ptr<Cursor> cursor, Tree tree,
                                          const IteratorOptions& bounds,
                                          std::shared_ptr<const void> pin);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_USER_ITERATOR_H_
