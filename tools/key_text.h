// Keys and values as text on a command line, and back: every byte string has a written form.

#ifndef SIBYL_TOOLS_KEY_TEXT_H_
#define SIBYL_TOOLS_KEY_TEXT_H_

#include <optional>
#include <string>
#include <string_view>

#include "sibyl/result.h"

namespace sibyl::tools {

// How keys are written.
enum class KeyFormat {
  kText,  // the bytes themselves; unprintable ones and '\' as \\ \t \n \r \0 \xNN
  kHex,   // two hexadecimal digits per byte
  kU64,   // a decimal number, stored as 8 bytes big-endian so that byte order is number order
};

// `bytes` in the text format. Valid UTF-8 stays as it is, so the result is one readable line.
std::string Escape(std::string_view bytes);

// The inverse of Escape. Errors: kInvalidArgument naming the escape and its position.
Result<std::string> Unescape(std::string_view text);

// Errors: kInvalidArgument saying what is wrong with `text`.
Result<std::string> ParseKey(std::string_view text, KeyFormat format);

// The inverse of ParseKey. Errors: kInvalidArgument for a kU64 key that has not 8 bytes.
Result<std::string> FormatKey(std::string_view key, KeyFormat format);

// The smallest key above every key that begins with `prefix`; nullopt if there is none.
std::optional<std::string> PrefixSuccessor(std::string_view prefix);

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_KEY_TEXT_H_
