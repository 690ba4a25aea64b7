#include "sql/server/dialect/datetime.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <vector>

#include "sql/server/dialect/text.h"

namespace sibyl::sql::server {
namespace {

constexpr int64_t kMicrosPerHour = 3600 * kMicrosPerSecond;
constexpr int64_t kMicrosPerMinute = 60 * kMicrosPerSecond;

// A text taken apart from its front.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) { SkipSpaces(); }

  bool done() const { return rest_.empty(); }
  char front() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool StartsWithDigit() const { return front() >= '0' && front() <= '9'; }
  bool StartsWithLetter() const { return std::isalpha(static_cast<unsigned char>(front())) != 0; }

  void SkipSpaces() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_.front()))) {
      rest_.remove_prefix(1);
    }
  }
  bool Take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;  // `c` may be NUL
    rest_.remove_prefix(1);
    return true;
  }
  // Between `least` and `most` digits; more than `most` follow: not taken.
  std::optional<int> Number(size_t least, size_t most) {
    size_t count = 0;
    int number = 0;
    while (count < rest_.size() && count < most && rest_[count] >= '0' && rest_[count] <= '9') {
      number = number * 10 + (rest_[count++] - '0');
    }
    if (count < least) return std::nullopt;
    rest_.remove_prefix(count);
    return number;
  }
  // Digits behind a point, as microseconds; rounds what is finer.
  int64_t Fraction() {
    int64_t micros = 0;
    int64_t unit = kMicrosPerSecond;
    bool round_up = false;
    for (int digit = 0; StartsWithDigit(); ++digit, rest_.remove_prefix(1)) {
      if (digit == 6) round_up = front() >= '5';
      if (digit >= 6) continue;
      unit /= 10;
      micros += (front() - '0') * unit;
    }
    return micros + (round_up ? 1 : 0);
  }
  std::string Word() {
    std::string word;
    while (StartsWithLetter()) {
      word += front();
      rest_.remove_prefix(1);
    }
    return Lower(word);
  }
  size_t DigitsAhead() const {
    const size_t end = rest_.find_first_not_of("0123456789");
    return end == std::string_view::npos ? rest_.size() : end;
  }

 private:
  std::string_view rest_;
};

int DaysInMonth(int year, int month) {
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[month - 1];
}

std::optional<int64_t> TakeDate(Reader* reader) {
  const bool compact = reader->DigitsAhead() == 8;
  const auto year = compact ? reader->Number(4, 4) : reader->Number(4, 5);
  const char separator = reader->front();
  if (!year) return std::nullopt;
  if (!compact && !reader->Take('-') && !reader->Take('/')) return std::nullopt;
  const auto month = compact ? reader->Number(2, 2) : reader->Number(1, 2);
  if (!month || (!compact && !reader->Take(separator))) return std::nullopt;
  const auto day = reader->Number(1, 2);
  if (*year < 1 || *year > 9999) return std::nullopt;
  if (!day || *month < 1 || *month > 12 || *day < 1 || *day > DaysInMonth(*year, *month)) {
    return std::nullopt;
  }
  return DaysOf(*year, *month, *day);
}

// 12:00[:00[.5]][ am|pm]; up to 24:00:00.
std::optional<int64_t> TakeTime(Reader* reader) {
  const auto hour = reader->Number(1, 2);
  if (!hour || !reader->Take(':')) return std::nullopt;
  const auto minute = reader->Number(2, 2);
  if (!minute) return std::nullopt;
  int second = 0;
  int64_t micros = 0;
  if (reader->Take(':')) {
    const auto seconds = reader->Number(2, 2);
    if (!seconds) return std::nullopt;
    second = *seconds;
    if (reader->Take('.')) micros = reader->Fraction();
  }
  if (*hour > 24 || *minute > 59 || second > 60) return std::nullopt;
  const int64_t total =
      *hour * kMicrosPerHour + *minute * kMicrosPerMinute + second * kMicrosPerSecond + micros;
  if (total > kMicrosPerDay) return std::nullopt;
  return total;
}

// Z, UTC, +02, +0230, -02:30: microseconds east of Greenwich.
std::optional<int64_t> TakeZone(Reader* reader) {
  if (reader->StartsWithLetter()) {
    const std::string word = reader->Word();
    if (word == "z" || word == "utc" || word == "gmt" || word == "zulu") return 0;
    return std::nullopt;
  }
  const int sign = reader->Take('-') ? -1 : 1;
  if (sign == 1 && !reader->Take('+')) return std::nullopt;
  const auto hours = reader->Number(1, 2);
  if (!hours || *hours > 15) return std::nullopt;
  int minutes = 0;
  const bool colon = reader->Take(':');
  if (colon || reader->StartsWithDigit()) {
    const auto number = reader->Number(2, 2);
    if (!number || *number > 59) return std::nullopt;
    minutes = *number;
  }
  return sign * (*hours * kMicrosPerHour + minutes * kMicrosPerMinute);
}

