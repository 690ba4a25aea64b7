// Dates and times between their text in SQLite and PostgreSQL's numbers: days, and microseconds,
// since 2000-01-01. Gregorian for all years.

#ifndef SIBYL_SQL_SERVER_CALENDAR_H_
#define SIBYL_SQL_SERVER_CALENDAR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sibyl::sql::server {

// "YYYY-MM-DD"; nullopt if `text` is not that.
std::optional<int32_t> DaysOf(std::string_view text);
std::string DateText(int32_t days);

// "HH:MM:SS", with up to six more digits after a point.
std::optional<int64_t> TimeOfDayUs(std::string_view text);
std::string TimeOfDayText(int64_t us);

// A date, or a date, a space or T, and a time.
std::optional<int64_t> TimestampUs(std::string_view text);
std::string TimestampText(int64_t us);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_CALENDAR_H_
