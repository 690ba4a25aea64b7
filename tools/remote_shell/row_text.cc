#include "tools/remote_shell/row_text.h"

#include <algorithm>
#include <array>
#include <vector>

namespace sibyl::tools {
namespace {

std::string_view Value(const PGresult* result, int row, int column) {
  return {PQgetvalue(result, row, column), static_cast<size_t>(PQgetlength(result, row, column))};
}

// How many places a terminal takes for it: characters of UTF-8, not bytes.
size_t Width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string Visible(std::string_view text) {
  std::string visible;
  for (const char c : text) {
    if (c == '\n') {
      visible += "\\n";
    } else if (c == '\t') {
      visible += "\\t";
    } else if (static_cast<unsigned char>(c) < ' ' || c == 127) {
      visible += '?';  // a terminal would take it for a command
    } else {
      visible += c;
    }
  }
  return visible;
}

bool IsNumber(Oid type) {
  constexpr std::array<Oid, 7> kNumbers = {20, 21, 23, 26, 700, 701, 1700};
  return std::find(kNumbers.begin(), kNumbers.end(), type) != kNumbers.end();
}

void AppendCell(std::string_view cell, size_t width, bool to_the_right, std::string* line) {
  const std::string padding(width - Width(cell), ' ');
  if (!line->empty()) *line += "  ";
  if (to_the_right) *line += padding;
  *line += cell;
  if (!to_the_right) *line += padding;
}

void AppendLine(std::string line, std::string* text) {
  line.erase(line.find_last_not_of(' ') + 1);
  *text += line + '\n';
}

std::string TableText(const PGresult* result) {
  const int columns = PQnfields(result);
  std::vector<std::vector<std::string>> lines(1);
  for (int c = 0; c < columns; ++c) lines[0].push_back(Visible(PQfname(result, c)));
  for (int r = 0; r < PQntuples(result); ++r) {
    auto& line = lines.emplace_back();
    for (int c = 0; c < columns; ++c) line.push_back(Visible(Value(result, r, c)));
  }
  std::vector<size_t> widths(lines[0].size());
  for (const auto& line : lines) {
    for (size_t c = 0; c < line.size(); ++c) widths[c] = std::max(widths[c], Width(line[c]));
  }
  std::string text;
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string line;
    for (size_t c = 0; c < widths.size(); ++c) {
      AppendCell(lines[i][c], widths[c], IsNumber(PQftype(result, static_cast<int>(c))), &line);
    }
    AppendLine(std::move(line), &text);
    if (i > 0) continue;
    for (size_t c = 0; c < widths.size(); ++c) {
      text += (c == 0 ? "" : "  ") + std::string(widths[c], '-');
    }
    text += '\n';
  }
  return text;
}

std::string LineText(const PGresult* result, bool goes_on) {
  size_t width = 0;
  for (int c = 0; c < PQnfields(result); ++c) width = std::max(width, Width(PQfname(result, c)));
  std::string text;
  for (int r = 0; r < PQntuples(result); ++r) {
    if (r > 0 || goes_on) text += '\n';
    for (int c = 0; c < PQnfields(result); ++c) {
      std::string line;
      AppendCell(PQfname(result, c), width, true, &line);
      AppendLine(line + " = " + Visible(Value(result, r, c)), &text);
    }
  }
  return text;
}

void AppendCsv(std::string_view value, std::string* text) {
  if (!value.empty() && value.find_first_of(",\"\r\n") == std::string_view::npos) {
    *text += value;
    return;
  }
  *text += '"';
  for (const char c : value) *text += c == '"' ? std::string("\"\"") : std::string(1, c);
  *text += '"';
}

std::string CsvText(const PGresult* result, bool goes_on) {
  std::string text;
  for (int r = goes_on ? 0 : -1; r < PQntuples(result); ++r) {
    for (int c = 0; c < PQnfields(result); ++c) {
      if (c > 0) text += ',';
      if (r < 0) {
        AppendCsv(PQfname(result, c), &text);
      } else if (PQgetisnull(result, r, c) == 0) {
        AppendCsv(Value(result, r, c), &text);
      }
    }
    text += "\r\n";
  }
  return text;
}

std::string ListText(const PGresult* result) {
  std::string text;
  for (int r = 0; r < PQntuples(result); ++r) {
    for (int c = 0; c < PQnfields(result); ++c) {
      if (c > 0) text += '|';
      text += Value(result, r, c);
    }
    text += '\n';
  }
  return text;
}

}  // namespace

std::optional<RowMode> RowModeOf(std::string_view name) {
  if (name == "table") return RowMode::kTable;
  if (name == "line") return RowMode::kLine;
  if (name == "csv") return RowMode::kCsv;
  if (name == "list") return RowMode::kList;
  return std::nullopt;
}

std::string RowsText(const PGresult* result, RowMode mode, bool goes_on) {
  switch (mode) {
    case RowMode::kLine:
      return LineText(result, goes_on);
    case RowMode::kCsv:
      return CsvText(result, goes_on);
    case RowMode::kList:
      return ListText(result);
    default:
      return TableText(result);
  }
}

}  // namespace sibyl::tools
