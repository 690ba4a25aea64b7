#include "base/text.h"

#include "base/hex.h"

namespace sibyl::base {

std::string Quoted(std::string_view bytes) {
  constexpr size_t kShownBytes = 64;
  std::string text = "\"";
  for (const char c : bytes.substr(0, kShownBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\') {
      text += c;
    } else {
      text += "\\x";
      AppendHex({&c, 1}, &text);
    }
  }
  text += '"';
  if (bytes.size() > kShownBytes) text += "... (" + std::to_string(bytes.size()) + " bytes)";
  return text;
}

uint64_t LeadingNumber(std::string_view text) {
  return ParseNumber<uint64_t>(text.substr(0, text.find_first_not_of("0123456789"))).value_or(0);
}

}  // namespace sibyl::base
