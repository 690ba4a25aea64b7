// JSON as PostgreSQL has it: json is text that is JSON, jsonb has one form for equal values.

#ifndef SIBYL_SQL_SERVER_DIALECT_JSON_TEXT_H_
#define SIBYL_SQL_SERVER_DIALECT_JSON_TEXT_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sibyl::sql::server {

bool IsJson(std::string_view text);

// A value of type jsonb.
struct JsonbValue {
  enum class Kind { kScalar, kArray, kObject };

  // The order in which jsonb keeps and prints the members of an object.
  struct ShorterFirst {
    bool operator()(const std::string& left, const std::string& right) const {
      return left.size() != right.size() ? left.size() < right.size() : left < right;
    }
  };

  Kind kind = Kind::kScalar;
  std::string text;  // of a scalar, as it is printed
  std::vector<JsonbValue> elements;
  std::map<std::string, JsonbValue, ShorterFirst> members;  // of members of one name the last
};

// nullopt: no JSON, or what jsonb cannot have either: the character 0, numbers of thousands of
// digits, more than kMostJsonDepth brackets in brackets.
std::optional<JsonbValue> ParseJsonb(std::string_view text);
constexpr size_t kMostJsonDepth = 1000;

// As PostgreSQL prints it: {"a": 1, "bb": [true, null]}.
std::string FormatJsonb(const JsonbValue& value);

// The form of jsonb that `text` has. nullopt as of ParseJsonb.
std::optional<std::string> NormalizeJsonb(std::string_view text);

// Appends `text` as a string of JSON, quoted.
void AppendJsonString(std::string_view text, std::string* json);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_DIALECT_JSON_TEXT_H_
