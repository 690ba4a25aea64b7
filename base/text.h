// Text for error messages: keys as a human can read them.

#ifndef SIBYL_BASE_TEXT_H_
#define SIBYL_BASE_TEXT_H_

#include <string>
#include <string_view>

namespace sibyl::base {

// `bytes` in double quotes, unprintable ones as \xNN, cut after 64 bytes with a note of the length.
std::string Quoted(std::string_view bytes);

}  // namespace sibyl::base

#endif  // SIBYL_BASE_TEXT_H_
