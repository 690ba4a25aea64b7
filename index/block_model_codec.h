// The portable form of a block model: docs/file-format.md.

#ifndef SIBYL_INDEX_BLOCK_MODEL_CODEC_H_
#define SIBYL_INDEX_BLOCK_MODEL_CODEC_H_

#include <string>
#include <string_view>

#include "index/block_model_tree.h"
#include "sibyl/result.h"

namespace sibyl::index {

// Appends `tree` to `out`.
void EncodeModelTree(const ModelTree& tree, std::string* out);

// Reads that back; the tree refers to `bytes`. Everything that lookups rely on is checked: a tree
// that is returned can be packed and searched whatever the bytes were.
// Errors: kCorruption; kNotSupported for a newer version.
Result<ModelTree> DecodeModelTree(std::string_view bytes);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_BLOCK_MODEL_CODEC_H_
