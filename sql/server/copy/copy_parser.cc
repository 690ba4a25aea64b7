#include "sql/server/copy/copy_parser.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "base/status_macros.h"
#include "sql/server/wire/big_endian.h"

namespace sibyl::sql::server {
namespace {

constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
constexpr size_t kBinaryHeaderBytes = 19;  // signature, flags, length of the extension
constexpr size_t npos = std::string_view::npos;

// Eight characters, the first in the lowest byte as on every machine we run on.
constexpr uint64_t kOnes = 0x0101010101010101;
constexpr uint64_t kNewlines = kOnes * '\n';
constexpr uint64_t kBackslashes = kOnes * '\\';

// The highest bit of each byte that is zero.
uint64_t ZeroBytes(uint64_t word) {
  constexpr uint64_t kLowBits = 0x7f * kOnes;
  return ~(((word & kLowBits) + kLowBits) | word | kLowBits);
}

SqlError BadFormat(const std::string& what) { return {"22P04", what}; }

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// What `\c` stands for, where it is one letter.
char ControlOf(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'v':
      return '\v';
    default:
      return c;
  }
}

// Reads what follows a backslash at `*i`, which is left at its last character.
char EscapeAt(std::string_view field, size_t* i) {
  const char c = field[*i];
  if (IsOctal(c)) {
    int value = 0;
    size_t end = *i;
    for (; end < field.size() && end < *i + 3 && IsOctal(field[end]); ++end) {
      value = value * 8 + (field[end] - '0');
    }
    *i = end - 1;
    return static_cast<char>(value);
  }
  if (c == 'x' && *i + 1 < field.size() && HexDigit(field[*i + 1]) >= 0) {
    int value = HexDigit(field[++*i]);
    if (*i + 1 < field.size() && HexDigit(field[*i + 1]) >= 0) {
      value = value * 16 + HexDigit(field[++*i]);
    }
    return static_cast<char>(value);
  }
  return ControlOf(c);
}

// Whether the character before `end` is escaped by an odd number of backslashes.
bool IsEscaped(std::string_view text, size_t end) {
  size_t backslashes = 0;
  while (backslashes < end && text[end - 1 - backslashes] == '\\') ++backslashes;
  return backslashes % 2 == 1;
}

}  // namespace

CopyParser::CopyParser(CopyOptions options)
    : options_(std::move(options)),
      has_usual_lines_(options_.format == CopyFormat::kText &&
                       options_.null_text.find('\\') != npos),
      past_header_(!options_.header) {
  if (options_.format == CopyFormat::kBinary) past_header_ = false;
}

void CopyParser::Feed(std::string_view bytes) {
  if (rest_.empty()) {
    bytes_ = bytes;
    in_rest_ = false;
    return;
  }
  rest_.append(bytes);
  bytes_ = rest_;
  in_rest_ = true;
}

SqlResult<bool> CopyParser::Next(Fields* fields) {
  fields->clear();
  used_scratch_ = 0;
  if (at_end_) return false;
  auto found = NextRow(fields);
  if (found && !*found) KeepRest();
  return found;
}

SqlResult<bool> CopyParser::NextRow(Fields* fields) {
  if (options_.format == CopyFormat::kBinary) return NextBinary(fields);
  if (has_usual_lines_ && past_header_ && TakeUsualLine(fields)) {
    ++line_;
    return true;
  }
  for (;;) {
    const auto line = TakeLine();
    if (!line) return false;
    ++line_;
    if (!past_header_) {
      past_header_ = true;
      continue;
    }
    if (*line == "\\.") {
      at_end_ = true;
      return false;
    }
    SIBYL_RETURN_IF_ERROR(options_.format == CopyFormat::kCsv ? SplitCsv(*line, fields)
                                                              : SplitText(*line, fields));
    return true;
  }
}

// Takes a whole line without backslashes, in which nothing is NULL, and eight bytes at a time.
// False, with nothing taken: it is another, or reaches into the last bytes.
bool CopyParser::TakeUsualLine(Fields* fields) {
  const char* const line = bytes_.data();
  const uint64_t delimiters = kOnes * static_cast<unsigned char>(options_.delimiter);
  size_t start = 0;
  for (size_t at = 0; at + sizeof(uint64_t) <= bytes_.size(); at += sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, line + at, sizeof(word));
    uint64_t marks =
        ZeroBytes(word ^ delimiters) | ZeroBytes(word ^ kNewlines) | ZeroBytes(word ^ kBackslashes);
    for (; marks != 0; marks &= marks - 1) {
      const size_t end = at + static_cast<size_t>(std::countr_zero(marks)) / 8;
      const char c = line[end];
      const bool is_last = c == '\n';
      if (c == '\\' || (is_last && end > 0 && line[end - 1] == '\r')) {
        fields->clear();
        return false;
      }
      fields->emplace_back(std::string_view(line + start, end - start));
      start = end + 1;
      if (!is_last) continue;
      bytes_.remove_prefix(start);
      return true;
    }
  }
  fields->clear();
  return false;
}

// What is not parsed waits for more.
void CopyParser::KeepRest() {
  if (in_rest_) {
    rest_.erase(0, rest_.size() - bytes_.size());
  } else {
    rest_.assign(bytes_);
  }
  bytes_ = rest_;
  in_rest_ = true;
}

