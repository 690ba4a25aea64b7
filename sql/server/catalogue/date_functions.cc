// Arithmetic with dates, timestamps and intervals, in the forms in which they are kept.

#include <array>
#include <cmath>

#include "sql/server/catalogue/function_support.h"
#include "sql/server/dialect/datetime.h"
#include "sql/server/dialect/text.h"

namespace sibyl::sql::server {
namespace {

std::optional<int64_t> TimestampArgument(sqlite3_context* context, sqlite3_value* value) {
  const auto micros = ParseTimestamp(TextArgument(value), true);
  if (!micros) {
    FailFunction(
        context, "22007",
        "invalid input syntax for type timestamp: \"" + std::string(TextArgument(value)) + "\"");
  }
  return micros;
}

std::optional<Interval> IntervalArgument(sqlite3_context* context, sqlite3_value* value) {
  const auto interval = ParseInterval(TextArgument(value));
  if (!interval) {
    FailFunction(
        context, "22007",
        "invalid input syntax for type interval: \"" + std::string(TextArgument(value)) + "\"");
  }
  return interval;
}

void ResultTimestamp(sqlite3_context* context, int64_t micros) {
  const auto text = FormatTimestamp(micros);
  if (!text) {
    FailFunction(context, "22008", "timestamp out of range");
    return;
  }
  ResultText(context, text);
}

int64_t DayOf(int64_t micros) {
  const int64_t day = micros / kMicrosPerDay;
  return micros % kMicrosPerDay < 0 ? day - 1 : day;
}

void ClockTimestamp(sqlite3_context* context, int, sqlite3_value**) {
  ResultTimestamp(context, NowMicros());
}

// date, days, sign
void DateAdd(sqlite3_context* context, int, sqlite3_value** values) {
  const auto date = TimestampArgument(context, values[0]);
  if (!date) return;
  const int64_t days = sqlite3_value_int64(values[1]);
  const int64_t sign = sqlite3_value_int64(values[2]);
  constexpr int64_t kMostDays = 10'000'000;
  const bool may_be_date = days > -kMostDays && days < kMostDays;
  const auto text = may_be_date ? FormatDate(DayOf(*date) + sign * days) : std::nullopt;
  if (!text) {
    FailFunction(context, "22008", "date out of range");
    return;
  }
  ResultText(context, text);
}

void DateDifference(sqlite3_context* context, int, sqlite3_value** values) {
  const auto left = TimestampArgument(context, values[0]);
  const auto right = left ? TimestampArgument(context, values[1]) : std::nullopt;
  if (right) sqlite3_result_int64(context, DayOf(*left) - DayOf(*right));
}

// timestamp or date, interval, sign
void TimestampAdd(sqlite3_context* context, int, sqlite3_value** values) {
  const auto timestamp = TimestampArgument(context, values[0]);
  const auto interval = timestamp ? IntervalArgument(context, values[1]) : std::nullopt;
  if (!interval) return;
  ResultTimestamp(context, AddInterval(*timestamp, *interval, sqlite3_value_int(values[2])));
}

// Whole days and the rest, as PostgreSQL gives the difference.
void TimestampDifference(sqlite3_context* context, int, sqlite3_value** values) {
  const auto left = TimestampArgument(context, values[0]);
  const auto right = left ? TimestampArgument(context, values[1]) : std::nullopt;
  if (!right) return;
  const int64_t difference = *left - *right;
  const Interval interval{0, static_cast<int32_t>(difference / kMicrosPerDay),
                          difference % kMicrosPerDay};
  ResultText(context, std::string_view(FormatInterval(interval)));
}

void IntervalAdd(sqlite3_context* context, int, sqlite3_value** values) {
  const auto left = IntervalArgument(context, values[0]);
  const auto right = left ? IntervalArgument(context, values[1]) : std::nullopt;
  if (!right) return;
  const int64_t sign = sqlite3_value_int64(values[2]);
  const int64_t months = left->months + sign * right->months;
  const int64_t days = left->days + sign * right->days;
  int64_t micros = 0;
  const bool overflows = __builtin_add_overflow(left->micros, sign * right->micros, &micros);
  if (overflows || months != static_cast<int32_t>(months) || days != static_cast<int32_t>(days)) {
    FailFunction(context, "22008", "interval out of range");
    return;
  }
  const Interval sum{static_cast<int32_t>(months), static_cast<int32_t>(days), micros};
  ResultText(context, std::string_view(FormatInterval(sum)));
}

// Fractions of months become days, of days time.
void IntervalMultiply(sqlite3_context* context, int, sqlite3_value** values) {
  const auto interval = IntervalArgument(context, values[0]);
  if (!interval) return;
  const double factor = sqlite3_value_double(values[1]);
  const double months = interval->months * factor;
  const double days = interval->days * factor + (months - std::trunc(months)) * 30;
  const double micros = static_cast<double>(interval->micros) * factor +
                        (days - std::trunc(days)) * static_cast<double>(kMicrosPerDay);
  if (!(std::abs(months) < 2e9 && std::abs(days) < 2e9 && std::abs(micros) < 9e18)) {
    FailFunction(context, "22008", "interval out of range");
    return;
  }
  const Interval product{static_cast<int32_t>(std::trunc(months)),
                         static_cast<int32_t>(std::trunc(days)), std::llround(micros)};
  ResultText(context, std::string_view(FormatInterval(product)));
}

// A number by which intervals compare: months of 30 days.
void IntervalOrder(sqlite3_context* context, int, sqlite3_value** values) {
  const auto interval = IntervalArgument(context, values[0]);
  if (!interval) return;
  const double days = interval->months * 30.0 + interval->days;
  sqlite3_result_double(
      context, days * static_cast<double>(kMicrosPerDay) + static_cast<double>(interval->micros));
}

// ---- extract, date_trunc ----

struct Parts {
  int year;
  int month;
  int day;
  int64_t days;    // since 1970
  int64_t micros;  // since midnight
};

Parts PartsOf(int64_t timestamp) {
  Parts parts{};
  parts.days = DayOf(timestamp);
  parts.micros = timestamp - parts.days * kMicrosPerDay;
  DateOf(parts.days, &parts.year, &parts.month, &parts.day);
  return parts;
}

int WeekDay(int64_t days) { return static_cast<int>(((days + 4) % 7 + 7) % 7); }  // Sunday is 0

// The Monday of the first week of ISO year `year`.
int64_t FirstIsoDay(int year) {
  const int64_t fourth = DaysOf(year, 1, 4);
  return fourth - (WeekDay(fourth) + 6) % 7;
}

int IsoYear(const Parts& parts) {
  if (parts.days < FirstIsoDay(parts.year)) return parts.year - 1;
  return parts.days >= FirstIsoDay(parts.year + 1) ? parts.year + 1 : parts.year;
}

std::optional<double> Field(const std::string& field, int64_t timestamp) {
  const Parts parts = PartsOf(timestamp);
  const double seconds =
      static_cast<double>(parts.micros % (60 * kMicrosPerSecond)) / kMicrosPerSecond;
  if (field == "year") return parts.year;
  if (field == "month") return parts.month;
  if (field == "day") return parts.day;
  if (field == "hour") return static_cast<double>(parts.micros / (3600 * kMicrosPerSecond));
  if (field == "minute") return static_cast<double>(parts.micros / (60 * kMicrosPerSecond) % 60);
  if (field == "second") return seconds;
  if (field == "milliseconds" || field == "millisecond") return seconds * 1e3;
  if (field == "microseconds" || field == "microsecond") return std::round(seconds * 1e6);
  if (field == "epoch") return static_cast<double>(timestamp) / kMicrosPerSecond;
  if (field == "dow") return WeekDay(parts.days);
  if (field == "isodow") return (WeekDay(parts.days) + 6) % 7 + 1;
  if (field == "doy") return static_cast<double>(parts.days - DaysOf(parts.year, 1, 1) + 1);
  if (field == "quarter") return (parts.month - 1) / 3 + 1;
  if (field == "isoyear") return IsoYear(parts);
  if (field == "week") {
    return static_cast<double>((parts.days - FirstIsoDay(IsoYear(parts))) / 7 + 1);
  }
  if (field == "decade") return parts.year / 10;
  if (field == "century") return (parts.year + 99) / 100;
  if (field == "millennium") return (parts.year + 999) / 1000;
  if (field == "timezone" || field == "timezone_hour" || field == "timezone_minute") return 0;
  return std::nullopt;
}

void ResultNumber(sqlite3_context* context, const std::optional<double>& number,
                  const std::string& field) {
  if (!number) {
    FailFunction(context, "22023", "unit \"" + field + "\" not recognized for type timestamp");
  } else if (*number == std::trunc(*number) && std::abs(*number) < 9e15) {
    sqlite3_result_int64(context, static_cast<int64_t>(*number));
  } else {
    sqlite3_result_double(context, *number);
  }
}

void Extract(sqlite3_context* context, int, sqlite3_value** values) {
  const std::string field = Lower(TextArgument(values[0]));
  const std::string_view text = TextArgument(values[1]);
  const bool time_only = text.size() > 2 && text[2] == ':';
  const auto micros = time_only ? ParseTime(text) : TimestampArgument(context, values[1]);
  if (micros) ResultNumber(context, Field(field, *micros), field);
}

void ExtractInterval(sqlite3_context* context, int, sqlite3_value** values) {
  const auto interval = IntervalArgument(context, values[1]);
  if (!interval) return;
  const std::string field = Lower(TextArgument(values[0]));
  const double seconds =
      static_cast<double>(interval->micros % (60 * kMicrosPerSecond)) / kMicrosPerSecond;
  std::optional<double> number;
  if (field == "year") number = interval->months / 12;
  if (field == "month") number = interval->months % 12;
  if (field == "day") number = interval->days;
  if (field == "hour") number = static_cast<double>(interval->micros / (3600 * kMicrosPerSecond));
  if (field == "minute") {
    number = static_cast<double>(interval->micros / (60 * kMicrosPerSecond) % 60);
  }
  if (field == "second") number = seconds;
  if (field == "epoch") {
    number = interval->months / 12 * 31557600.0 + interval->months % 12 * 2592000.0 +
             interval->days * 86400.0 + static_cast<double>(interval->micros) / kMicrosPerSecond;
  }
  ResultNumber(context, number, field);
}

std::optional<int64_t> Truncated(const std::string& field, int64_t timestamp) {
  const Parts parts = PartsOf(timestamp);
  const auto day = [](int year, int month) { return DaysOf(year, month, 1) * kMicrosPerDay; };
  const auto unit = [&](int64_t micros) { return timestamp - parts.micros % micros; };
  if (field == "microseconds") return timestamp;
  if (field == "milliseconds") return unit(1000);
  if (field == "second") return unit(kMicrosPerSecond);
  if (field == "minute") return unit(60 * kMicrosPerSecond);
  if (field == "hour") return unit(3600 * kMicrosPerSecond);
  if (field == "day") return parts.days * kMicrosPerDay;
  if (field == "week") return (parts.days - (WeekDay(parts.days) + 6) % 7) * kMicrosPerDay;
  if (field == "month") return day(parts.year, parts.month);
  if (field == "quarter") return day(parts.year, (parts.month - 1) / 3 * 3 + 1);
  if (field == "year") return day(parts.year, 1);
  if (field == "decade") return day(parts.year / 10 * 10, 1);
  if (field == "century") return day((parts.year - 1) / 100 * 100 + 1, 1);
  return std::nullopt;
}

void DateTrunc(sqlite3_context* context, int, sqlite3_value** values) {
  const std::string field = Lower(TextArgument(values[0]));
  const auto timestamp = TimestampArgument(context, values[1]);
  if (!timestamp) return;
  const auto truncated = Truncated(field, *timestamp);
  if (!truncated) {
    FailFunction(context, "22023", "unit \"" + field + "\" not recognized for type timestamp");
    return;
  }
  ResultTimestamp(context, *truncated);
}

// age(a [, b]): years, months and days as people count them. One argument: until midnight today.
void Age(sqlite3_context* context, int count, sqlite3_value** values) {
  auto left = TimestampArgument(context, values[0]);
  auto right = left;
  if (!left) return;
  if (count > 1) {
    right = TimestampArgument(context, values[1]);
    if (!right) return;
  } else {
    left = DayOf(NowMicros()) * kMicrosPerDay;
  }
  const bool negative = *left < *right;
  const int64_t later = negative ? *right : *left;
  const int64_t earlier = negative ? *left : *right;
  const Parts a = PartsOf(later);
  const Parts b = PartsOf(earlier);
  int months = (a.year - b.year) * 12 + a.month - b.month;
  int days = a.day - b.day;
  int64_t micros = a.micros - b.micros;
  if (micros < 0) {
    micros += kMicrosPerDay;
    --days;
  }
  if (days < 0) {  // the days that the month of the earlier one had left
    const int next = b.month % 12 + 1;
    days += static_cast<int>(DaysOf(b.year + (next == 1 ? 1 : 0), next, 1) -
                             DaysOf(b.year, b.month, 1));
    --months;
  }
  const int sign = negative ? -1 : 1;
  const Interval age{sign * months, sign * days, sign * micros};
  ResultText(context, std::string_view(FormatInterval(age)));
}

void MakeDate(sqlite3_context* context, int, sqlite3_value** values) {
  const int64_t year = sqlite3_value_int64(values[0]);
  const int64_t month = sqlite3_value_int64(values[1]);
  const int64_t day = sqlite3_value_int64(values[2]);
  std::array<char, 96> text;
  std::snprintf(text.data(), text.size(), "%04lld-%02lld-%02lld", static_cast<long long>(year),
                static_cast<long long>(month), static_cast<long long>(day));
  const auto date = NormalizeDate(text.data());
  if (!date) {
    FailFunction(context, "22008", "date field value out of range");
    return;
  }
  ResultText(context, date);
}

void FromEpoch(sqlite3_context* context, int, sqlite3_value** values) {
  const double seconds = sqlite3_value_double(values[0]);
  if (!(std::abs(seconds) < 4e11)) {
    FailFunction(context, "22008", "timestamp out of range");
    return;
  }
  ResultTimestamp(context, std::llround(seconds * kMicrosPerSecond));
}

// ---- to_char ----

constexpr std::array kMonths = {"January",   "February", "March",    "April",
                                "May",       "June",     "July",     "August",
                                "September", "October",  "November", "December"};
constexpr std::array kDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                              "Thursday", "Friday", "Saturday"};

std::string Padded(int64_t number, int width, bool fill) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), fill ? "%0*lld" : "%*lld", fill ? width : 0,
                static_cast<long long>(number));
  return text.data();
}

