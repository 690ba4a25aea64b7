// Rows of a server's answer as text for people, or for other programs.

#ifndef SIBYL_TOOLS_REMOTE_SHELL_ROW_TEXT_H_
#define SIBYL_TOOLS_REMOTE_SHELL_ROW_TEXT_H_

#include <libpq-fe.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sibyl::tools {

enum class RowMode : uint8_t {
  kTable,  // columns side by side, under their names
  kLine,   // a line for each value
  kCsv,    // RFC 4180, with a line of names; NULL is nothing, an empty text is ""
  kList,   // values with | between them, without names
};

// "table", "line", "csv", "list"; nullopt: none of them.
std::optional<RowMode> RowModeOf(std::string_view name);

// All rows of `result`, each line complete. NULL is shown as nothing; line ends and tabs within
// values of a table are shown as \n and \t. `goes_on`: rows of the same answer were shown before
// (not for kTable, whose columns need all rows).
std::string RowsText(const PGresult* result, RowMode mode, bool goes_on = false);

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_REMOTE_SHELL_ROW_TEXT_H_