// The next record without its newline; nullopt: it is not complete.
std::optional<std::string_view> CopyParser::TakeLine() {
  const size_t end = EndOfRecord();
  if (end == npos && (!finished_ || bytes_.empty())) return std::nullopt;
  std::string_view line = bytes_.substr(0, end);
  bytes_.remove_prefix(end == npos ? bytes_.size() : end + 1);
  if (line.ends_with('\r') &&
      !(options_.format == CopyFormat::kText && IsEscaped(line, line.size() - 1))) {
    line.remove_suffix(1);
  }
  return line;
}

// Where the newline is that ends the first record.
size_t CopyParser::EndOfRecord() const {
  if (options_.format == CopyFormat::kText) {
    size_t end = bytes_.find('\n');
    while (end != npos && IsEscaped(bytes_, end)) end = bytes_.find('\n', end + 1);
    return end;
  }
  bool quoted = false;
  for (size_t i = 0; i < bytes_.size(); ++i) {
    const char c = bytes_[i];
    if (quoted && c == options_.escape && options_.escape != options_.quote) {
      ++i;
    } else if (c == options_.quote) {
      quoted = !quoted;  // a doubled quote does so twice
    } else if (c == '\n' && !quoted) {
      return i;
    }
  }
  return npos;
}

std::string* CopyParser::NewScratch() {
  if (used_scratch_ == scratch_.size()) scratch_.push_back(std::make_unique<std::string>());
  std::string* scratch = scratch_[used_scratch_++].get();
  scratch->clear();
  return scratch;
}

SqlStatus CopyParser::SplitText(std::string_view line, Fields* fields) {
  const bool has_escapes = line.find('\\') != npos;
  for (size_t start = 0;;) {
    size_t end = line.find(options_.delimiter, start);
    while (has_escapes && end != npos && IsEscaped(line.substr(start), end - start)) {
      end = line.find(options_.delimiter, end + 1);
    }
    const std::string_view field = line.substr(start, end == npos ? npos : end - start);
    if (field == options_.null_text) {
      fields->push_back(std::nullopt);
    } else {
      fields->push_back(has_escapes ? Unescaped(field) : field);
    }
    if (end == npos) return SqlOk();
    start = end + 1;
  }
}

std::string_view CopyParser::Unescaped(std::string_view field) {
  if (field.find('\\') == npos) return field;
  std::string* const out = NewScratch();
  for (size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '\\' || i + 1 == field.size()) {
      out->push_back(field[i]);
    } else {
      ++i;
      out->push_back(EscapeAt(field, &i));
    }
  }
  return *out;
}

SqlStatus CopyParser::SplitCsv(std::string_view record, Fields* fields) {
  const char quote = options_.quote;
  const char escape = options_.escape;
  for (size_t i = 0;;) {
    std::string* field = nullptr;  // only for those with quotes
    const size_t start = i;
    bool quoted = false;
    for (; i < record.size() && (quoted || record[i] != options_.delimiter); ++i) {
      const char c = record[i];
      const bool special = c == quote || (quoted && c == escape);
      if (special && field == nullptr) {
        field = NewScratch();
        field->assign(record.substr(start, i - start));
      }
      const bool is_pair = quoted && c == escape && i + 1 < record.size() &&
                           (record[i + 1] == quote || record[i + 1] == escape);
      if (is_pair) {
        field->push_back(record[++i]);
      } else if (c == quote) {
        quoted = !quoted;
      } else if (field != nullptr) {
        field->push_back(c);
      }
    }
    if (quoted) return BadFormat("unterminated CSV quoted field");
    const std::string_view value =
        field == nullptr ? record.substr(start, i - start) : std::string_view(*field);
    if (field == nullptr && value == options_.null_text) {
      fields->push_back(std::nullopt);
    } else {
      fields->push_back(value);
    }
    if (i >= record.size()) return SqlOk();
    ++i;  // the delimiter
  }
}

SqlResult<bool> CopyParser::NextBinary(Fields* fields) {
  if (!past_header_) {
    if (bytes_.size() < kBinaryHeaderBytes) {
      if (finished_) return BadFormat("COPY file signature not recognized");
      return false;
    }
    const auto extension = wire::LoadBig<uint32_t>(bytes_.data() + kSignature.size() + 4);
    if (!bytes_.starts_with(kSignature)) return BadFormat("COPY file signature not recognized");
    if (extension > 1 << 20) return BadFormat("invalid COPY file header (wrong length)");
    if (bytes_.size() < kBinaryHeaderBytes + extension) return false;
    bytes_.remove_prefix(kBinaryHeaderBytes + extension);
    past_header_ = true;
  }
  if (bytes_.size() < 2) return false;
  const auto count = wire::LoadBig<int16_t>(bytes_.data());
  if (count == -1) {
    at_end_ = true;
    return false;
  }
  if (count < 0) return BadFormat("row field count is " + std::to_string(count));
  std::string_view row = bytes_.substr(2);
  for (int16_t i = 0; i < count; ++i) {
    if (row.size() < 4) return false;
    const auto length = wire::LoadBig<int32_t>(row.data());
    row.remove_prefix(4);
    if (length < -1) return BadFormat("invalid field size");
    if (length == -1) {
      fields->push_back(std::nullopt);
      continue;
    }
    if (row.size() < static_cast<size_t>(length)) return false;
    fields->push_back(row.substr(0, static_cast<size_t>(length)));
    row.remove_prefix(static_cast<size_t>(length));
  }
  bytes_ = row;
  ++line_;
  return true;
}

}  // namespace sibyl::sql::server
