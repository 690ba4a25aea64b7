// Who may include whom: the rules of docs/architecture.md, "The folders", as a function.

#ifndef SIBYL_TESTS_ARCHITECTURE_INCLUDE_RULES_H_
#define SIBYL_TESTS_ARCHITECTURE_INCLUDE_RULES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sibyl::tests {

struct Include {
  std::string header;  // as written between the quotes or brackets
  bool quoted = false;
};

// The include directives of a C or C++ source text, in order.
std::vector<Include> ParseIncludes(std::string_view text);

// Why `file` (relative to the project's root) must not have `include`, or nullopt if it may.
std::optional<std::string> WhyForbidden(std::string_view file, const Include& include);

}  // namespace sibyl::tests

#endif  // SIBYL_TESTS_ARCHITECTURE_INCLUDE_RULES_H_
