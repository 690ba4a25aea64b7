#include "sql/server/numeric_format.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sql/server/wire/big_endian.h"

namespace sibyl::sql::server {
namespace {

constexpr size_t kDigitsPerGroup = 4;
constexpr uint16_t kPositive = 0x0000;
constexpr uint16_t kNegative = 0x4000;
constexpr uint16_t kNotANumber = 0xC000;
constexpr size_t kHeaderBytes = 8;

bool IsDigits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void AppendHeader(std::string* out, size_t groups, int weight, uint16_t sign, size_t scale) {
  wire::AppendBig(out, static_cast<uint16_t>(groups));
  wire::AppendBig(out, static_cast<int16_t>(weight));
  wire::AppendBig(out, sign);
  wire::AppendBig(out, static_cast<uint16_t>(scale));
}

// Four digits each; `digits` has a multiple of four.
std::vector<uint16_t> Groups(const std::string& digits) {
  std::vector<uint16_t> groups;
  for (size_t i = 0; i < digits.size(); i += kDigitsPerGroup) {
    groups.push_back(static_cast<uint16_t>(std::stoi(digits.substr(i, kDigitsPerGroup))));
  }
  return groups;
}

}  // namespace

bool AppendNumeric(std::string_view decimal, std::string* out) {
  if (decimal == "NaN") return AppendHeader(out, 0, 0, kNotANumber, 0), true;
  const bool negative = decimal.starts_with('-');
  if (negative) decimal.remove_prefix(1);
  const size_t point = std::min(decimal.find('.'), decimal.size());
  std::string whole(decimal.substr(0, point));
  std::string fraction(decimal.substr(std::min(point + 1, decimal.size())));
  if (whole.size() + fraction.size() == 0 || !IsDigits(whole) || !IsDigits(fraction)) return false;
  const size_t scale = fraction.size();
  whole.insert(0, (kDigitsPerGroup - whole.size() % kDigitsPerGroup) % kDigitsPerGroup, '0');
  fraction.append((kDigitsPerGroup - scale % kDigitsPerGroup) % kDigitsPerGroup, '0');

  std::vector<uint16_t> groups = Groups(whole + fraction);
  int weight = static_cast<int>(whole.size() / kDigitsPerGroup) - 1;
  const auto first = std::find_if(groups.begin(), groups.end(), [](uint16_t g) { return g != 0; });
  weight -= static_cast<int>(first - groups.begin());
  groups.erase(groups.begin(), first);
  while (!groups.empty() && groups.back() == 0) groups.pop_back();
  if (groups.empty()) weight = 0;

  AppendHeader(out, groups.size(), weight, negative && !groups.empty() ? kNegative : kPositive,
               scale);
  for (const uint16_t group : groups) wire::AppendBig(out, group);
  return true;
}

std::optional<std::string> NumericText(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  const size_t groups = wire::LoadBig<uint16_t>(bytes.data());
  const int weight = wire::LoadBig<int16_t>(bytes.data() + 2);
  const auto sign = wire::LoadBig<uint16_t>(bytes.data() + 4);
  const size_t scale = wire::LoadBig<uint16_t>(bytes.data() + 6);
  if (sign == kNotANumber) return "NaN";
  if (bytes.size() != kHeaderBytes + groups * 2 || (sign != kPositive && sign != kNegative) ||
      scale > 0x3fff) {
    return std::nullopt;
  }
  const auto group_text = [&](int index) -> std::string {
    if (index < 0 || index >= static_cast<int>(groups)) return "0000";
    const auto group = wire::LoadBig<uint16_t>(bytes.data() + kHeaderBytes + index * 2);
    std::string text = std::to_string(group % 10'000);
    return std::string(kDigitsPerGroup - text.size(), '0') + text;
  };
  std::string whole;
  for (int i = 0; i <= weight; ++i) whole += group_text(i);
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size()));
  if (whole.empty()) whole = "0";
  std::string fraction;
  for (int i = weight + 1; fraction.size() < scale; ++i) fraction += group_text(i);
  fraction.resize(scale);
  return (sign == kNegative ? "-" : "") + whole + (scale > 0 ? "." + fraction : "");
}

}  // namespace sibyl::sql::server
