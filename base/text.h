// Text: keys as a human can read them, numbers as a human writes them.

#ifndef SIBYL_BASE_TEXT_H_
#define SIBYL_BASE_TEXT_H_

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace sibyl::base {

// `bytes` in double quotes, unprintable ones as \xNN, cut after 64 bytes with a note of the length.
std::string Quoted(std::string_view bytes);

// The number that the whole of `text` is, in base 10: no spaces before or after, no '+', a '-' only
// if Number is signed. Nothing if it is not one, or out of Number's range.
template <typename Number>
std::optional<Number> ParseNumber(std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [parsed_to, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || parsed_to != end) return std::nullopt;
  return number;
}

// The number that `text` begins with; 0 if with none, or one above 2^64 - 1.
uint64_t LeadingNumber(std::string_view text);

}  // namespace sibyl::base

#endif  // SIBYL_BASE_TEXT_H_
