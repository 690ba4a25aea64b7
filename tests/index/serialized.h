// What every serialized index must withstand, and how its golden file is checked.

#ifndef SIBYL_TESTS_INDEX_SERIALIZED_H_
#define SIBYL_TESTS_INDEX_SERIALIZED_H_

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace sibyl::test {

// Calls decode(bytes) for every single flipped bit and every truncation; it must return an error.
template <typename Decode>
void CheckDamageIsRefused(const std::string& bytes, Decode decode) {
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    if (!decode(damaged).has_value()) continue;
    INFO("bit " << bit);
    FAIL("accepted");
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    if (!decode(bytes.substr(0, size)).has_value()) continue;
    INFO("truncated to " << size);
    FAIL("accepted");
  }
  CHECK_FALSE(decode(bytes + '\0').has_value());
}

inline std::string GoldenPath(const std::string& file_name) {
  return std::string(SIBYL_GOLDEN_DIRECTORY) + "/" + file_name;
}

inline std::string ReadGolden(const std::string& file_name) {
  std::ifstream file(GoldenPath(file_name), std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void WriteGolden(const std::string& file_name, std::string_view bytes) {
  std::ofstream file(GoldenPath(file_name), std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.good());
}

}  // namespace sibyl::test

#endif  // SIBYL_TESTS_INDEX_SERIALIZED_H_
