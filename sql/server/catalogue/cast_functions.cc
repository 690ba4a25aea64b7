// Casts: what "value::type" becomes, with PostgreSQL's checks and rounding.

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/text.h"
#include "sql/server/catalogue/function_support.h"
#include "sql/server/dialect/datetime.h"
#include "sql/server/dialect/text.h"

namespace sibyl::sql::server {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || (text.front() >= 9 && text.front() <= 13))) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || (text.back() >= 9 && text.back() <= 13))) {
    text.remove_suffix(1);
  }
  return text;
}

void InvalidInput(sqlite3_context* context, const char* type, std::string_view text,
                  std::string_view sqlstate = "22P02") {
  const std::string what = sqlstate == "22008"
                               ? "date/time field value out of range"
                               : std::string("invalid input syntax for type ") + type;
  FailFunction(context, sqlstate.data(), what + ": \"" + std::string(text) + "\"");
}

template <typename Number>
std::optional<Number> ParseNumber(std::string_view text) {
  text = Trimmed(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  return base::ParseNumber<Number>(text);
}

// A number in the range, rounded half to even from a real as PostgreSQL does; text by its digits.
void ToInteger(sqlite3_context* context, sqlite3_value* value, int64_t least, int64_t most,
               const char* type) {
  int64_t number = 0;
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      number = sqlite3_value_int64(value);
      break;
    case SQLITE_FLOAT: {
      const double real = std::nearbyint(sqlite3_value_double(value));
      if (!(std::abs(real) < 9.3e18) || real >= 9223372036854775808.0) {
        FailFunction(context, "22003", std::string(type) + " out of range");
        return;
      }
      number = static_cast<int64_t>(real);
      break;
    }
    default: {
      const auto parsed = ParseNumber<int64_t>(TextArgument(value));
      if (!parsed) {
        InvalidInput(context, type, TextArgument(value));
        return;
      }
      number = *parsed;
    }
  }
  if (number < least || number > most) {
    FailFunction(context, "22003", std::string(type) + " out of range");
    return;
  }
  sqlite3_result_int64(context, number);
}

void ToInt2(sqlite3_context* context, int, sqlite3_value** values) {
  ToInteger(context, values[0], INT16_MIN, INT16_MAX, "smallint");
}
void ToInt4(sqlite3_context* context, int, sqlite3_value** values) {
  ToInteger(context, values[0], INT32_MIN, INT32_MAX, "integer");
}
void ToInt8(sqlite3_context* context, int, sqlite3_value** values) {
  ToInteger(context, values[0], INT64_MIN, INT64_MAX, "bigint");
}
void ToOid(sqlite3_context* context, int, sqlite3_value** values) {
  ToInteger(context, values[0], 0, UINT32_MAX, "oid");
}

void ToFloat8(sqlite3_context* context, int, sqlite3_value** values) {
  if (sqlite3_value_type(values[0]) != SQLITE_TEXT) {
    sqlite3_result_double(context, sqlite3_value_double(values[0]));
    return;
  }
  const auto number = ParseNumber<double>(TextArgument(values[0]));
  if (number) {
    sqlite3_result_double(context, *number);
  } else {
    InvalidInput(context, "double precision", TextArgument(values[0]));
  }
}

void ToNumeric(sqlite3_context* context, int, sqlite3_value** values) {
  if (sqlite3_value_type(values[0]) != SQLITE_TEXT) {
    sqlite3_result_value(context, values[0]);
    return;
  }
  const std::string_view text = TextArgument(values[0]);
  if (const auto whole = ParseNumber<int64_t>(text)) {
    sqlite3_result_int64(context, *whole);
  } else if (const auto real = ParseNumber<double>(text)) {
    sqlite3_result_double(context, *real);
  } else {
    InvalidInput(context, "numeric", text);
  }
}

void ToBool(sqlite3_context* context, int, sqlite3_value** values) {
  if (sqlite3_value_type(values[0]) != SQLITE_TEXT) {
    sqlite3_result_int(context, sqlite3_value_double(values[0]) != 0 ? 1 : 0);
    return;
  }
  const std::string word = Lower(Trimmed(TextArgument(values[0])));
  const auto is = [&](std::string_view full, size_t least) {
    return word.size() >= least && full.starts_with(word);
  };
  if (is("true", 1) || is("yes", 1) || word == "on" || word == "1") {
    sqlite3_result_int(context, 1);
  } else if (is("false", 1) || is("no", 1) || is("off", 2) || word == "0") {
    sqlite3_result_int(context, 0);
  } else {
    InvalidInput(context, "boolean", TextArgument(values[0]));
  }
}

