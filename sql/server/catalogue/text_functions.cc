// Functions on text that SQLite lacks or counts otherwise. Positions are characters of UTF-8.

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <vector>

#include "base/hex.h"
#include "sql/server/catalogue/function_support.h"
#include "sql/server/dialect/text.h"

namespace sibyl::sql::server {
namespace {

constexpr size_t kMostResultBytes = size_t{256} << 20;

// The byte at which each character begins, and the end.
std::vector<size_t> Characters(std::string_view text) {
  std::vector<size_t> begins;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) begins.push_back(i);
  }
  begins.push_back(text.size());
  return begins;
}

// Characters [first, last) of `text`, which are cut to those there are.
std::string_view Slice(std::string_view text, int64_t first, int64_t last) {
  const std::vector<size_t> begins = Characters(text);
  const auto count = static_cast<int64_t>(begins.size()) - 1;
  first = std::clamp<int64_t>(first, 0, count);
  last = std::clamp<int64_t>(last, first, count);
  return text.substr(begins[first], begins[last] - begins[first]);
}

int64_t Length(std::string_view text) { return static_cast<int64_t>(Characters(text).size()) - 1; }

// substring(text, start [, length]): places before the first count, and are empty.
void Substring(sqlite3_context* context, int count, sqlite3_value** values) {
  const bool is_bytes = sqlite3_value_type(values[0]) == SQLITE_BLOB;  // asked before it is text
  const std::string_view text = TextArgument(values[0]);
  const int64_t start = std::clamp<int64_t>(sqlite3_value_int64(values[1]), INT32_MIN, INT32_MAX);
  int64_t end = INT64_MAX;
  if (count > 2) {
    const int64_t length = sqlite3_value_int64(values[2]);
    if (length < 0) {
      FailFunction(context, "22011", "negative substring length not allowed");
      return;
    }
    end = start - 1 + std::min<int64_t>(length, INT64_MAX / 2);
  }
  if (is_bytes) {
    const auto size = static_cast<int64_t>(text.size());
    const int64_t first = std::clamp<int64_t>(start - 1, 0, size);
    const int64_t last = std::clamp<int64_t>(end, first, size);
    sqlite3_result_blob64(context, text.data() + first, static_cast<size_t>(last - first),
                          SQLITE_TRANSIENT);
    return;
  }
  ResultText(context, Slice(text, start - 1, end));
}

// Negative: all but so many at the other end.
void Left(sqlite3_context* context, int, sqlite3_value** values) {
  const std::string_view text = TextArgument(values[0]);
  const int64_t count = sqlite3_value_int64(values[1]);
  ResultText(context, Slice(text, 0, count >= 0 ? count : Length(text) + count));
}
void Right(sqlite3_context* context, int, sqlite3_value** values) {
  const std::string_view text = TextArgument(values[0]);
  const int64_t count = std::max<int64_t>(sqlite3_value_int64(values[1]), -INT64_MAX);
  ResultText(context, Slice(text, count >= 0 ? Length(text) - count : -count, INT64_MAX));
}

void Pad(sqlite3_context* context, int count, sqlite3_value** values, bool left) {
  const std::string_view text = TextArgument(values[0]);
  const int64_t wanted = sqlite3_value_int64(values[1]);
  const std::string_view fill = count > 2 ? TextArgument(values[2]) : " ";
  const int64_t length = Length(text);
  if (wanted <= length || fill.empty()) {
    ResultText(context, Slice(text, 0, wanted));
    return;
  }
  if (static_cast<uint64_t>(wanted) > kMostResultBytes / 4) {
    FailFunction(context, "54000", "requested length too large");
    return;
  }
  std::string padding;
  const int64_t missing = wanted - length;
  const int64_t fill_length = Length(fill);
  for (int64_t i = 0; i < missing / fill_length; ++i) padding += fill;
  padding += Slice(fill, 0, missing % fill_length);
  const std::string own(text);
  ResultText(context, std::string_view(left ? padding + own : own + padding));
}
void LeftPad(sqlite3_context* context, int count, sqlite3_value** values) {
  Pad(context, count, values, true);
}
void RightPad(sqlite3_context* context, int count, sqlite3_value** values) {
  Pad(context, count, values, false);
}

void Repeat(sqlite3_context* context, int, sqlite3_value** values) {
  const std::string_view text = TextArgument(values[0]);
  const int64_t count = std::max<int64_t>(sqlite3_value_int64(values[1]), 0);
  if (!text.empty() && static_cast<uint64_t>(count) > kMostResultBytes / text.size()) {
    FailFunction(context, "54000", "requested length too large");
    return;
  }
  std::string repeated;
  for (int64_t i = 0; i < count && !text.empty(); ++i) repeated += text;
  ResultText(context, std::string_view(repeated));
}

