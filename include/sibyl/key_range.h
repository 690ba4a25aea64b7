// Ranges of keys, and records with bytes of their own.

#ifndef SIBYL_KEY_RANGE_H_
#define SIBYL_KEY_RANGE_H_

#include <optional>
#include <string>
#include <string_view>

namespace sibyl {

// The keys with begin <= key < end; nullopt: from the first key, to the last.
struct KeyRange {
  std::optional<std::string_view> begin;
  std::optional<std::string_view> end;
};

struct OwnedRecord {
  std::string key;
  std::string value;
  friend bool operator==(const OwnedRecord&, const OwnedRecord&) = default;
};

}  // namespace sibyl

#endif  // SIBYL_KEY_RANGE_H_
