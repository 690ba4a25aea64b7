// JSON where PostgreSQL's differs from SQLite's: checked text, the one form of jsonb, arrays.

#include <utility>

#include "sql/server/catalogue/function_support.h"
#include "sql/server/dialect/array_text.h"
#include "sql/server/dialect/json_text.h"

namespace sibyl::sql::server {
namespace {

// What SQLite's functions mark their results with, and look for in their arguments.
constexpr unsigned kJsonSubtype = 'J';

void ResultJson(sqlite3_context* context, std::string_view json) {
  ResultText(context, json);
  sqlite3_result_subtype(context, kJsonSubtype);
}

void InvalidJson(sqlite3_context* context) {
  FailFunction(context, "22P02", "invalid input syntax for type json");
}

void Json(sqlite3_context* context, int, sqlite3_value** values) {
  const std::string_view text = TextArgument(values[0]);
  if (!IsJson(text)) return InvalidJson(context);
  ResultJson(context, text);
}

std::optional<JsonbValue> JsonbArgument(sqlite3_context* context, sqlite3_value* value) {
  auto json = ParseJsonb(TextArgument(value));
  if (!json) InvalidJson(context);
  return json;
}

void Jsonb(sqlite3_context* context, int, sqlite3_value** values) {
  const auto json = JsonbArgument(context, values[0]);
  if (json) ResultJson(context, FormatJsonb(*json));
}

// Any value; JSON that a function made stays what it is.
void ToJson(sqlite3_context* context, int, sqlite3_value** values) {
  const bool is_number = sqlite3_value_type(values[0]) == SQLITE_INTEGER ||
                         sqlite3_value_type(values[0]) == SQLITE_FLOAT;
  if (is_number || sqlite3_value_subtype(values[0]) == kJsonSubtype) {
    ResultJson(context, TextArgument(values[0]));
    return;
  }
  std::string json;
  AppendJsonString(TextArgument(values[0]), &json);
  ResultJson(context, json);
}

// An array, and how its elements become JSON: 's' as strings, 'b' as truth, 'j' as they are.
void OfArray(sqlite3_context* context, int, sqlite3_value** values) {
  const auto elements = ParseArray(TextArgument(values[0]));
  if (!elements) {
    FailFunction(context, "22P02",
                 "malformed array literal: \"" + std::string(TextArgument(values[0])) + "\"");
    return;
  }
  const char how = TextArgument(values[1])[0];
  std::string json = "[";
  for (const auto& element : *elements) {
    if (json.size() > 1) json += ',';
    if (!element) {
      json += "null";
    } else if (how == 's') {
      AppendJsonString(*element, &json);
    } else if (how == 'b') {
      json += *element == "t" || *element == "1" || *element == "true" ? "true" : "false";
    } else {
      json += *element;
    }
  }
  ResultJson(context, json + "]");
}

void ArrayLength(sqlite3_context* context, int, sqlite3_value** values) {
  const auto json = JsonbArgument(context, values[0]);
  if (!json) return;
  if (json->kind != JsonbValue::Kind::kArray) {
    const bool scalar = json->kind == JsonbValue::Kind::kScalar;
    FailFunction(
        context, "22023",
        std::string("cannot get array length of ") + (scalar ? "a scalar" : "a non-array"));
    return;
  }
  sqlite3_result_int64(context, static_cast<int64_t>(json->elements.size()));
}

// Objects merge, the right one's members winning; all else becomes one array.
void Concatenate(sqlite3_context* context, int, sqlite3_value** values) {
  auto left = JsonbArgument(context, values[0]);
  auto right = left ? JsonbArgument(context, values[1]) : std::nullopt;
  if (!right) return;
  using Kind = JsonbValue::Kind;
  if (left->kind == Kind::kObject && right->kind == Kind::kObject) {
    for (auto& [name, member] : right->members) {
      left->members.insert_or_assign(name, std::move(member));
    }
    ResultJson(context, FormatJsonb(*left));
    return;
  }
  JsonbValue both;
  both.kind = Kind::kArray;
  for (JsonbValue* side : {&*left, &*right}) {
    if (side->kind == Kind::kArray) {
      for (JsonbValue& element : side->elements) both.elements.push_back(std::move(element));
    } else {
      both.elements.push_back(std::move(*side));
    }
  }
  ResultJson(context, FormatJsonb(both));
}

void TypeOf(sqlite3_context* context, int, sqlite3_value** values) {
  const auto json = JsonbArgument(context, values[0]);
  if (!json) return;
  const char first = json->kind == JsonbValue::Kind::kScalar ? json->text[0] : '\0';
  ResultText(context, std::string_view(json->kind == JsonbValue::Kind::kArray    ? "array"
                                       : json->kind == JsonbValue::Kind::kObject ? "object"
                                       : first == '"'                            ? "string"
                                       : first == 't' || first == 'f'            ? "boolean"
                                       : first == 'n'                            ? "null"
                                                                                 : "number"));
}

constexpr SqlFunction kFunctions[] = {
    {"pg_json", 1, Json},
    {"pg_json_array_length", 1, ArrayLength},
    {"pg_json_of_array", 2, OfArray},
    {"pg_json_typeof", 1, TypeOf},
    {"pg_jsonb", 1, Jsonb},
    {"pg_jsonb_cat", 2, Concatenate},
    {"pg_to_json", 1, ToJson},
};

}  // namespace

int RegisterJsonFunctions(sqlite3* db) { return RegisterAll(db, kFunctions, nullptr, true); }

}  // namespace sibyl::sql::server
