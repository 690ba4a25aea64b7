// sibyl load: what its two destinations, a tree and a SQL table, share.

#ifndef SIBYL_TOOLS_COMMANDS_LOAD_H_
#define SIBYL_TOOLS_COMMANDS_LOAD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sibyl/result.h"
#include "tools/command.h"
#include "tools/input/row_stream.h"

namespace sibyl::tools {

struct LoadArguments : DatabaseArguments {
  std::vector<std::string> files;
  RowStreamOptions rows;
  std::string table;  // empty: a tree
  bool sorted = false;
  bool escaped = false;
};

// What a load says when it is done.
struct LoadResult {
  uint64_t rows = 0;
  uint64_t input_bytes = 0;
  std::string stored;  // "1,137 keys in 1 segment"
};

// Loads all rows or, after an error, none of them. Its twin for tables is in sql_support.h.
Result<LoadResult> LoadIntoTree(const LoadArguments& arguments);

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_COMMANDS_LOAD_H_
