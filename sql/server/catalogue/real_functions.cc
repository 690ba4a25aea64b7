// Functions of reals, whose domains SQLite answers with NULL: PostgreSQL with an error.

#include <cmath>
#include <string>

#include "sql/server/catalogue/function_support.h"

namespace sibyl::sql::server {
namespace {

// Of a double precision: half goes to the even number.
void RoundReal(sqlite3_context* context, int, sqlite3_value** values) {
  sqlite3_result_double(context, std::nearbyint(sqlite3_value_double(values[0])));
}

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

constexpr SqlFunction kFunctions[] = {
    {"pg_acos", 1, ArcCosine},       {"pg_asin", 1, ArcSine},        {"pg_degrees", 1, Degrees},
    {"pg_exp", 1, Exponential},      {"pg_ln", 1, NaturalLogarithm}, {"pg_log", 1, Logarithm},
    {"pg_log", 2, Logarithm},        {"pg_power", 2, Power},         {"pg_radians", 1, Radians},
    {"pg_round_real", 1, RoundReal}, {"pg_sqrt", 1, SquareRoot},
};

}  // namespace

int RegisterRealFunctions(sqlite3* db) { return RegisterAll(db, kFunctions, nullptr, true); }

}  // namespace sibyl::sql::server
