// Settings of tests that are worth running longer: docs/testing.md.

#ifndef SIBYL_TESTS_SUPPORT_ENVIRONMENT_H_
#define SIBYL_TESTS_SUPPORT_ENVIRONMENT_H_

#include <cstdlib>

namespace sibyl::testing {

// The number that the environment variable `name` has, or `otherwise` if it is not set.
inline unsigned NumberFromEnvironment(const char* name, unsigned otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

}  // namespace sibyl::testing

#endif  // SIBYL_TESTS_SUPPORT_ENVIRONMENT_H_