// Numbers as PostgreSQL prints them: the shortest digits that give the number back.
void ToText(sqlite3_context* context, int, sqlite3_value** values) {
  if (sqlite3_value_type(values[0]) != SQLITE_FLOAT) {
    if (sqlite3_value_type(values[0]) == SQLITE_BLOB) {
      const auto* bytes = static_cast<const unsigned char*>(sqlite3_value_blob(values[0]));
      std::string text = "\\x";
      for (int i = 0; i < sqlite3_value_bytes(values[0]); ++i) {
        text += "0123456789abcdef"[bytes[i] >> 4];
        text += "0123456789abcdef"[bytes[i] & 15];
      }
      ResultText(context, std::string_view(text));
      return;
    }
    ResultText(context, TextArgument(values[0]));
    return;
  }
  const double number = sqlite3_value_double(values[0]);
  if (std::isinf(number)) {
    ResultText(context, std::string_view(number > 0 ? "Infinity" : "-Infinity"));
    return;
  }
  std::array<char, 64> text;
  const double magnitude = std::abs(number);
  const bool plain = number == 0 || (magnitude >= 1e-4 && magnitude < 1e15);
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific);
  ResultText(context, std::string_view(text.data(), static_cast<size_t>(end.ptr - text.data())));
}

void ToBytea(sqlite3_context* context, int, sqlite3_value** values) {
  if (sqlite3_value_type(values[0]) == SQLITE_BLOB) {
    sqlite3_result_value(context, values[0]);
    return;
  }
  const std::string_view text = TextArgument(values[0]);
  const auto bytes = ParseBytea(text);
  if (bytes) {
    sqlite3_result_blob64(context, bytes->data(), bytes->size(), SQLITE_TRANSIENT);
  } else {
    FailFunction(context, "22P02", "invalid input syntax for type bytea");
  }
}

template <typename Normalize>
void ToTemporal(sqlite3_context* context, sqlite3_value* value, const char* type,
                Normalize normalize) {
  const auto text = normalize(TextArgument(value));
  if (text) {
    ResultText(context, text);
  } else {
    InvalidInput(context, type, TextArgument(value), DateErrorState(TextArgument(value)));
  }
}

void ToDate(sqlite3_context* context, int, sqlite3_value** values) {
  ToTemporal(context, values[0], "date", NormalizeDate);
}
void ToTime(sqlite3_context* context, int, sqlite3_value** values) {
  // The time of a timestamp, too.
  ToTemporal(context, values[0], "time", [](std::string_view text) {
    const size_t space = text.find(' ');
    const bool timestamp = space == 10 && text[4] == '-';
    return NormalizeTime(timestamp ? text.substr(space + 1) : text);
  });
}
void ToTimestamp(sqlite3_context* context, int, sqlite3_value** values) {
  ToTemporal(context, values[0], "timestamp",
             [](std::string_view text) { return NormalizeTimestamp(text, false); });
}
void ToTimestamptz(sqlite3_context* context, int, sqlite3_value** values) {
  ToTemporal(context, values[0], "timestamp with time zone",
             [](std::string_view text) { return NormalizeTimestamp(text, true); });
}
void ToInterval(sqlite3_context* context, int, sqlite3_value** values) {
  ToTemporal(context, values[0], "interval", NormalizeInterval);
}

constexpr SqlFunction kFunctions[] = {
    {"pg_to_bool", 1, ToBool},           {"pg_to_bytea", 1, ToBytea},
    {"pg_to_date", 1, ToDate},           {"pg_to_float8", 1, ToFloat8},
    {"pg_to_int2", 1, ToInt2},           {"pg_to_int4", 1, ToInt4},
    {"pg_to_int8", 1, ToInt8},           {"pg_to_interval", 1, ToInterval},
    {"pg_to_numeric", 1, ToNumeric},     {"pg_to_oid", 1, ToOid},
    {"pg_to_text", 1, ToText},           {"pg_to_time", 1, ToTime},
    {"pg_to_timestamp", 1, ToTimestamp}, {"pg_to_timestamptz", 1, ToTimestamptz},
};

}  // namespace

int RegisterCastFunctions(sqlite3* db) { return RegisterAll(db, kFunctions, nullptr, true); }

}  // namespace sibyl::sql::server
