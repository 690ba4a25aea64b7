// Fits a block model to keys.
//
// Method: records are laid end to end, each counting its bytes but at most one block; the position
// of record i in blocks, Y(i), is what every piece of every node approximates within epsilon.
// Because all pieces aim at the same Y, neighbouring pieces share blocks, and blocks are full on
// average whatever the keys. Lines are cut by the greedy ShrinkingCone pass of FITing-Tree
// (Galakatos et al., SIGMOD 2019, section 3.2), with the error bound of an epsilon-approximate
// segment in PGM-index (Ferragina and Vinciguerra, PVLDB 13(8), 2020, section 2.1): O(1) state, at
// the price of more pieces than PGM-index's own fit (O'Rourke, CACM 24(9), 1981; tried: 8 to 16 %
// fewer pieces on integers, three times the time to build). Keys that collide in a window and
// together span more than 2 epsilon go to a child node. Each subtree of lines is compared with a
// prefix B-tree over the same records (index/separator_builder.h), and the one with the smaller
// product of bytes and lookup time stays, but lines never at more than twice the bytes: the worst
// case is a B-tree.

#ifndef SIBYL_INDEX_BLOCK_MODEL_BUILDER_H_
#define SIBYL_INDEX_BLOCK_MODEL_BUILDER_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "index/block_model.h"
#include "index/block_model_tree.h"
#include "index/record_layout.h"
#include "sibyl/result.h"

namespace sibyl::index {

// The records of `keys`, laid end to end; refers to the keys' bytes. Errors: those of
// BlockModel::Build over keys.
Result<RecordLayout> LayOut(std::span<const std::string_view> keys,
                            std::span<const uint32_t> record_bytes,
                            const BlockModelOptions& options);

// The model of what was laid out; it refers to the same bytes. Time and errors: those of
// BlockModel::Build over a layout.
Result<ModelTree> BuildModelTree(const RecordLayout& layout, const BlockModelOptions& options);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_BLOCK_MODEL_BUILDER_H_
