// Arithmetic that PostgreSQL does otherwise than SQLite, and small helpers of translated
// statements.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>

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

// The digits of a number that is not negative: `point` of them stand before the decimal point.
struct Decimal {
  std::string digits;
  int64_t point;
};

// The fewest digits that give `value` back: 1.005 means 1.005, and not the binary number below it.
Decimal DigitsOf(double value) {
  std::array<char, 512> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  Decimal decimal{std::string(text.data(), end.ptr), 0};
  decimal.point = static_cast<int64_t>(std::min(decimal.digits.find('.'), decimal.digits.size()));
  std::erase(decimal.digits, '.');
  return decimal;
}

// Keeps so many places after the point; left of it if they are negative. Half goes away from zero
// if `rounds`, else what is behind is dropped.
double ToPlaces(double value, int64_t places, bool rounds) {
  if (!std::isfinite(value) || places > 400) return value;
  auto [digits, point] = DigitsOf(std::abs(value));
  const int64_t kept = point + std::max<int64_t>(places, -400);
  if (kept < 0) return 0;
  if (kept >= static_cast<int64_t>(digits.size())) return value;
  const bool up = rounds && digits[static_cast<size_t>(kept)] >= '5';
  for (size_t i = static_cast<size_t>(kept); i < digits.size(); ++i) digits[i] = '0';
  digits.insert(0, 1, '0');  // for what is carried
  size_t place = static_cast<size_t>(kept);
  for (; up && digits[place] == '9'; --place) digits[place] = '0';
  if (up) ++digits[place];
  digits.insert(static_cast<size_t>(point) + 1, 1, '.');
  double result = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), result);
  return std::copysign(result, result == 0 ? 1 : value);
}

void ToPlaces(sqlite3_context* context, int count, sqlite3_value** values, bool rounds) {
  const int64_t places = count > 1 ? sqlite3_value_int64(values[1]) : 0;
  if (IsInteger(values[0]) && places >= 0) {
    sqlite3_result_value(context, values[0]);  // it has none after the point
    return;
  }
  sqlite3_result_double(context, ToPlaces(sqlite3_value_double(values[0]), places, rounds));
}

void Round(sqlite3_context* context, int count, sqlite3_value** values) {
  ToPlaces(context, count, values, true);
}

void Truncate(sqlite3_context* context, int count, sqlite3_value** values) {
  ToPlaces(context, count, values, false);
}

// Of a double precision: half goes to the even number.
void RoundReal(sqlite3_context* context, int, sqlite3_value** values) {
  sqlite3_result_double(context, std::nearbyint(sqlite3_value_double(values[0])));
}

// value, precision, scale: a value of the type numeric(precision, scale).
void Numeric(sqlite3_context* context, int, sqlite3_value** values) {
  const int64_t scale = sqlite3_value_int64(values[2]);
  const auto limit = std::pow(10.0, static_cast<double>(sqlite3_value_int64(values[1]) - scale));
  const bool whole = IsInteger(values[0]) && scale >= 0;
  const double value = whole ? sqlite3_value_double(values[0])
                             : ToPlaces(sqlite3_value_double(values[0]), scale, true);
  if (std::abs(value) >= limit) {
    FailFunction(context, "22003", "numeric field overflow");
  } else if (whole) {
    sqlite3_result_value(context, values[0]);
  } else {
    sqlite3_result_double(context, value);
  }
}

// Decimals as whole numbers of one scale, if both are short enough for sixteen bytes.
struct ScaledPair {
  __int128 left;
  __int128 right;
  int64_t scale;  // digits behind the point of both
};

std::optional<ScaledPair> Scaled(double left, double right) {
  constexpr size_t kMostDigits = 36;
  const auto whole_of = [](const Decimal& decimal, int64_t scale) {
    __int128 whole = 0;
    for (const char digit : decimal.digits) whole = whole * 10 + (digit - '0');
    const auto behind = static_cast<int64_t>(decimal.digits.size()) - decimal.point;
    for (int64_t i = behind; i < scale; ++i) whole *= 10;
    return whole;
  };
  if (!std::isfinite(left) || !std::isfinite(right)) return std::nullopt;
  const Decimal l = DigitsOf(std::abs(left));
  const Decimal r = DigitsOf(std::abs(right));
  const auto behind = [](const Decimal& decimal) {
    return static_cast<int64_t>(decimal.digits.size()) - decimal.point;
  };
  const int64_t scale = std::max(behind(l), behind(r));
  const auto digits = static_cast<size_t>(std::max(l.point, r.point) + scale);
  if (digits > kMostDigits) return std::nullopt;
  return ScaledPair{whole_of(l, scale) * (left < 0 ? -1 : 1),
                    whole_of(r, scale) * (right < 0 ? -1 : 1), scale};
}

// The real nearest to a whole number over ten to the power of `scale`.
double Unscaled(__int128 whole, int64_t scale) {
  const bool negative = whole < 0;
  std::string digits;
  for (__int128 rest = negative ? -whole : whole; rest != 0; rest /= 10) {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  }
  const std::string text = "0" + digits + "e-" + std::to_string(scale);
  double real = 0;
  std::from_chars(text.data(), text.data() + text.size(), real);
  return negative ? -real : real;
}

