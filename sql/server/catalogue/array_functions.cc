// Functions on arrays, which are kept as their text: {1,2}; and on vectors: 1 2.

#include <vector>

#include "sql/server/catalogue/function_support.h"
#include "sql/server/dialect/array_text.h"

namespace sibyl::sql::server {
namespace {

using Elements = std::vector<std::optional<std::string>>;

std::optional<Elements> ArrayArgument(sqlite3_context* context, sqlite3_value* value) {
  auto elements = ParseArray(TextArgument(value));
  if (!elements) {
    FailFunction(context, "22P02",
                 "malformed array literal: \"" + std::string(TextArgument(value)) + "\"");
  }
  return elements;
}

// Vectors of the catalogue count from 0, arrays from 1.
bool IsVector(sqlite3_value* value) { return !TextArgument(value).starts_with('{'); }

void MakeArray(sqlite3_context* context, int count, sqlite3_value** values) {
  Elements elements;
  for (int i = 0; i < count; ++i) {
    elements.push_back(IsNull(values[i]) ? std::nullopt
                                         : std::optional(std::string(TextArgument(values[i]))));
  }
  ResultText(context, std::string_view(FormatArray(elements)));
}

void Element(sqlite3_context* context, int, sqlite3_value** values) {
  const auto elements = ArrayArgument(context, values[0]);
  if (!elements) return;
  const int64_t place = sqlite3_value_int64(values[1]) - (IsVector(values[0]) ? 0 : 1);
  if (place < 0 || place >= static_cast<int64_t>(elements->size())) return;
  ResultText(context, (*elements)[place]);
}

// NULL is an array without elements here.
void Concatenate(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0]) || IsNull(values[1])) {
    sqlite3_result_value(context, IsNull(values[0]) ? values[1] : values[0]);
    return;
  }
  auto elements = ArrayArgument(context, values[0]);
  const auto more = elements ? ArrayArgument(context, values[1]) : std::nullopt;
  if (!more) return;
  elements->insert(elements->end(), more->begin(), more->end());
  ResultText(context, std::string_view(FormatArray(*elements)));
}

void Remove(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0])) return;
  auto elements = ArrayArgument(context, values[0]);
  if (!elements) return;
  const std::optional<std::string> gone =
      IsNull(values[1]) ? std::nullopt : std::optional(std::string(TextArgument(values[1])));
  std::erase(*elements, gone);
  ResultText(context, std::string_view(FormatArray(*elements)));
}

// array, dimension
void Bound(sqlite3_context* context, sqlite3_value** values, bool upper) {
  const auto elements = ArrayArgument(context, values[0]);
  if (!elements || elements->empty() || sqlite3_value_int64(values[1]) != 1) return;
  const int64_t lower = IsVector(values[0]) ? 0 : 1;
  const auto count = static_cast<int64_t>(elements->size());
  sqlite3_result_int64(context, upper ? lower + count - 1 : lower);
}
void Upper(sqlite3_context* context, int, sqlite3_value** values) { Bound(context, values, true); }
void LowerBound(sqlite3_context* context, int, sqlite3_value** values) {
  Bound(context, values, false);
}

void Length(sqlite3_context* context, int, sqlite3_value** values) {
  const auto elements = ArrayArgument(context, values[0]);
  if (!elements || elements->empty() || sqlite3_value_int64(values[1]) != 1) return;
  sqlite3_result_int64(context, static_cast<int64_t>(elements->size()));
}

void Cardinality(sqlite3_context* context, int, sqlite3_value** values) {
  const auto elements = ArrayArgument(context, values[0]);
  if (elements) sqlite3_result_int64(context, static_cast<int64_t>(elements->size()));
}

void Position(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0])) return;
  const auto elements = ArrayArgument(context, values[0]);
  if (!elements) return;
  const std::optional<std::string> wanted =
      IsNull(values[1]) ? std::nullopt : std::optional(std::string(TextArgument(values[1])));
  for (size_t i = 0; i < elements->size(); ++i) {
    if ((*elements)[i] != wanted) continue;
    sqlite3_result_int64(context, static_cast<int64_t>(i) + 1);
    return;
  }
}

// array, separator [, text for NULL]
void ToString(sqlite3_context* context, int count, sqlite3_value** values) {
  if (IsNull(values[0]) || IsNull(values[1])) return;
  const auto elements = ArrayArgument(context, values[0]);
  if (!elements) return;
  std::string text;
  bool any = false;
  for (const auto& element : *elements) {
    if (!element && (count < 3 || IsNull(values[2]))) continue;
    if (any) text += TextArgument(values[1]);
    text += element ? std::string_view(*element) : TextArgument(values[2]);
    any = true;
  }
  ResultText(context, std::string_view(text));
}

void StringToArray(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0])) return;
  std::string_view text = TextArgument(values[0]);
  const std::string_view separator = TextArgument(values[1]);
  Elements elements;
  while (!separator.empty()) {
    const size_t end = text.find(separator);
    if (end == std::string_view::npos) break;
    elements.emplace_back(std::string(text.substr(0, end)));
    text.remove_prefix(end + separator.size());
  }
  if (!text.empty() || !elements.empty()) elements.emplace_back(std::string(text));
  ResultText(context, std::string_view(FormatArray(elements)));
}

constexpr SqlFunction kFunctions[] = {
    {"pg_array", -1, MakeArray, false},         {"pg_array_cat", 2, Concatenate, false},
    {"pg_array_element", 2, Element},           {"pg_array_length", 2, Length},
    {"pg_array_lower", 2, LowerBound},          {"pg_array_position", 2, Position, false},
    {"pg_array_remove", 2, Remove, false},      {"pg_array_to_string", 2, ToString, false},
    {"pg_array_to_string", 3, ToString, false}, {"pg_array_upper", 2, Upper},
    {"pg_cardinality", 1, Cardinality},         {"pg_string_to_array", 2, StringToArray, false},
};

}  // namespace

int RegisterArrayFunctions(sqlite3* db) { return RegisterAll(db, kFunctions, nullptr, true); }

}  // namespace sibyl::sql::server
