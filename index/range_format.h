// The portable form of a RangeIndex (docs/file-format.md, "Range index").

#ifndef SIBYL_INDEX_RANGE_FORMAT_H_
#define SIBYL_INDEX_RANGE_FORMAT_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "index/range_parts.h"
#include "sibyl/result.h"

namespace sibyl::index {

// Appends `parts`, built over `keys`, to `out`.
void EncodeRangeParts(const RangeParts& parts, std::span<const uint64_t> keys, std::string* out);

// Errors as of RangeIndex::Deserialize.
Result<std::unique_ptr<RangeParts>> DecodeRangeParts(std::string_view bytes,
                                                     std::span<const uint64_t> keys);

// The lines of `parts`, in the order in which they were built; none in a static B-tree.
std::vector<RankLine> LinesOf(const RangeParts& parts);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_RANGE_FORMAT_H_
