// Builds the parts of string indexes: as wanted, the fastest on this machine, or within a budget.

#ifndef SIBYL_INDEX_STRING_AUTO_H_
#define SIBYL_INDEX_STRING_AUTO_H_

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "index/string_parts.h"
#include "sibyl/result.h"

namespace sibyl::index {

// What kAuto considers, and reports suggest; the classical B-tree first.
inline constexpr std::array<StringIndexOptions, 7> kStringShapes = {{
    {StringIndexKind::kBTree, 16, 0},
    {StringIndexKind::kRecursive, 16, 2},
    {StringIndexKind::kRecursive, 32, 1},
    {StringIndexKind::kRecursive, 64, 4},
    {StringIndexKind::kRecursive, 64, 8},
    {StringIndexKind::kRecursive, 128, 16},
    {StringIndexKind::kBTree, 32, 1},
}};

class StringBuilder {
 public:
  using Keys = std::span<const std::string_view>;
  using Parts = std::unique_ptr<StringParts>;

  // Errors: kInvalidArgument naming the rank of the first key smaller than its predecessor.
  static Result<StringBuilder> Over(Keys keys);

  // Precondition: valid options that name a kind. Errors: kNotSupported past the model's limits.
  Result<Parts> Build(const StringIndexOptions& options) const;

  // The fastest of kStringShapes here, with the reports of all. Errors: as of Build.
  Result<Parts> BuildFastest() const;

  // The finest blocks of `kind` that take at most `memory_bytes`; one block if none do.
  Parts BuildWithinBudget(StringIndexKind kind, uint64_t memory_bytes) const;

  // Fills in the times of the candidates' own reports; the candidates take turns.
  void Measure(std::span<const Parts> candidates) const;

 private:
  StringBuilder(Keys keys, std::vector<std::string_view> distinct)
      : keys_(keys), copied_(std::move(distinct)) {}

  Keys distinct() const { return copied_.empty() ? keys_ : Keys(copied_); }

  Keys keys_;
  std::vector<std::string_view> copied_;  // the keys without repetitions; empty if there are none
};

}  // namespace sibyl::index

#endif  // SIBYL_INDEX_STRING_AUTO_H_