void Reverse(sqlite3_context* context, int, sqlite3_value** values) {
  const std::string_view text = TextArgument(values[0]);
  const std::vector<size_t> begins = Characters(text);
  std::string reversed;
  for (size_t i = begins.size() - 1; i > 0; --i) {
    reversed += text.substr(begins[i - 1], begins[i] - begins[i - 1]);
  }
  ResultText(context, std::string_view(reversed));
}

void InitCap(sqlite3_context* context, int, sqlite3_value** values) {
  std::string text(TextArgument(values[0]));
  bool inside = false;
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    c = static_cast<char>(inside ? std::tolower(byte) : std::toupper(byte));
    inside = std::isalnum(byte) != 0 || byte >= 0x80;
  }
  ResultText(context, std::string_view(text));
}

void Concat(sqlite3_context* context, int count, sqlite3_value** values) {
  std::string text;
  for (int i = 0; i < count; ++i) text += TextArgument(values[i]);
  ResultText(context, std::string_view(text));
}

void ConcatWithSeparator(sqlite3_context* context, int count, sqlite3_value** values) {
  if (count == 0 || IsNull(values[0])) return;
  std::string text;
  bool any = false;
  for (int i = 1; i < count; ++i) {
    if (IsNull(values[i])) continue;
    if (any) text += TextArgument(values[0]);
    text += TextArgument(values[i]);
    any = true;
  }
  ResultText(context, std::string_view(text));
}

void SplitPart(sqlite3_context* context, int, sqlite3_value** values) {
  std::string_view text = TextArgument(values[0]);
  const std::string_view separator = TextArgument(values[1]);
  int64_t wanted = sqlite3_value_int64(values[2]);
  if (wanted == 0) {
    FailFunction(context, "22023", "field position must not be zero");
    return;
  }
  std::vector<std::string_view> parts;
  while (!separator.empty()) {
    const size_t end = text.find(separator);
    if (end == std::string_view::npos) break;
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + separator.size());
  }
  parts.push_back(text);
  if (wanted < 0) wanted += static_cast<int64_t>(parts.size()) + 1;
  const bool exists = wanted >= 1 && wanted <= static_cast<int64_t>(parts.size());
  ResultText(context, exists ? parts[wanted - 1] : std::string_view());
}

void StartsWith(sqlite3_context* context, int, sqlite3_value** values) {
  sqlite3_result_int(context, TextArgument(values[0]).starts_with(TextArgument(values[1])) ? 1 : 0);
}

void Translate(sqlite3_context* context, int, sqlite3_value** values) {
  const std::string_view text = TextArgument(values[0]);
  const std::string_view from = TextArgument(values[1]);
  const std::string_view to = TextArgument(values[2]);
  const std::vector<size_t> from_begins = Characters(from);
  const std::vector<size_t> to_begins = Characters(to);
  const std::vector<size_t> begins = Characters(text);
  std::string result;
  for (size_t i = 0; i + 1 < begins.size(); ++i) {
    const std::string_view c = text.substr(begins[i], begins[i + 1] - begins[i]);
    size_t found = 0;
    while (found + 1 < from_begins.size() &&
           from.substr(from_begins[found], from_begins[found + 1] - from_begins[found]) != c) {
      ++found;
    }
    if (found + 1 == from_begins.size()) {
      result += c;
    } else if (found + 1 < to_begins.size()) {
      result += to.substr(to_begins[found], to_begins[found + 1] - to_begins[found]);
    }
  }
  ResultText(context, std::string_view(result));
}

void OctetLength(sqlite3_context* context, int, sqlite3_value** values) {
  sqlite3_result_int64(context, sqlite3_value_bytes(values[0]));
}

// The code of the first character; 0 if there is none.
void Ascii(sqlite3_context* context, int, sqlite3_value** values) {
  const std::string_view text = TextArgument(values[0]);
  int64_t code = 0;
  if (!text.empty()) {
    const auto first = static_cast<unsigned char>(text[0]);
    const int more = first < 0xc0 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    code = more == 0 ? first : first & (0x3f >> more);
    for (int i = 1; i <= more && static_cast<size_t>(i) < text.size(); ++i) {
      code = code << 6 | (static_cast<unsigned char>(text[static_cast<size_t>(i)]) & 0x3f);
    }
  }
  sqlite3_result_int64(context, code);
}

// text, most characters, the type that has no more
void FitTextFunction(sqlite3_context* context, int, sqlite3_value** values) {
  const auto fitting =
      FitText(TextArgument(values[0]), static_cast<size_t>(sqlite3_value_int64(values[1])));
  if (fitting) {
    ResultText(context, *fitting);
  } else {
    FailFunction(context, "22001",
                 "value too long for type " + std::string(TextArgument(values[2])));
  }
}