std::optional<int64_t> SpecialTimestamp(std::string_view text) {
  const std::string word = Lower(text);
  const int64_t now = NowMicros();
  const int64_t today = now - now % kMicrosPerDay;
  if (word == "now") return now;
  if (word == "today") return today;
  if (word == "tomorrow") return today + kMicrosPerDay;
  if (word == "yesterday") return today - kMicrosPerDay;
  if (word == "epoch") return 0;
  return std::nullopt;
}

bool IsInfinity(std::string_view text) {
  const std::string word = Lower(text);
  return word == "infinity" || word == "-infinity";
}

std::string WithFraction(std::string text, int64_t micros) {
  if (micros == 0) return text;
  std::array<char, 16> digits;
  std::snprintf(digits.data(), digits.size(), ".%06d", static_cast<int>(micros));
  text += digits.data();
  while (text.back() == '0') text.pop_back();
  return text;
}

int64_t FloorDivide(int64_t dividend, int64_t divisor) {
  const int64_t quotient = dividend / divisor;
  return dividend % divisor < 0 ? quotient - 1 : quotient;
}

// ---- Intervals ----

struct Unit {
  const char* name;
  int32_t months;
  int32_t days;
  int64_t micros;
};

constexpr Unit kUnits[] = {
    {"microsecond", 0, 0, 1},
    {"us", 0, 0, 1},
    {"usec", 0, 0, 1},
    {"millisecond", 0, 0, 1000},
    {"ms", 0, 0, 1000},
    {"msec", 0, 0, 1000},
    {"second", 0, 0, kMicrosPerSecond},
    {"sec", 0, 0, kMicrosPerSecond},
    {"s", 0, 0, kMicrosPerSecond},
    {"minute", 0, 0, kMicrosPerMinute},
    {"min", 0, 0, kMicrosPerMinute},
    {"m", 0, 0, kMicrosPerMinute},
    {"hour", 0, 0, kMicrosPerHour},
    {"hr", 0, 0, kMicrosPerHour},
    {"h", 0, 0, kMicrosPerHour},
    {"day", 0, 1, 0},
    {"d", 0, 1, 0},
    {"week", 0, 7, 0},
    {"w", 0, 7, 0},
    {"month", 1, 0, 0},
    {"mon", 1, 0, 0},
    {"year", 12, 0, 0},
    {"yr", 12, 0, 0},
    {"y", 12, 0, 0},
    {"decade", 120, 0, 0},
    {"century", 1200, 0, 0},
    {"centurie", 1200, 0, 0},
    {"millennium", 12000, 0, 0},
};

const Unit* FindUnit(std::string word) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    for (const Unit& unit : kUnits) {
      if (word == unit.name) return &unit;
    }
    if (word.size() > 1 && word.back() == 's') word.pop_back();
  }
  return nullptr;
}

// `amount` of `unit`: whole months and days, and what is left of them in the next smaller.
bool AddUnit(double amount, const Unit& unit, Interval* interval) {
  const double months = amount * unit.months;
  const double whole_months = std::trunc(months);
  const double days = amount * unit.days + (months - whole_months) * 30;
  const double whole_days = std::trunc(days + std::copysign(1e-9, days));
  const double micros =
      amount * static_cast<double>(unit.micros) + (days - whole_days) * kMicrosPerDay;
  if (std::abs(months) > 2e9 || std::abs(days) > 2e9 || std::abs(micros) > 9e18) return false;
  interval->months += static_cast<int32_t>(whole_months);
  interval->days += static_cast<int32_t>(whole_days);
  interval->micros += std::llround(micros);
  return true;
}

// A number with sign and fraction, at most 15 digits.
std::optional<double> TakeAmount(Reader* reader) {
  const double sign = reader->Take('-') ? -1 : 1;
  if (sign > 0) reader->Take('+');
  double value = 0;
  int digits = 0;
  while (reader->StartsWithDigit() && digits < 15) {
    value = value * 10 + *reader->Number(1, 1);
    ++digits;
  }
  if (reader->Take('.')) {
    for (double unit = 0.1; reader->StartsWithDigit() && digits < 30; unit /= 10, ++digits) {
      value += unit * *reader->Number(1, 1);
    }
  }
  if (digits == 0 || reader->StartsWithDigit()) return std::nullopt;
  return sign * value;
}

