#include "tools/text_table.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace sibyl::tools {

std::string Grouped(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

std::string Counted(uint64_t number, const std::string& noun) {
  return Grouped(number) + " " + noun + (number == 1 ? "" : "s");
}

std::string Fixed(double number, int decimals) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, number);
  return text.data();
}

std::string Bytes(uint64_t bytes) {
  if (bytes < 1000) return std::to_string(bytes) + " B";
  auto scaled = static_cast<double>(bytes) / 1000;
  const char* unit = "kB";
  for (const char* larger : {"MB", "GB", "TB"}) {
    if (scaled < 1000) break;
    scaled /= 1000;
    unit = larger;
  }
  return Fixed(scaled, 1) + " " + unit;
}

std::string Milliseconds(uint64_t ns) { return Fixed(static_cast<double>(ns) / 1e6, 1) + " ms"; }

std::string Ratio(uint64_t part, uint64_t whole) {
  if (whole == 0) return "-";
  return Fixed(100.0 * static_cast<double>(part) / static_cast<double>(whole), 1) + " %";
}

std::string PerRecord(uint64_t bytes, uint64_t records) {
  if (records == 0) return "-";
  return Fixed(static_cast<double>(bytes) / static_cast<double>(records), 3);
}

std::string TextTable::ToString() const {
  std::vector<size_t> widths(rows_.front().size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      text += i == 0 ? row[i] + padding : "  " + padding + row[i];
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

}  // namespace sibyl::tools
