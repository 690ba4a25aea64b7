// Arithmetic of integers and decimals that PostgreSQL does otherwise than SQLite, and small helpers
// of translated statements. Functions of reals are in real_functions.cc.

#include <charconv>
#include <cmath>
#include <string>

#include "sql/server/catalogue/decimal.h"
#include "sql/server/catalogue/function_support.h"

namespace sibyl::sql::server {
namespace {

bool IsInteger(sqlite3_value* value) { return sqlite3_value_numeric_type(value) == SQLITE_INTEGER; }

bool FailsByZero(sqlite3_context* context, sqlite3_value* divisor) {
  if (sqlite3_value_double(divisor) != 0) return false;
  FailFunction(context, "22012", "division by zero");
  return true;
}

void OutOfRange(sqlite3_context* context) { FailFunction(context, "22003", "bigint out of range"); }

// What can be done with two numbers: of whole ones true if the result does not fit; how the scale
// of decimals grows by it.
struct Sum {
  static constexpr int kScales = 1;
  template <typename T>
  static bool Whole(T a, T b, T* result) {
    return __builtin_add_overflow(a, b, result);
  }
  static double Real(double a, double b) { return a + b; }
};
struct Difference {
  static constexpr int kScales = 1;
  template <typename T>
  static bool Whole(T a, T b, T* result) {
    return __builtin_sub_overflow(a, b, result);
  }
  static double Real(double a, double b) { return a - b; }
};
struct Product {
  static constexpr int kScales = 2;
  template <typename T>
  static bool Whole(T a, T b, T* result) {
    return __builtin_mul_overflow(a, b, result);
  }
  static double Real(double a, double b) { return a * b; }
};

// Integers that do not fit eight bytes are an error, where SQLite goes on with reals.
template <typename Operation>
void Calculate(sqlite3_context* context, int, sqlite3_value** values) {
  if (!IsInteger(values[0]) || !IsInteger(values[1])) {
    sqlite3_result_double(
        context, Operation::Real(sqlite3_value_double(values[0]), sqlite3_value_double(values[1])));
    return;
  }
  int64_t result = 0;
  if (Operation::template Whole<int64_t>(sqlite3_value_int64(values[0]),
                                         sqlite3_value_int64(values[1]), &result)) {
    OutOfRange(context);
  } else {
    sqlite3_result_int64(context, result);
  }
}

// number, places, bits of its type: what is shifted out is gone, and places are counted modulo
// bits.
void ShiftLeft(sqlite3_context* context, int, sqlite3_value** values) {
  const int64_t bits = sqlite3_value_int64(values[2]);
  const int64_t places = sqlite3_value_int64(values[1]) & (bits - 1);
  const uint64_t shifted = static_cast<uint64_t>(sqlite3_value_int64(values[0])) << places;
  sqlite3_result_int64(context, bits == 32 ? static_cast<int32_t>(static_cast<uint32_t>(shifted))
                                           : static_cast<int64_t>(shifted));
}
void ShiftRight(sqlite3_context* context, int, sqlite3_value** values) {
  const int64_t places = sqlite3_value_int64(values[1]) & (sqlite3_value_int64(values[2]) - 1);
  sqlite3_result_int64(context, sqlite3_value_int64(values[0]) >> places);
}

// Of two integers an integer, else a real.
void Divide(sqlite3_context* context, int, sqlite3_value** values) {
  if (FailsByZero(context, values[1])) return;
  if (!IsInteger(values[0]) || !IsInteger(values[1])) {
    sqlite3_result_double(context,
                          sqlite3_value_double(values[0]) / sqlite3_value_double(values[1]));
    return;
  }
  const int64_t dividend = sqlite3_value_int64(values[0]);
  const int64_t divisor = sqlite3_value_int64(values[1]);
  if (dividend == INT64_MIN && divisor == -1) {
    OutOfRange(context);
    return;
  }
  sqlite3_result_int64(context, dividend / divisor);
}

void DivideReal(sqlite3_context* context, int, sqlite3_value** values) {
  if (FailsByZero(context, values[1])) return;
  sqlite3_result_double(context, sqlite3_value_double(values[0]) / sqlite3_value_double(values[1]));
}

void Xor(sqlite3_context* context, int, sqlite3_value** values) {
  sqlite3_result_int64(context, sqlite3_value_int64(values[0]) ^ sqlite3_value_int64(values[1]));
}

void ToPlaces(sqlite3_context* context, int count, sqlite3_value** values, bool rounds) {
  const int64_t places = count > 1 ? sqlite3_value_int64(values[1]) : 0;
  if (IsInteger(values[0]) && places >= 0) {
    sqlite3_result_value(context, values[0]);  // it has none after the point
    return;
  }
  sqlite3_result_double(context, server::ToPlaces(sqlite3_value_double(values[0]), places, rounds));
}

void Round(sqlite3_context* context, int count, sqlite3_value** values) {
  ToPlaces(context, count, values, true);
}

void Truncate(sqlite3_context* context, int count, sqlite3_value** values) {
  ToPlaces(context, count, values, false);
}

// value, precision, scale: a value of the type numeric(precision, scale).
void Numeric(sqlite3_context* context, int, sqlite3_value** values) {
  const int64_t scale = sqlite3_value_int64(values[2]);
  const auto limit = std::pow(10.0, static_cast<double>(sqlite3_value_int64(values[1]) - scale));
  const bool whole = IsInteger(values[0]) && scale >= 0;
  const double value = whole ? sqlite3_value_double(values[0])
                             : server::ToPlaces(sqlite3_value_double(values[0]), scale, true);
  if (std::abs(value) >= limit) {
    FailFunction(context, "22003", "numeric field overflow");
  } else if (whole) {
    sqlite3_result_value(context, values[0]);
  } else {
    sqlite3_result_double(context, value);
  }
}

void Modulo(sqlite3_context* context, int, sqlite3_value** values) {
  if (FailsByZero(context, values[1])) return;
  if (!IsInteger(values[0]) || !IsInteger(values[1])) {
    sqlite3_result_double(
        context, Remainder(sqlite3_value_double(values[0]), sqlite3_value_double(values[1])));
    return;
  }
  const int64_t divisor = sqlite3_value_int64(values[1]);
  sqlite3_result_int64(context, divisor == -1 ? 0 : sqlite3_value_int64(values[0]) % divisor);
}

void ExactFunction(sqlite3_context* context, int, sqlite3_value** values) {
  if (sqlite3_value_type(values[0]) == SQLITE_FLOAT) {
    sqlite3_result_double(context, Exact(sqlite3_value_double(values[0])));
  } else {
    sqlite3_result_value(context, values[0]);
  }
}

// Numerics, which may be kept as integers, calculated as decimals: 0.1 + 0.2 is 0.3, and 1 - 1.005
// is -0.005, whose first digits no real has.
template <typename Operation>
void CalculateDecimal(sqlite3_context* context, int, sqlite3_value** values) {
  int64_t integer = 0;
  if (IsInteger(values[0]) && IsInteger(values[1]) &&
      !Operation::template Whole<int64_t>(sqlite3_value_int64(values[0]),
                                          sqlite3_value_int64(values[1]), &integer)) {
    sqlite3_result_int64(context, integer);
    return;
  }
  const double left = sqlite3_value_double(values[0]);
  const double right = sqlite3_value_double(values[1]);
  const auto scaled = Scaled(left, right);
  __int128 result = 0;
  if (scaled && !Operation::Whole(scaled->left, scaled->right, &result)) {
    sqlite3_result_double(context, Unscaled(result, scaled->scale * Operation::kScales));
  } else {
    sqlite3_result_double(context, Exact(Operation::Real(left, right)));
  }
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
    {"pg_add", 2, Calculate<Sum>},
    {"pg_ctid", 1, Ctid},
    {"pg_ctid_rowid", 1, CtidRowid},
    {"pg_divide", 2, Divide},
    {"pg_divide_real", 2, DivideReal},
    {"pg_exact", 1, ExactFunction},
    {"pg_greatest", -1, Greatest, false},
    {"pg_least", -1, Least, false},
    {"pg_limit", 2, Limit, false},
    {"pg_modulo", 2, Modulo},
    {"pg_multiply", 2, Calculate<Product>},
    {"pg_not_null", 3, NotNull, false},
    {"pg_numeric", 3, Numeric},
    {"pg_numeric_add", 2, CalculateDecimal<Sum>},
    {"pg_numeric_multiply", 2, CalculateDecimal<Product>},
    {"pg_numeric_subtract", 2, CalculateDecimal<Difference>},
    {"pg_round", 1, Round},
    {"pg_round", 2, Round},
    {"pg_shift_left", 3, ShiftLeft},
    {"pg_shift_right", 3, ShiftRight},
    {"pg_subtract", 2, Calculate<Difference>},
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