void ToHex(sqlite3_context* context, int, sqlite3_value** values) {
  std::array<char, 20> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(),
                                 static_cast<uint64_t>(sqlite3_value_int64(values[0])), 16);
  ResultText(context, std::string_view(text.data(), static_cast<size_t>(end.ptr - text.data())));
}

void QuoteIdent(sqlite3_context* context, int, sqlite3_value** values) {
  ResultText(context, std::string_view(Quoted(TextArgument(values[0]))));
}
// Of what has a backslash the form that reads alike whatever the client's settings are: E'a\\b'.
void QuoteLiteral(sqlite3_context* context, int, sqlite3_value** values) {
  std::string literal = Literal(TextArgument(values[0]));
  if (literal.find('\\') != std::string::npos) {
    for (size_t i = 0; i < literal.size(); ++i) {
      if (literal[i] == '\\') literal.insert(i++, 1, '\\');
    }
    literal.insert(0, 1, 'E');
  }
  ResultText(context, std::string_view(literal));
}
void QuoteNullable(sqlite3_context* context, int count, sqlite3_value** values) {
  if (IsNull(values[0])) {
    ResultText(context, std::string_view("NULL"));
  } else {
    QuoteLiteral(context, count, values);
  }
}

void Encode(sqlite3_context* context, int, sqlite3_value** values) {
  if (Lower(TextArgument(values[1])) != "hex") {
    FailFunction(context, "0A000", "encodings other than hex are not supported");
    return;
  }
  std::string text;
  base::AppendHex(TextArgument(values[0]), &text);
  ResultText(context, std::string_view(text));
}

void Decode(sqlite3_context* context, int, sqlite3_value** values) {
  if (Lower(TextArgument(values[1])) != "hex") {
    FailFunction(context, "0A000", "encodings other than hex are not supported");
    return;
  }
  std::string bytes;
  if (!base::AppendFromHex(TextArgument(values[0]), &bytes)) {
    FailFunction(context, "22023", "invalid hexadecimal data");
    return;
  }
  sqlite3_result_blob64(context, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
}

void SizePretty(sqlite3_context* context, int, sqlite3_value** values) {
  int64_t size = sqlite3_value_int64(values[0]);
  constexpr std::array kUnits = {"bytes", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  while (std::abs(size) >= 10 * 1024 && unit + 1 < kUnits.size()) {
    size = (size + 512) / 1024;
    ++unit;
  }
  ResultText(context, std::string_view(std::to_string(size) + " " + kUnits[unit]));
}

void RandomUuid(sqlite3_context* context, int, sqlite3_value**) {
  std::array<unsigned char, 16> bytes;
  sqlite3_randomness(static_cast<int>(bytes.size()), bytes.data());
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += "0123456789abcdef"[bytes[i] >> 4];
    text += "0123456789abcdef"[bytes[i] & 15];
  }
  ResultText(context, std::string_view(text));
}

constexpr SqlFunction kFunctions[] = {
    {"pg_ascii", 1, Ascii},
    {"pg_concat", -1, Concat, false},
    {"pg_concat_ws", -1, ConcatWithSeparator, false},
    {"pg_decode", 2, Decode},
    {"pg_encode", 2, Encode},
    {"pg_fit_text", 3, FitTextFunction},
    {"pg_initcap", 1, InitCap},
    {"pg_left", 2, Left},
    {"pg_lpad", 2, LeftPad},
    {"pg_lpad", 3, LeftPad},
    {"pg_octet_length", 1, OctetLength},
    {"pg_quote_ident", 1, QuoteIdent},
    {"pg_quote_literal", 1, QuoteLiteral},
    {"pg_quote_nullable", 1, QuoteNullable, false},
    {"pg_repeat", 2, Repeat},
    {"pg_reverse", 1, Reverse},
    {"pg_right", 2, Right},
    {"pg_rpad", 2, RightPad},
    {"pg_rpad", 3, RightPad},
    {"pg_size_pretty", 1, SizePretty},
    {"pg_split_part", 3, SplitPart},
    {"pg_starts_with", 2, StartsWith},
    {"pg_substring", 2, Substring},
    {"pg_substring", 3, Substring},
    {"pg_to_hex", 1, ToHex},
    {"pg_translate", 3, Translate},
};

constexpr SqlFunction kRandomFunctions[] = {{"gen_random_uuid", 0, RandomUuid}};

}  // namespace

int RegisterTextFunctions(sqlite3* db) {
  const int code = RegisterAll(db, kFunctions, nullptr, true);
  return code != SQLITE_OK ? code : RegisterAll(db, kRandomFunctions, nullptr, false);
}

}  // namespace sibyl::sql::server
