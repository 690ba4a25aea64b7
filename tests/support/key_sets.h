// Sorted key sets to test models with: friendly, hostile, and real ones where the machine has them.

#ifndef SIBYL_TESTS_SUPPORT_KEY_SETS_H_
#define SIBYL_TESTS_SUPPORT_KEY_SETS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sibyl::test {

struct KeySet {
  std::string name;
  std::vector<std::string> keys;  // strictly increasing

  std::vector<std::string_view> Views() const { return {keys.begin(), keys.end()}; }
};

// Integers as strings whose byte order is the integers' order.
std::string BigEndian(uint64_t value);
KeySet FromIntegers(std::string name, std::vector<uint64_t> values);  // sorts, drops duplicates
KeySet FromStrings(std::string name, std::vector<std::string> keys);  // the same

// About `count` integers each. Everything is decided by `seed`.
std::vector<uint64_t> DenseIntegers(size_t count, uint64_t first);
std::vector<uint64_t> UniformIntegers(size_t count, uint64_t seed);
std::vector<uint64_t> LognormalIntegers(size_t count, uint64_t seed);
std::vector<uint64_t> ClusteredIntegers(size_t count, uint64_t seed);  // like cells of a map
std::vector<uint64_t> OutlierIntegers(size_t count, uint64_t seed);    // small ids, few huge ones
std::vector<uint64_t> DoublingGapIntegers(size_t count);  // runs of gaps that double, to 2^64 - 1

std::vector<std::string> PathStrings(size_t count, uint64_t seed);
std::vector<std::string> NestedPrefixChains(size_t chains, size_t links);  // a, ab, abc, ...
std::vector<std::string> NulRunStrings();    // 0 to 40 trailing NULs, and keys that follow them
std::vector<std::string> ByteEdgeStrings();  // all strings of up to 6 bytes over {0x00, 0x01, 0xff}
std::vector<std::string> RandomStrings(size_t count, uint64_t seed);  // any bytes, 0 to 24 of them

// Where the real key sets are: $SIBYL_DATA, or ../shared/data beside the project.
std::string RealDataDirectory();

// The first `limit` keys of a real set (a SOSD file of uint64, or lines of text, compressed by
// zstd), or nullopt after printing that it is skipped.
std::optional<KeySet> LoadRealKeys(const std::string& file_name, size_t limit);

}  // namespace sibyl::test

#endif  // SIBYL_TESTS_SUPPORT_KEY_SETS_H_
