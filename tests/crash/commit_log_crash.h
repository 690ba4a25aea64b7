// What the two sides of commit_log_crash_test agree on.

#ifndef SIBYL_TESTS_CRASH_COMMIT_LOG_CRASH_H_
#define SIBYL_TESTS_CRASH_COMMIT_LOG_CRASH_H_

#include <cstdint>
#include <optional>
#include <sstream>
#include <string>

namespace sibyl::storage {

// What the test's manifests say.
struct DrainedUpTo {
  uint64_t floor = 1;  // generations below are drained
  uint64_t end = 1;    // sequences below are drained
  friend bool operator==(const DrainedUpTo&, const DrainedUpTo&) = default;
};

// No manifest means that nothing is drained.
inline DrainedUpTo ParseManifest(const std::optional<std::string>& manifest) {
  DrainedUpTo drained;
  if (manifest) std::istringstream(*manifest) >> drained.floor >> drained.end;
  return drained;
}

// The bytes of the entry at `sequence`: mostly short, each tenth longer than a block of the log.
inline std::string CrashBytesFor(uint64_t sequence) {
  const size_t size_bytes = sequence % 10 == 9 ? 40000 : 100 + sequence % 50;
  return std::string(size_bytes, static_cast<char>('a' + sequence % 26));
}

}  // namespace sibyl::storage

#endif  // SIBYL_TESTS_CRASH_COMMIT_LOG_CRASH_H_
