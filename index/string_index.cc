#include "sibyl/string_index.h"

#include <algorithm>
#include <cassert>
#include <cstdio>

#include "base/status_macros.h"
#include "index/string_auto.h"
#include "index/string_format.h"
#include "index/string_parts.h"

namespace sibyl::index {
namespace {

using Keys = std::span<const std::string_view>;
using Parts = StringBuilder::Parts;

Status CheckOptions(Keys keys, StringIndexOptions options) {
  if (options.kind != StringIndexKind::kAuto && !AreValid(options)) {
    return Error{ErrorCode::kInvalidArgument,
                 "string index: blocks of " + std::to_string(options.block_keys) +
                     " keys with landmarks every " + std::to_string(options.landmark_keys)};
  }
  if (keys.size() > StringIndex::kMaxKeys) {
    return Error{ErrorCode::kNotSupported, "string index: " + std::to_string(keys.size()) +
                                               " keys are more than " +
                                               std::to_string(StringIndex::kMaxKeys)};
  }
  return Ok();
}

}  // namespace

StringIndex::StringIndex(std::unique_ptr<const StringParts> parts) : parts_(std::move(parts)) {}
StringIndex::StringIndex(StringIndex&&) noexcept = default;
StringIndex& StringIndex::operator=(StringIndex&&) noexcept = default;
StringIndex::~StringIndex() = default;

Result<StringIndex> StringIndex::Build(Keys keys, const StringIndexOptions& options) {
  SIBYL_RETURN_IF_ERROR(CheckOptions(keys, options));
  SIBYL_ASSIGN_OR_RETURN(const StringBuilder builder, StringBuilder::Over(keys));
  SIBYL_ASSIGN_OR_RETURN(Parts parts, options.kind == StringIndexKind::kAuto
                                          ? builder.BuildFastest()
                                          : builder.Build(options));
  return StringIndex(std::move(parts));
}

StringIndex StringIndex::RebuildWithBudget(uint64_t memory_bytes) const {
  // The keys were in order when this index was built.
  return StringIndex(StringBuilder::Over(keys()).value().BuildWithinBudget(kind(), memory_bytes));
}

uint64_t StringIndex::LowerBound(std::string_view key) const { return parts_->LowerBound(key); }

// Runs of equal keys are mostly short: steps that double, then halves.
std::pair<uint64_t, uint64_t> StringIndex::EqualRange(std::string_view key) const {
  const Keys keys = parts_->keys;
  const uint64_t begin = LowerBound(key);
  uint64_t low = begin;  // every key before it is not greater
  uint64_t step = 1;
  while (low + step <= keys.size() && keys[low + step - 1] == key) {
    low += step;
    step *= 2;
  }
  const auto last = std::min<uint64_t>(low + step, keys.size());
  const auto end = std::partition_point(keys.begin() + static_cast<ptrdiff_t>(low),
                                        keys.begin() + static_cast<ptrdiff_t>(last),
                                        [&](std::string_view other) { return other == key; });
  return {begin, static_cast<uint64_t>(end - keys.begin())};
}

void StringIndex::LowerBoundBatch(Keys keys, std::span<uint64_t> ranks) const {
  assert(ranks.size() >= keys.size());
  parts_->LowerBoundBatch(keys, ranks.data());
}

std::span<const std::string_view> StringIndex::keys() const { return parts_->keys; }
uint64_t StringIndex::size() const { return parts_->keys.size(); }
StringIndexKind StringIndex::kind() const { return parts_->options.kind; }
uint64_t StringIndex::memory_bytes() const { return parts_->memory_bytes(); }
std::span<const StringIndexCandidate> StringIndex::candidates() const { return parts_->candidates; }

std::string StringIndex::Explain() const {
  std::string text = std::to_string(size()) + " keys\n";
  char line[160];
  std::snprintf(line, sizeof line, "  %-42s %9s %8s %9s %9s\n", "candidate", "B/key", "build s",
                "single ns", "batch ns");
  text += line;
  const double keys = static_cast<double>(std::max<uint64_t>(size(), 1));
  for (const StringIndexCandidate& c : candidates()) {
    std::snprintf(line, sizeof line, "%c %-42s %9.3f %8.3f %9.1f %9.1f\n", c.chosen ? '*' : ' ',
                  c.name.c_str(), static_cast<double>(c.memory_bytes) / keys, c.build_seconds,
                  c.single_ns, c.batch_ns);
    text += line;
  }
  return text;
}

void StringIndex::Serialize(std::string* out) const { EncodeStringParts(*parts_, out); }

Result<StringIndex> StringIndex::Deserialize(std::string_view bytes, Keys keys) {
  SIBYL_ASSIGN_OR_RETURN(Parts parts, DecodeStringParts(bytes, keys));
  parts->candidates.push_back({parts->Name(), parts->memory_bytes(), 0, 0, 0, true});
  return StringIndex(std::move(parts));
}

}  // namespace sibyl::index