// P1Y2M3DT4H5M6S
std::optional<Interval> ParseIsoInterval(Reader* reader) {
  Interval interval;
  bool in_time = false;
  bool any = false;
  while (!reader->done()) {
    if (reader->Take('T') || reader->Take('t')) {
      in_time = true;
      continue;
    }
    const auto amount = TakeAmount(reader);
    const std::string letter(1, static_cast<char>(std::tolower(reader->front())));
    if (!amount || !reader->Take(reader->front())) return std::nullopt;
    const Unit* unit = FindUnit(letter == "m" && !in_time ? "mon" : letter);
    if (unit == nullptr || !AddUnit(*amount, *unit, &interval)) return std::nullopt;
    any = true;
  }
  return any ? std::optional<Interval>(interval) : std::nullopt;
}

// [+-]12:30[:15[.5]] at the front, hours of any number of digits.
std::optional<int64_t> TakeIntervalTime(double hours, bool negative, Reader* reader) {
  const auto minutes = reader->Number(1, 2);
  if (!minutes || *minutes > 59 || std::abs(hours) > 2e9) return std::nullopt;
  int64_t micros =
      static_cast<int64_t>(std::abs(hours)) * kMicrosPerHour + *minutes * kMicrosPerMinute;
  if (reader->Take(':')) {
    const auto seconds = reader->Number(1, 2);
    if (!seconds || *seconds > 59) return std::nullopt;
    micros += *seconds * kMicrosPerSecond;
    if (reader->Take('.')) micros += reader->Fraction();
  }
  return negative ? -micros : micros;
}

std::string Plural(int64_t count, const char* unit) {
  return std::to_string(count) + " " + unit + (count == 1 ? "" : "s");
}

}  // namespace

int64_t DaysOf(int year, int month, int day) {
  const auto days = std::chrono::sys_days{std::chrono::year{year} / month / day};
  return days.time_since_epoch().count();
}

void DateOf(int64_t days, int* year, int* month, int* day) {
  const std::chrono::year_month_day date{
      std::chrono::sys_days{std::chrono::days{static_cast<int>(days)}}};
  *year = static_cast<int>(date.year());
  *month = static_cast<int>(static_cast<unsigned>(date.month()));
  *day = static_cast<int>(static_cast<unsigned>(date.day()));
}

std::optional<int64_t> ParseTimestamp(std::string_view text, bool with_zone) {
  Reader reader(text);
  if (reader.StartsWithLetter()) return SpecialTimestamp(text);
  const auto days = TakeDate(&reader);
  if (!days) return std::nullopt;
  int64_t micros = *days * kMicrosPerDay;
  if (!reader.Take('T')) reader.SkipSpaces();
  if (reader.StartsWithDigit()) {
    const auto time = TakeTime(&reader);
    if (!time) return std::nullopt;
    micros += *time;
    reader.SkipSpaces();
  }
  if (!reader.done()) {
    const auto zone = TakeZone(&reader);
    if (!zone) return std::nullopt;
    if (with_zone) micros -= *zone;
    reader.SkipSpaces();
  }
  return reader.done() ? std::optional<int64_t>(micros) : std::nullopt;
}

std::optional<int64_t> ParseTime(std::string_view text) {
  Reader reader(text);
  const auto time = TakeTime(&reader);
  reader.SkipSpaces();
  if (!time) return std::nullopt;
  if (!reader.done() && !TakeZone(&reader)) return std::nullopt;
  reader.SkipSpaces();
  return reader.done() ? time : std::nullopt;
}

std::optional<Interval> ParseInterval(std::string_view text) {
  Reader reader(text);
  if (reader.Take('P') || reader.Take('p')) return ParseIsoInterval(&reader);
  if (reader.Take('@')) reader.SkipSpaces();
  Interval interval;
  bool any = false;
  while (!reader.done()) {
    if (any && reader.StartsWithLetter()) {
      if (reader.Word() != "ago") return std::nullopt;
      interval = {-interval.months, -interval.days, -interval.micros};
      reader.SkipSpaces();
      return reader.done() ? std::optional<Interval>(interval) : std::nullopt;
    }
    const bool negative = reader.front() == '-';
    const auto amount = TakeAmount(&reader);
    if (!amount) return std::nullopt;
    if (reader.Take(':')) {
      const auto time = TakeIntervalTime(*amount, negative, &reader);
      if (!time) return std::nullopt;
      interval.micros += *time;
    } else {
      reader.SkipSpaces();
      const Unit* unit = FindUnit(reader.done() ? "second" : reader.Word());
      if (unit == nullptr || !AddUnit(*amount, *unit, &interval)) return std::nullopt;
    }
    any = true;
    reader.SkipSpaces();
  }
  return any ? std::optional<Interval>(interval) : std::nullopt;
}

