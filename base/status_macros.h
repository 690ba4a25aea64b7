// The two ways an error travels up: return it, or return it unless there is a value to go on with.

#ifndef SIBYL_BASE_STATUS_MACROS_H_
#define SIBYL_BASE_STATUS_MACROS_H_

#include <utility>

#include "sibyl/result.h"

// Returns from the function with the error of `expression`, a Result<T>, if it has one.
#define SIBYL_RETURN_IF_ERROR(expression)                               \
  do {                                                                  \
    if (auto sibyl_status = (expression); !sibyl_status) [[unlikely]] { \
      return std::move(sibyl_status).error();                           \
    }                                                                   \
  } while (false)

#define SIBYL_CONCAT_INNER(a, b) a##b
#define SIBYL_CONCAT(a, b) SIBYL_CONCAT_INNER(a, b)

// SIBYL_ASSIGN_OR_RETURN(auto file, fs.Open(path)): declares `file`, or returns the error.
#define SIBYL_ASSIGN_OR_RETURN(declaration, expression) \
  SIBYL_ASSIGN_OR_RETURN_INNER(SIBYL_CONCAT(sibyl_result_, __LINE__), declaration, expression)
#define SIBYL_ASSIGN_OR_RETURN_INNER(result, declaration, expression) \
  auto result = (expression);                                         \
  if (!result) [[unlikely]]                                           \
    return std::move(result).error();                                 \
  declaration = std::move(result).value()

#endif  // SIBYL_BASE_STATUS_MACROS_H_
