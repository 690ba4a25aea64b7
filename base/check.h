// SIBYL_CHECK: a condition that holds unless SibylDB itself has a bug.
//
// On in every build. Use it only where continuing would write or return wrong bytes; bad input and
// bad disks are reported as Errors instead, never checked this way.

#ifndef SIBYL_BASE_CHECK_H_
#define SIBYL_BASE_CHECK_H_

namespace sibyl::base {

// Prints what failed to stderr and aborts.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace sibyl::base

#define SIBYL_CHECK(condition)                                              \
  do {                                                                      \
    if (!(condition)) [[unlikely]] {                                        \
      ::sibyl::base::CheckFailed(#condition, __FILE__, __LINE__);           \
    }                                                                       \
  } while (false)

#endif  // SIBYL_BASE_CHECK_H_
