// PostgreSQL's text form of arrays: {1,NULL,"two, too"}; and of int2vector: 1 2 3.

#ifndef SIBYL_SQL_SERVER_DIALECT_ARRAY_TEXT_H_
#define SIBYL_SQL_SERVER_DIALECT_ARRAY_TEXT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sibyl::sql::server {

// The elements of a one-dimensional array, nullopt for NULL; text that does not begin with a brace is
// taken for a vector. nullopt: malformed, or of several dimensions.
std::optional<std::vector<std::optional<std::string>>> ParseArray(std::string_view text);

// The text of an array, elements quoted where they must be.
std::string FormatArray(const std::vector<std::optional<std::string>>& elements);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_DIALECT_ARRAY_TEXT_H_
