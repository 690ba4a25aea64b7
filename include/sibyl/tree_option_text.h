// Options of trees by name and as text: for tools, bindings and configuration files.

#ifndef SIBYL_TREE_OPTION_TEXT_H_
#define SIBYL_TREE_OPTION_TEXT_H_

#include <string>
#include <string_view>

#include "sibyl/result.h"
#include "sibyl/tree.h"

namespace sibyl {

// The member of `options` with this name: "compression" is "none", "lz4" or "zstd", "packed_keys"
// "true" or "false", "ttl_seconds" a number, "merge_operator" a name or nothing. Errors:
// kInvalidArgument for another name, and for a text that is no such value; `options` is then as it
// was.
Status SetTreeOption(std::string_view name, std::string_view text, TreeOptions* options);
Result<std::string> TreeOptionText(const TreeOptions& options, std::string_view name);

}  // namespace sibyl

#endif  // SIBYL_TREE_OPTION_TEXT_H_
