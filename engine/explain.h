// The models of a view told piece by piece, and the lookup of one key step by step: what
// Database::ListPieces and Database::Explain answer. See sibyl/explain.h.

#ifndef SIBYL_ENGINE_EXPLAIN_H_
#define SIBYL_ENGINE_EXPLAIN_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/view.h"
#include "sibyl/explain.h"
#include "sibyl/result.h"
#include "sibyl/tree.h"

namespace sibyl::engine {

// Errors of both: kIo, kCorruption.
Result<std::vector<ModelPiece>> ListPieces(const View& view, Tree tree);
Result<LookupExplanation> ExplainLookup(const View& view, uint64_t sequence, Tree tree,
                                        std::string_view key);

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_EXPLAIN_H_
