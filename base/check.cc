#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace sibyl::base {

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "SibylDB: internal check failed: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace sibyl::base