std::optional<std::string> FormatDate(int64_t days) {
  // 0001-01-01 and 9999-12-31.
  if (days < -719162 || days > 2932896) return std::nullopt;
  int year = 0;
  int month = 0;
  int day = 0;
  DateOf(days, &year, &month, &day);
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02d", year, month, day);
  return std::string(text.data());
}

std::string FormatTime(int64_t micros) {
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), "%02d:%02d:%02d",
                static_cast<int>(micros / kMicrosPerHour),
                static_cast<int>(micros / kMicrosPerMinute % 60),
                static_cast<int>(micros / kMicrosPerSecond % 60));
  return WithFraction(text.data(), micros % kMicrosPerSecond);
}

std::optional<std::string> FormatTimestamp(int64_t micros) {
  const int64_t days = FloorDivide(micros, kMicrosPerDay);
  const auto date = FormatDate(days);
  if (!date) return std::nullopt;
  return *date + " " + FormatTime(micros - days * kMicrosPerDay);
}

std::string FormatInterval(const Interval& interval) {
  std::string text;
  bool after_negative = false;  // then a plus is written
  const auto add = [&](int64_t count, const char* unit) {
    if (count == 0) return;
    text += (text.empty() ? "" : " ") + std::string(after_negative && count > 0 ? "+" : "");
    text += Plural(count, unit);
    after_negative = count < 0;
  };
  add(interval.months / 12, "year");
  add(interval.months % 12, "mon");
  add(interval.days, "day");
  if (interval.micros != 0 || text.empty()) {
    const bool negative = interval.micros < 0;
    if (!text.empty()) text += ' ';
    if (negative || after_negative) text += negative ? '-' : '+';
    text += FormatTime(negative ? -interval.micros : interval.micros);
  }
  return text;
}

std::optional<std::string> NormalizeTimestamp(std::string_view text, bool with_zone) {
  if (IsInfinity(text)) return Lower(text);
  const auto micros = ParseTimestamp(text, with_zone);
  return micros ? FormatTimestamp(*micros) : std::nullopt;
}

std::optional<std::string> NormalizeDate(std::string_view text) {
  if (IsInfinity(text)) return Lower(text);
  const auto micros = ParseTimestamp(text, false);
  return micros ? FormatDate(FloorDivide(*micros, kMicrosPerDay)) : std::nullopt;
}

std::optional<std::string> NormalizeTime(std::string_view text) {
  const auto micros = ParseTime(text);
  return micros ? std::optional<std::string>(FormatTime(*micros)) : std::nullopt;
}

std::optional<std::string> NormalizeInterval(std::string_view text) {
  const auto interval = ParseInterval(text);
  return interval ? std::optional<std::string>(FormatInterval(*interval)) : std::nullopt;
}

const char* DateErrorState(std::string_view text) {
  Reader reader(text);
  const bool form = reader.Number(1, 5) && reader.Take('-') && reader.Number(1, 2) &&
                    reader.Take('-') && reader.Number(1, 2);
  return form ? "22008" : "22007";
}

int64_t NowMicros() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

int64_t AddInterval(int64_t timestamp, const Interval& interval, int sign) {
  // Ten thousand years lead out of what can be kept in any case.
  constexpr int64_t kMostDays = 3'660'000;
  constexpr int64_t kNowhere = 2 * kMostDays * kMicrosPerDay;
  if (std::abs(int64_t{interval.months}) > kMostDays / 28 ||
      std::abs(int64_t{interval.days}) > kMostDays ||
      std::abs(interval.micros / kMicrosPerDay) > kMostDays) {
    return kNowhere;
  }
  int64_t days = FloorDivide(timestamp, kMicrosPerDay);
  const int64_t time = timestamp - days * kMicrosPerDay;
  if (interval.months != 0) {
    int year = 0;
    int month = 0;
    int day = 0;
    DateOf(days, &year, &month, &day);
    const int64_t months = int64_t{12} * year + month - 1 + int64_t{sign} * interval.months;
    year = static_cast<int>(FloorDivide(months, 12));
    month = static_cast<int>(months - int64_t{12} * year) + 1;
    days = DaysOf(year, month, std::min(day, DaysInMonth(year, month)));
  }
  days += int64_t{sign} * interval.days;
  return days * kMicrosPerDay + time + sign * interval.micros;
}

}  // namespace sibyl::sql::server