std::string Cased(std::string name, std::string_view keyword) {
  if (keyword[0] == std::toupper(keyword[0]) && keyword[1] == std::toupper(keyword[1])) {
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  } else if (keyword[0] != std::toupper(keyword[0])) {
    name = Lower(name);
  }
  return name;
}

// The text of the longest pattern that `format` begins with, and its length; 0: none.
size_t TakePattern(std::string_view format, const Parts& parts, bool fill, std::string* text) {
  const std::string upper = [&] {
    std::string copy(format.substr(0, 6));
    for (char& c : copy) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return copy;
  }();
  const auto hour = parts.micros / (3600 * kMicrosPerSecond);
  const auto is = [&](std::string_view pattern) { return upper.starts_with(pattern); };
  const auto number = [&](std::string_view pattern, int64_t value, int width) {
    *text += Padded(value, width, fill);
    return pattern.size();
  };
  const auto name = [&](std::string_view pattern, std::string full) {
    full = Cased(std::move(full), format);
    const bool pads = pattern.size() > 3 && fill;
    if (pads && full.size() < 9) full.append(9 - full.size(), ' ');
    *text += full;
    return pattern.size();
  };
  const std::string month = kMonths[static_cast<size_t>(parts.month - 1)];
  const std::string day = kDays[static_cast<size_t>(WeekDay(parts.days))];
  if (is("YYYY")) return number("YYYY", parts.year, 4);
  if (is("YY")) return number("YY", parts.year % 100, 2);
  if (is("MONTH")) return name("MONTH", month);
  if (is("MON")) return name("MON", month.substr(0, 3));
  if (is("MM")) return number("MM", parts.month, 2);
  if (is("MI")) return number("MI", parts.micros / (60 * kMicrosPerSecond) % 60, 2);
  if (is("MS")) return number("MS", parts.micros % kMicrosPerSecond / 1000, 3);
  if (is("DDD")) return number("DDD", parts.days - DaysOf(parts.year, 1, 1) + 1, 3);
  if (is("DD")) return number("DD", parts.day, 2);
  if (is("DAY")) return name("DAY ", day) - 1;
  if (is("DY")) return name("DY", day.substr(0, 3));
  if (is("HH24")) return number("HH24", hour, 2);
  if (is("HH12")) return number("HH12", (hour + 11) % 12 + 1, 2);
  if (is("HH")) return number("HH", (hour + 11) % 12 + 1, 2);
  if (is("SS")) return number("SS", parts.micros / kMicrosPerSecond % 60, 2);
  if (is("US")) return number("US", parts.micros % kMicrosPerSecond, 6);
  if (is("ID")) return number("ID", (WeekDay(parts.days) + 6) % 7 + 1, 1);
  if (is("IW")) return number("IW", (parts.days - FirstIsoDay(IsoYear(parts))) / 7 + 1, 2);
  if (is("IYYY")) return number("IYYY", IsoYear(parts), 4);
  if (is("AM") || is("PM")) return name("AM", hour < 12 ? "Am" : "Pm");
  if (is("TZ")) return name("TZ", "Utc");
  if (is("Q")) return number("Q", (parts.month - 1) / 3 + 1, 1);
  if (is("D")) return number("D", WeekDay(parts.days) + 1, 1);
  return 0;
}

