// Options that C gives as text, read into the members of C++.

#ifndef SIBYL_ENGINE_C_API_OPTION_TEXT_H_
#define SIBYL_ENGINE_C_API_OPTION_TEXT_H_

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "sibyl/result.h"

namespace sibyl::c_api {

inline Error BadValue(std::string_view name, std::string_view value) {
  return {ErrorCode::kInvalidArgument,
          "option " + std::string(name) + " cannot be " + base::Quoted(value)};
}
inline Error NoSuchOption(std::string_view name) {
  return {ErrorCode::kInvalidArgument, "there is no option " + base::Quoted(name)};
}

// Reads the text of one option into the member of its type. Errors: kInvalidArgument.
inline Status Parse(std::string_view name, std::string_view value, bool* out) {
  if (value != "true" && value != "false") return BadValue(name, value);
  *out = value == "true";
  return Ok();
}
template <typename Number>
Status Parse(std::string_view name, std::string_view value, Number* out) {
  const auto number = base::ParseNumber<Number>(value);
  if (!number) return BadValue(name, value);
  *out = *number;
  return Ok();
}

// The words for the values of an enumeration.
template <typename Choice>
using Words = std::initializer_list<std::pair<const char*, Choice>>;

template <typename Choice>
Status Parse(std::string_view name, std::string_view value, Words<Choice> words, Choice* out) {
  for (const auto& [word, choice] : words) {
    if (value != word) continue;
    *out = choice;
    return Ok();
  }
  return BadValue(name, value);
}

// Precondition: the choice has a word.
template <typename Choice>
const char* WordFor(Choice wanted, Words<Choice> words) {
  const char* found = "";
  for (const auto& [word, choice] : words) {
    if (choice == wanted) found = word;
  }
  return found;
}

}  // namespace sibyl::c_api

#endif  // SIBYL_ENGINE_C_API_OPTION_TEXT_H_
