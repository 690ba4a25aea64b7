#include "sql/server/dialect/text.h"

#include <sqlite3.h>

#include <algorithm>

#include "base/hex.h"

namespace sibyl::sql::server {
namespace {

char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool IsPlain(std::string_view identifier) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (identifier.empty() || !is_letter(identifier[0])) return false;
  return std::all_of(identifier.begin(), identifier.end(),
                     [&](char c) { return is_letter(c) || is_digit(c); });
}

std::string Between(std::string_view text, char quote) {
  std::string quoted(1, quote);
  for (const char c : text) {
    if (c == '\0') break;
    if (c == quote) quoted += quote;
    quoted += c;
  }
  return quoted + quote;
}

}  // namespace

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), LowerAscii);
  return lower;
}

bool EqualIgnoringCase(std::string_view left, std::string_view right) {
  return left.size() == right.size() &&
         std::equal(left.begin(), left.end(), right.begin(),
                    [](char a, char b) { return LowerAscii(a) == LowerAscii(b); });
}

std::string Quoted(std::string_view identifier) {
  // true and false are no keywords of SQLite's, yet no names either.
  const bool keyword =
      sqlite3_keyword_check(identifier.data(), static_cast<int>(identifier.size())) != 0 ||
      identifier == "true" || identifier == "false";
  return IsPlain(identifier) && !keyword ? std::string(identifier) : Between(identifier, '"');
}

std::string Literal(std::string_view text) { return Between(text, '\''); }

std::string NumberText(std::string text) {
  if (text.starts_with('+')) text.erase(0, 1);
  if (text == "-9223372036854775808") return "(-9223372036854775807 - 1)";
  return text;
}

std::optional<std::string_view> FitText(std::string_view text, size_t most) {
  if (text.size() <= most) return text;  // no character has less than a byte
  size_t characters = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
    if (!begins || ++characters <= most) continue;
    if (text.find_first_not_of(' ', i) != std::string_view::npos) return std::nullopt;
    return text.substr(0, i);
  }
  return text;
}

std::optional<std::string> ParseBytea(std::string_view text) {
  std::string bytes;
  if (text.starts_with("\\x")) {
    if (!base::AppendFromHex(text.substr(2), &bytes)) return std::nullopt;
    return bytes;
  }
  while (!text.empty()) {
    const auto octal = [&](size_t i, char most) { return text[i] >= '0' && text[i] <= most; };
    if (text[0] != '\\') {
      bytes += text[0];
      text.remove_prefix(1);
    } else if (text.starts_with("\\\\")) {
      bytes += '\\';
      text.remove_prefix(2);
    } else if (text.size() >= 4 && octal(1, '3') && octal(2, '7') && octal(3, '7')) {
      bytes += static_cast<char>((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
      text.remove_prefix(4);
    } else {
      return std::nullopt;
    }
  }
  return bytes;
}

}  // namespace sibyl::sql::server
