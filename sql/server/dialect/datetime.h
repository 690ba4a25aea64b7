// Dates, times and intervals: PostgreSQL's text to the one form in which they are kept here.
//
// Kept: date "2024-02-29", time "12:00:00[.5]", timestamp with and without zone
// "2024-02-29 12:00:00[.5]", always UTC, zeros at the end of the fraction cut off: so that the order of
// the texts is the order of times. Years 1 to 9999; "infinity" and "-infinity" sort as they should.

#ifndef SIBYL_SQL_SERVER_DIALECT_DATETIME_H_
#define SIBYL_SQL_SERVER_DIALECT_DATETIME_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sibyl::sql::server {

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

struct Interval {
  int32_t months = 0;
  int32_t days = 0;
  int64_t micros = 0;
};

// Days since 1970-01-01 of the proleptic Gregorian calendar, and back.
int64_t DaysOf(int year, int month, int day);
void DateOf(int64_t days, int* year, int* month, int* day);

// Microseconds since 1970-01-01 00:00 UTC. nullopt: no such time, or a form that is not known.
// "2024-02-29", "20240229", "2024-02-29T12:00[:00[.5]][Z|+02[:30]]", "now", "today", "epoch", ....
// A zone is applied if `with_zone`, and otherwise ignored, as PostgreSQL does.
std::optional<int64_t> ParseTimestamp(std::string_view text, bool with_zone);
std::optional<int64_t> ParseTime(std::string_view text);  // since midnight
// "1 day 02:00:00", "3 months", "P1DT2H", "-1 hour ago".
std::optional<Interval> ParseInterval(std::string_view text);

// The kept forms. Years outside 1 to 9999: nullopt.
std::optional<std::string> FormatTimestamp(int64_t micros);
std::optional<std::string> FormatDate(int64_t days);
std::string FormatTime(int64_t micros);
std::string FormatInterval(const Interval& interval);  // as PostgreSQL prints it

// Text of a client to the kept form of the type. nullopt: no valid input.
std::optional<std::string> NormalizeTimestamp(std::string_view text, bool with_zone);
std::optional<std::string> NormalizeDate(std::string_view text);
std::optional<std::string> NormalizeTime(std::string_view text);
std::optional<std::string> NormalizeInterval(std::string_view text);

// Why text is no date or timestamp: 22008 if it has the form of one, 22007 otherwise.
const char* DateErrorState(std::string_view text);

int64_t NowMicros();

// `timestamp` moved by `sign` times `interval`; a month has as many days as it has.
int64_t AddInterval(int64_t timestamp, const Interval& interval, int sign);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_DIALECT_DATETIME_H_
