// Arithmetic that PostgreSQL does otherwise than SQLite, and small helpers of translated statements.

#include <charconv>
#include <cmath>
#include <random>

#include "sql/server/catalogue/function_support.h"

namespace sibyl::sql::server {
namespace {

bool IsInteger(sqlite3_value* value) { return sqlite3_value_numeric_type(value) == SQLITE_INTEGER; }

bool FailsByZero(sqlite3_context* context, sqlite3_value* divisor) {
  if (sqlite3_value_double(divisor) != 0) return false;
  FailFunction(context, "22012", "division by zero");
  return true;
}

// Of two integers an integer, else a real.
void Divide(sqlite3_context* context, int, sqlite3_value** values) {
  if (FailsByZero(context, values[1])) return;
  if (!IsInteger(values[0]) || !IsInteger(values[1])) {
    sqlite3_result_double(context, sqlite3_value_double(values[0]) / sqlite3_value_double(values[1]));
    return;
  }
  const int64_t dividend = sqlite3_value_int64(values[0]);
  const int64_t divisor = sqlite3_value_int64(values[1]);
  if (dividend == INT64_MIN && divisor == -1) {
    FailFunction(context, "22003", "bigint out of range");
    return;
  }
  sqlite3_result_int64(context, dividend / divisor);
}

void DivideReal(sqlite3_context* context, int, sqlite3_value** values) {
  if (FailsByZero(context, values[1])) return;
  sqlite3_result_double(context, sqlite3_value_double(values[0]) / sqlite3_value_double(values[1]));
}

void Modulo(sqlite3_context* context, int, sqlite3_value** values) {
  if (FailsByZero(context, values[1])) return;
  if (!IsInteger(values[0]) || !IsInteger(values[1])) {
    sqlite3_result_double(
        context, std::fmod(sqlite3_value_double(values[0]), sqlite3_value_double(values[1])));
    return;
  }
  const int64_t divisor = sqlite3_value_int64(values[1]);
  sqlite3_result_int64(context, divisor == -1 ? 0 : sqlite3_value_int64(values[0]) % divisor);
}

void Xor(sqlite3_context* context, int, sqlite3_value** values) {
  sqlite3_result_int64(context, sqlite3_value_int64(values[0]) ^ sqlite3_value_int64(values[1]));
}

// To so many places after the point; left of it if they are negative. An integer has none after it.
void ToPlaces(sqlite3_context* context, int count, sqlite3_value** values, double (*whole)(double)) {
  const int64_t places = count > 1 ? sqlite3_value_int64(values[1]) : 0;
  if (IsInteger(values[0]) && places >= 0) {
    sqlite3_result_value(context, values[0]);
    return;
  }
  const double scale = std::pow(10.0, static_cast<double>(places));
  const double value = sqlite3_value_double(values[0]);
  const double result = whole(value * scale) / scale;
  sqlite3_result_double(context, std::isfinite(result) ? result : value);
}

// Half away from zero.
void Round(sqlite3_context* context, int count, sqlite3_value** values) {
  ToPlaces(context, count, values, std::round);
}

void Truncate(sqlite3_context* context, int count, sqlite3_value** values) {
  ToPlaces(context, count, values, std::trunc);
}

// As SQLite orders values; NULLs do not count, and all NULL is NULL.
int Compare(sqlite3_value* left, sqlite3_value* right) {
  const int kind = sqlite3_value_type(left);
  if (kind == SQLITE_TEXT || sqlite3_value_type(right) == SQLITE_TEXT) {
    return TextArgument(left).compare(TextArgument(right));
  }
  if (kind == SQLITE_INTEGER && sqlite3_value_type(right) == SQLITE_INTEGER) {
    const int64_t a = sqlite3_value_int64(left);
    const int64_t b = sqlite3_value_int64(right);
    return a < b ? -1 : a > b ? 1 : 0;
  }
  const double a = sqlite3_value_double(left);
  const double b = sqlite3_value_double(right);
  return a < b ? -1 : a > b ? 1 : 0;
}

void Extreme(sqlite3_context* context, int count, sqlite3_value** values, int sign) {
  sqlite3_value* best = nullptr;
  for (int i = 0; i < count; ++i) {
    if (IsNull(values[i])) continue;
    if (best == nullptr || Compare(values[i], best) * sign > 0) best = values[i];
  }
  if (best != nullptr) sqlite3_result_value(context, best);
}

void Greatest(sqlite3_context* context, int count, sqlite3_value** values) {
  Extreme(context, count, values, 1);
}
void Least(sqlite3_context* context, int count, sqlite3_value** values) {
  Extreme(context, count, values, -1);
}

// From 0 up to but not including 1.
void Random(sqlite3_context* context, int, sqlite3_value**) {
  uint64_t bits = 0;
  sqlite3_randomness(sizeof bits, &bits);
  sqlite3_result_double(context, static_cast<double>(bits >> 11) * 0x1p-53);
}

// LIMIT and OFFSET: NULL is none, negative is an error.
void Limit(sqlite3_context* context, int, sqlite3_value** values) {
  const std::string what(TextArgument(values[1]));
  if (IsNull(values[0])) {
    sqlite3_result_int64(context, what == "LIMIT" ? -1 : 0);
    return;
  }
  const int64_t amount = sqlite3_value_int64(values[0]);
  if (amount < 0) {
    FailFunction(context, what == "LIMIT" ? "2201W" : "2201X", what + " must not be negative");
    return;
  }
  sqlite3_result_int64(context, amount);
}

// The first argument, which must not be NULL: value, column, table.
void NotNull(sqlite3_context* context, int, sqlite3_value** values) {
  if (IsNull(values[0])) {
    FailFunction(context, "23502",
                 "column \"" + std::string(TextArgument(values[1])) + "\" of relation \"" +
                     std::string(TextArgument(values[2])) + "\" contains null values");
    return;
  }
  sqlite3_result_value(context, values[0]);
}

// A rowid as a ctid, "(block,offset)" with 32 and 16 bits.
void Ctid(sqlite3_context* context, int, sqlite3_value** values) {
  const int64_t rowid = sqlite3_value_int64(values[0]);
  if (rowid < 0 || rowid >= int64_t{1} << 48) {
    FailFunction(context, "22003", "rowid " + std::to_string(rowid) + " does not fit a ctid");
    return;
  }
  ResultText(context, std::string_view("(" + std::to_string(rowid >> 16) + "," +
                                       std::to_string(rowid & 0xffff) + ")"));
}

void CtidRowid(sqlite3_context* context, int, sqlite3_value** values) {
  const std::string_view text = TextArgument(values[0]);
  uint32_t block = 0;
  uint16_t offset = 0;
  const char* end = text.data() + text.size();
  bool valid = text.size() >= 5 && text.front() == '(' && text.back() == ')';
  if (valid) {
    const auto first = std::from_chars(text.data() + 1, end, block);
    valid = first.ec == std::errc() && *first.ptr == ',';
    if (valid) {
      const auto second = std::from_chars(first.ptr + 1, end, offset);
      valid = second.ec == std::errc() && second.ptr + 1 == end;
    }
  }
  if (!valid) {
    FailFunction(context, "22P02",
                 "invalid input syntax for type tid: \"" + std::string(text) + "\"");
    return;
  }
  sqlite3_result_int64(context, (int64_t{block} << 16) | offset);
}

constexpr SqlFunction kFunctions[] = {
    {"pg_ctid", 1, Ctid},
    {"pg_ctid_rowid", 1, CtidRowid},
    {"pg_divide", 2, Divide},
    {"pg_divide_real", 2, DivideReal},
    {"pg_greatest", -1, Greatest, false},
    {"pg_least", -1, Least, false},
    {"pg_limit", 2, Limit, false},
    {"pg_modulo", 2, Modulo},
    {"pg_not_null", 3, NotNull, false},
    {"pg_round", 1, Round},
    {"pg_round", 2, Round},
    {"pg_trunc", 1, Truncate},
    {"pg_trunc", 2, Truncate},
    {"pg_xor", 2, Xor},
};

constexpr SqlFunction kRandomFunctions[] = {{"pg_random", 0, Random}};

}  // namespace

int RegisterNumberFunctions(sqlite3* db) {
  const int code = RegisterAll(db, kFunctions, nullptr, true);
  return code != SQLITE_OK ? code : RegisterAll(db, kRandomFunctions, nullptr, false);
}

}  // namespace sibyl::sql::server