// What is left of decimals, not of the binary numbers nearest to them.
double Remainder(double dividend, double divisor) {
  const auto scaled = Scaled(dividend, divisor);
  if (!scaled) return std::fmod(dividend, divisor);
  return Unscaled(scaled->left % scaled->right, scaled->scale);
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

// The fifteen digits of a calculated numeric that are exact.
double Exact(double value) {
  constexpr int kDigits = 15;
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 std::chars_format::scientific, kDigits - 1);
  double exact = 0;
  std::from_chars(text.data(), end.ptr, exact);
  return exact;
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

// ---- Functions of reals, whose domains SQLite answers with NULL ----

void ResultReal(sqlite3_context* context, double result, bool arguments_finite) {
  if (arguments_finite && (std::isinf(result) || result == 0)) {
    FailFunction(context, "22003",
                 std::string("value out of range: ") + (result == 0 ? "underflow" : "overflow"));
  } else {
    sqlite3_result_double(context, result);
  }
}

constexpr double kRadiansPerDegree = 0.0174532925199432957692;

void Degrees(sqlite3_context* context, int, sqlite3_value** values) {
  sqlite3_result_double(context, sqlite3_value_double(values[0]) / kRadiansPerDegree);
}
void Radians(sqlite3_context* context, int, sqlite3_value** values) {
  sqlite3_result_double(context, sqlite3_value_double(values[0]) * kRadiansPerDegree);
}

void Exponential(sqlite3_context* context, int, sqlite3_value** values) {
  const double value = sqlite3_value_double(values[0]);
  ResultReal(context, std::exp(value), std::isfinite(value));
}

void SquareRoot(sqlite3_context* context, int, sqlite3_value** values) {
  const double value = sqlite3_value_double(values[0]);
  if (value < 0) {
    FailFunction(context, "2201F", "cannot take square root of a negative number");
  } else {
    sqlite3_result_double(context, std::sqrt(value));
  }
}

bool HasLogarithm(sqlite3_context* context, double value) {
  if (value > 0) return true;
  FailFunction(
      context, "2201E",
      std::string("cannot take logarithm of ") + (value == 0 ? "zero" : "a negative number"));
  return false;
}

void NaturalLogarithm(sqlite3_context* context, int, sqlite3_value** values) {
  const double value = sqlite3_value_double(values[0]);
  if (HasLogarithm(context, value)) sqlite3_result_double(context, std::log(value));
}

// log(number), to the base of 10; log(base, number)
void Logarithm(sqlite3_context* context, int count, sqlite3_value** values) {
  const double first = sqlite3_value_double(values[0]);
  if (!HasLogarithm(context, first)) return;
  if (count == 1) {
    sqlite3_result_double(context, std::log10(first));
    return;
  }
  const double number = sqlite3_value_double(values[1]);
  if (!HasLogarithm(context, number)) return;
  if (first == 1) {
    FailFunction(context, "22012", "division by zero");
  } else {
    sqlite3_result_double(context, std::log(number) / std::log(first));
  }
}

void Power(sqlite3_context* context, int, sqlite3_value** values) {
  const double base = sqlite3_value_double(values[0]);
  const double exponent = sqlite3_value_double(values[1]);
  if (base == 0 && exponent < 0) {
    FailFunction(context, "2201F", "zero raised to a negative power is undefined");
  } else if (base < 0 && std::isfinite(exponent) && exponent != std::trunc(exponent)) {
    FailFunction(context, "2201F",
                 "a negative number raised to a non-integer power yields a complex result");
  } else {
    ResultReal(context, std::pow(base, exponent),
               base != 0 && std::isfinite(base) && std::isfinite(exponent));
  }
}

void InverseOfCircle(sqlite3_context* context, sqlite3_value* argument,
                     double (*function)(double)) {
  const double value = sqlite3_value_double(argument);
  if (value < -1 || value > 1) {
    FailFunction(context, "22003", "input is out of range");
  } else {
    sqlite3_result_double(context, function(value));
  }
}
void ArcCosine(sqlite3_context* context, int, sqlite3_value** values) {
  InverseOfCircle(context, values[0], std::acos);
}
void ArcSine(sqlite3_context* context, int, sqlite3_value** values) {
  InverseOfCircle(context, values[0], std::asin);
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
    {"pg_acos", 1, ArcCosine},
    {"pg_add", 2, Calculate<Sum>},
    {"pg_asin", 1, ArcSine},
    {"pg_ctid", 1, Ctid},
    {"pg_ctid_rowid", 1, CtidRowid},
    {"pg_degrees", 1, Degrees},
    {"pg_divide", 2, Divide},
    {"pg_divide_real", 2, DivideReal},
    {"pg_exact", 1, ExactFunction},
    {"pg_exp", 1, Exponential},
    {"pg_greatest", -1, Greatest, false},
    {"pg_least", -1, Least, false},
    {"pg_limit", 2, Limit, false},
    {"pg_ln", 1, NaturalLogarithm},
    {"pg_log", 1, Logarithm},
    {"pg_log", 2, Logarithm},
    {"pg_modulo", 2, Modulo},
    {"pg_multiply", 2, Calculate<Product>},
    {"pg_not_null", 3, NotNull, false},
    {"pg_numeric", 3, Numeric},
    {"pg_numeric_add", 2, CalculateDecimal<Sum>},
    {"pg_numeric_multiply", 2, CalculateDecimal<Product>},
    {"pg_numeric_subtract", 2, CalculateDecimal<Difference>},
    {"pg_power", 2, Power},
    {"pg_radians", 1, Radians},
    {"pg_round", 1, Round},
    {"pg_round", 2, Round},
    {"pg_round_real", 1, RoundReal},
    {"pg_shift_left", 3, ShiftLeft},
    {"pg_shift_right", 3, ShiftRight},
    {"pg_sqrt", 1, SquareRoot},
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
