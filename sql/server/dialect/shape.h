// The shape of a plain statement: its text with parameters instead of constants. Programs that put
// numbers into the text of their statements send ever new texts of few shapes; what was worked out
// for a shape serves all of them.

#ifndef SIBYL_SQL_SERVER_DIALECT_SHAPE_H_
#define SIBYL_SQL_SERVER_DIALECT_SHAPE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sql/server/sql_value.h"

namespace sibyl::sql::server {

struct Shape {
  std::string text;                     // with $1, $2, ...
  std::vector<OwnedValue> constants;    // integers and texts
  std::vector<uint32_t> declared_oids;  // of the parameters; kUnspecifiedOid for texts
};

// Fills *shape and returns true if `sql` is one statement, perhaps with a semicolon, of one of the
// forms
//
//   SELECT ... [FROM ...] WHERE conditions [rest]
//   UPDATE name SET name = value, ... [WHERE conditions] [rest]
//   DELETE FROM name WHERE conditions [rest]
//   INSERT INTO name [(names)] VALUES (value, ...) [rest]
//
// Conditions are "name = constant" and "name = name", with AND between them; a value is a constant,
// a name, or of UPDATE "name + constant" or "name - constant"; the rest begins with ORDER, GROUP,
// LIMIT, OFFSET, FOR, ON or RETURNING and stays as it is, as does all before the conditions. So a
// constant that is replaced stands where PostgreSQL's grammar has an expression and its own value
// is its only effect: it is no column's name or type, no position, no length, and no part of a
// longer expression but that sum.
//
// A constant is a whole number, which has the type that PostgreSQL gives it, or a plain string,
// which has none yet: who uses the shape must see to it that the parameter's type becomes a text's,
// since strings are converted otherwise. Cost: some 3 ns per character.
bool FindShape(std::string_view sql, Shape* shape);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_DIALECT_SHAPE_H_
