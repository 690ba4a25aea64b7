// A block model told in words and numbers: its pieces in key order, and the way of one key through
// it. It reads the tree that was packed, apart from the lookup itself, so it may be slow and must
// agree with it.

#ifndef SIBYL_INDEX_BLOCK_MODEL_REPORT_H_
#define SIBYL_INDEX_BLOCK_MODEL_REPORT_H_

#include <string_view>
#include <vector>

#include "index/block_model.h"
#include "index/block_model_tree.h"

namespace sibyl::index {

// The pieces of `tree`, each followed by those of the child it leads to. Cost: O(model).
std::vector<BlockModelPiece> ListPieces(const ModelTree& tree);

// The nodes that a lookup of `key` visits, root first. The last one's value is the lookup's.
std::vector<BlockModelStage> TraceLookup(const ModelTree& tree, std::string_view key);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_BLOCK_MODEL_REPORT_H_
