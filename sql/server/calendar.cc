#include "sql/server/calendar.h"

#include <charconv>
#include <cstdio>

namespace sibyl::sql::server {
namespace {

constexpr int64_t kUsPerSecond = 1'000'000;
constexpr int64_t kUsPerDay = 86'400 * kUsPerSecond;
constexpr int32_t kDaysFrom1970To2000 = 10'957;

// Days since 1970-01-01 of a date, and back: Howard Hinnant, "chrono-Compatible Low-Level Date
// Algorithms", which count years from March so that leap days come last.
int32_t DaysFromCivil(int32_t year, int32_t month, int32_t day) {
  year -= month <= 2 ? 1 : 0;
  const int32_t era = (year >= 0 ? year : year - 399) / 400;
  const int32_t year_of_era = year - era * 400;
  const int32_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

struct Civil {
  int32_t year;
  int32_t month;
  int32_t day;
};

Civil CivilFromDays(int64_t days) {
  days += 719'468;
  const int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const auto day_of_era = static_cast<int32_t>(days - era * 146'097);
  const int32_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int32_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int32_t shifted_month = (5 * day_of_year + 2) / 153;
  const int32_t month = shifted_month + (shifted_month < 10 ? 3 : -9);
  const auto year = static_cast<int32_t>(year_of_era + era * 400 + (month <= 2 ? 1 : 0));
  return {year, month, day_of_year - (153 * shifted_month + 2) / 5 + 1};
}

// Takes exactly `digits` digits from the front.
std::optional<int32_t> TakeNumber(std::string_view* text, size_t digits) {
  if (text->size() < digits) return std::nullopt;
  int32_t number = 0;
  for (size_t i = 0; i < digits; ++i) {
    const char digit = (*text)[i];
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + (digit - '0');
  }
  text->remove_prefix(digits);
  return number;
}

bool TakeChar(std::string_view* text, char expected) {
  if (text->empty() || text->front() != expected) return false;
  text->remove_prefix(1);
  return true;
}

std::optional<int32_t> TakeDays(std::string_view* text) {
  const auto year = TakeNumber(text, 4);
  if (!year || !TakeChar(text, '-')) return std::nullopt;
  const auto month = TakeNumber(text, 2);
  if (!month || !TakeChar(text, '-')) return std::nullopt;
  const auto day = TakeNumber(text, 2);
  if (!day || *month < 1 || *month > 12 || *day < 1 || *day > 31) return std::nullopt;
  return DaysFromCivil(*year, *month, *day) - kDaysFrom1970To2000;
}

// The digits after the point, as microseconds.
std::optional<int32_t> TakeFraction(std::string_view* text) {
  if (!TakeChar(text, '.')) return 0;
  int32_t us = 0;
  int32_t unit = static_cast<int32_t>(kUsPerSecond);
  while (!text->empty() && text->front() >= '0' && text->front() <= '9') {
    unit /= 10;  // 0 after the sixth digit
    us += (text->front() - '0') * unit;
    text->remove_prefix(1);
  }
  return us;
}

std::optional<int64_t> TakeTimeOfDay(std::string_view* text) {
  const auto hour = TakeNumber(text, 2);
  if (!hour || !TakeChar(text, ':')) return std::nullopt;
  const auto minute = TakeNumber(text, 2);
  if (!minute || *hour > 24 || *minute > 59) return std::nullopt;
  int32_t second = 0;
  int32_t fraction_us = 0;
  if (TakeChar(text, ':')) {
    const auto seconds = TakeNumber(text, 2);
    if (!seconds || *seconds > 60) return std::nullopt;
    second = *seconds;
    fraction_us = *TakeFraction(text);
  }
  return ((int64_t{*hour} * 60 + *minute) * 60 + second) * kUsPerSecond + fraction_us;
}

}  // namespace

std::optional<int32_t> DaysOf(std::string_view text) {
  const auto days = TakeDays(&text);
  return text.empty() ? days : std::nullopt;
}

std::string DateText(int32_t days) {
  const Civil civil = CivilFromDays(int64_t{days} + kDaysFrom1970To2000);
  char text[32];
  std::snprintf(text, sizeof(text), "%04d-%02d-%02d", civil.year, civil.month, civil.day);
  return text;
}

std::optional<int64_t> TimeOfDayUs(std::string_view text) {
  const auto us = TakeTimeOfDay(&text);
  return text.empty() ? us : std::nullopt;
}

std::string TimeOfDayText(int64_t us) {
  const int64_t seconds = us / kUsPerSecond;
  char text[48];
  std::snprintf(text, sizeof(text), "%02d:%02d:%02d.%06d", static_cast<int>(seconds / 3600),
                static_cast<int>(seconds / 60 % 60), static_cast<int>(seconds % 60),
                static_cast<int>(us % kUsPerSecond));
  std::string trimmed = text;
  trimmed.erase(trimmed.find_last_not_of('0') + 1);
  if (trimmed.back() == '.') trimmed.pop_back();
  return trimmed;
}

std::optional<int64_t> TimestampUs(std::string_view text) {
  const auto days = TakeDays(&text);
  if (!days) return std::nullopt;
  if (text.empty()) return *days * kUsPerDay;
  if (!TakeChar(&text, ' ') && !TakeChar(&text, 'T')) return std::nullopt;
  const auto us = TimeOfDayUs(text);
  if (!us) return std::nullopt;
  return *days * kUsPerDay + *us;
}

std::string TimestampText(int64_t us) {
  int64_t days = us / kUsPerDay;
  int64_t rest_us = us % kUsPerDay;
  if (rest_us < 0) {
    rest_us += kUsPerDay;
    --days;
  }
  return DateText(static_cast<int32_t>(days)) + ' ' + TimeOfDayText(rest_us);
}

}  // namespace sibyl::sql::server
