// The portable form of a StringIndex (docs/file-format.md, "String index").

#ifndef SIBYL_INDEX_STRING_FORMAT_H_
#define SIBYL_INDEX_STRING_FORMAT_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "index/string_parts.h"
#include "sibyl/result.h"

namespace sibyl::index {

// Whether Build accepts them, other than kAuto.
bool AreValid(const StringIndexOptions& options);

void EncodeStringParts(const StringParts& parts, std::string* out);

// Errors as of StringIndex::Deserialize.
Result<std::unique_ptr<StringParts>> DecodeStringParts(std::string_view bytes,
                                                       std::span<const std::string_view> keys);

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_STRING_FORMAT_H_
