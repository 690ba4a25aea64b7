#include "sql/server/catalogue/decimal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

namespace sibyl::sql::server {
namespace {

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

}  // namespace

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

double Remainder(double dividend, double divisor) {
  const auto scaled = Scaled(dividend, divisor);
  if (!scaled) return std::fmod(dividend, divisor);
  return Unscaled(scaled->left % scaled->right, scaled->scale);
}

double Exact(double value) {
  constexpr int kDigits = 15;
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 std::chars_format::scientific, kDigits - 1);
  double exact = 0;
  std::from_chars(text.data(), end.ptr, exact);
  return exact;
}

}  // namespace sibyl::sql::server
