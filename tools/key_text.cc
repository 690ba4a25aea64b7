#include "tools/key_text.h"

#include <cstdint>

#include "base/coding.h"
#include "base/hex.h"
#include "base/status_macros.h"
#include "base/text.h"

namespace sibyl::tools {
namespace {

// The value of two hexadecimal digits, or -1.
int HexByte(std::string_view two) {
  if (two.size() < 2 || base::HexDigit(two[0]) < 0 || base::HexDigit(two[1]) < 0) return -1;
  return base::HexDigit(two[0]) * 16 + base::HexDigit(two[1]);
}

uint8_t Byte(std::string_view bytes, size_t i) { return static_cast<uint8_t>(bytes[i]); }

// Length of the well-formed UTF-8 sequence of two to four bytes that `bytes` begins with, or 0
// (The Unicode Standard, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF).
size_t Utf8SequenceBytes(std::string_view bytes) {
  const uint8_t lead = Byte(bytes, 0);
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || bytes.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((Byte(bytes, i) & 0xc0) != 0x80) return 0;
  }
  const uint8_t second = Byte(bytes, 1);
  const bool bad = (lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
                   (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f);
  return bad ? 0 : length;
}

void AppendEscaped(std::string* out, char byte) {
  switch (byte) {
    case '\\':
      *out += "\\\\";
      return;
    case '\t':
      *out += "\\t";
      return;
    case '\n':
      *out += "\\n";
      return;
    case '\r':
      *out += "\\r";
      return;
    case '\0':
      *out += "\\0";
      return;
    default:
      break;
  }
  *out += "\\x";
  base::AppendHex({&byte, 1}, out);
}

// The byte that the escape at the front of `text` stands for, and how long the escape is.
struct EscapeSequence {
  int byte = -1;  // -1: there is no such escape
  size_t length = 2;
};

EscapeSequence ReadEscape(std::string_view text) {
  if (text.size() < 2) return {};
  switch (text[1]) {
    case '\\':
      return {'\\'};
    case 't':
      return {'\t'};
    case 'n':
      return {'\n'};
    case 'r':
      return {'\r'};
    case '0':
      return {'\0'};
    case 'x':
      return {HexByte(text.substr(2)), 4};
    default:
      return {};
  }
}

Result<std::string> ParseHex(std::string_view text) {
  std::string key;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int byte = HexByte(text.substr(i));
    if (byte < 0) {
      return Error{ErrorCode::kInvalidArgument,
                   base::Quoted(text) + " is no hexadecimal key: two digits per byte, byte " +
                       std::to_string(i / 2) + " has not"};
    }
    key += static_cast<char>(byte);
  }
  return key;
}

Result<std::string> ParseU64(std::string_view text) {
  const auto number = base::ParseNumber<uint64_t>(text);
  if (!number) {
    return Error{ErrorCode::kInvalidArgument,
                 base::Quoted(text) + " is no u64 key: a number from 0 to 18446744073709551615"};
  }
  std::string key;
  base::PutBig64(&key, *number);
  return key;
}

std::string FormatHex(std::string_view key) {
  std::string text;
  base::AppendHex(key, &text);
  return text;
}

}  // namespace

std::string Escape(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const char byte = bytes.front();
    size_t length = 1;
    if (Byte(bytes, 0) >= 0x80) length = Utf8SequenceBytes(bytes);
    const bool plain = length > 1 || (length == 1 && byte >= ' ' && byte < 0x7f && byte != '\\');
    if (plain) {
      text += bytes.substr(0, length);
    } else {
      length = 1;
      AppendEscaped(&text, byte);
    }
    bytes.remove_prefix(length);
  }
  return text;
}

Result<std::string> Unescape(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      bytes += text[i++];
      continue;
    }
    const EscapeSequence escape = ReadEscape(text.substr(i));
    if (escape.byte < 0) {
      return Error{ErrorCode::kInvalidArgument,
                   "unknown escape " + base::Quoted(text.substr(i, 4)) + " at position " +
                       std::to_string(i) + ": there are \\\\ \\t \\n \\r \\0 \\xNN"};
    }
    bytes += static_cast<char>(escape.byte);
    i += escape.length;
  }
  return bytes;
}

Result<std::string> ParseKey(std::string_view text, KeyFormat format) {
  switch (format) {
    case KeyFormat::kText:
      return Unescape(text);
    case KeyFormat::kHex:
      return ParseHex(text);
    case KeyFormat::kU64:
      break;
  }
  return ParseU64(text);
}

Result<std::string> FormatKey(std::string_view key, KeyFormat format) {
  if (format == KeyFormat::kText) return Escape(key);
  if (format == KeyFormat::kHex) return FormatHex(key);
  if (key.size() != sizeof(uint64_t)) {
    return Error{ErrorCode::kInvalidArgument,
                 "key " + base::Quoted(key) + " has " + std::to_string(key.size()) +
                     " bytes and a u64 key has 8: use --keys text or hex"};
  }
  return std::to_string(base::LoadBig64(key.data()));
}

std::optional<std::string> PrefixSuccessor(std::string_view prefix) {
  std::string successor(prefix);
  while (!successor.empty()) {
    auto last = static_cast<uint8_t>(successor.back());
    if (last != 0xff) {
      successor.back() = static_cast<char>(last + 1);
      return successor;
    }
    successor.pop_back();
  }
  return std::nullopt;
}

}  // namespace sibyl::tools