void ToChar(sqlite3_context* context, int, sqlite3_value** values) {
  const auto timestamp = TimestampArgument(context, values[0]);
  if (!timestamp) return;
  const Parts parts = PartsOf(*timestamp);
  std::string_view format = TextArgument(values[1]);
  std::string text;
  bool fill = true;
  while (!format.empty()) {
    if (format[0] == '"') {
      const size_t end = std::min(format.find('"', 1), format.size());
      text += format.substr(1, end - 1);
      format.remove_prefix(std::min(end + 1, format.size()));
      continue;
    }
    if (format.starts_with("FM") || format.starts_with("fm")) {
      fill = false;
      format.remove_prefix(2);
      continue;
    }
    const size_t taken = TakePattern(format, parts, fill, &text);
    if (taken == 0) {
      if (std::isalpha(static_cast<unsigned char>(format[0])) != 0 && format[0] != 'T') {
        FailFunction(context, "0A000",
                     "to_char pattern \"" + std::string(format) + "\" is not supported");
        return;
      }
      text += format[0];
      format.remove_prefix(1);
      continue;
    }
    format.remove_prefix(taken);
    fill = true;
  }
  ResultText(context, std::string_view(text));
}

constexpr SqlFunction kFunctions[] = {
    {"pg_age", 2, Age},
    {"pg_date_add", 3, DateAdd},
    {"pg_date_difference", 2, DateDifference},
    {"pg_date_trunc", 2, DateTrunc},
    {"pg_extract", 2, Extract},
    {"pg_extract_interval", 2, ExtractInterval},
    {"pg_from_epoch", 1, FromEpoch},
    {"pg_interval_add", 3, IntervalAdd},
    {"pg_interval_multiply", 2, IntervalMultiply},
    {"pg_interval_order", 1, IntervalOrder},
    {"pg_make_date", 3, MakeDate},
    {"pg_timestamp_add", 3, TimestampAdd},
    {"pg_timestamp_difference", 2, TimestampDifference},
    {"pg_to_char", 2, ToChar},
};

constexpr SqlFunction kClockFunctions[] = {
    {"clock_timestamp", 0, ClockTimestamp},
    {"pg_age", 1, Age},
};

}  // namespace

int RegisterDateFunctions(sqlite3* db) {
  const int code = RegisterAll(db, kFunctions, nullptr, true);
  return code != SQLITE_OK ? code : RegisterAll(db, kClockFunctions, nullptr, false);
}

}  // namespace sibyl::sql::server
