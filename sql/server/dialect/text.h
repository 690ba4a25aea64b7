// Small helpers for SQL text: identifiers and literals as SQLite reads them.

#ifndef SIBYL_SQL_SERVER_DIALECT_TEXT_H_
#define SIBYL_SQL_SERVER_DIALECT_TEXT_H_

#include <optional>
#include <string>
#include <string_view>

namespace sibyl::sql::server {

// ASCII only, like SQLite's own comparison of names.
std::string Lower(std::string_view text);
bool EqualIgnoringCase(std::string_view left, std::string_view right);

inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// As an identifier: bare where SQLite reads it as one, else in double quotes.
std::string Quoted(std::string_view identifier);

// As a string literal. A NUL byte cannot be in one: the text ends there.
std::string Literal(std::string_view text);

// A number as SQLite's parser reads it: "+5" is none for it where "-5" is, and
// "-9223372036854775808" only a real.
std::string NumberText(std::string text);

// `text` without the blanks behind its first `most` characters; nullopt: it has other characters
// there.
std::optional<std::string_view> FitText(std::string_view text, size_t most);

// The bytes of a bytea's text: "\x00ff", or bytes with \\ and \ooo. nullopt: malformed.
std::optional<std::string> ParseBytea(std::string_view text);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_DIALECT_TEXT_H_
