// Goal: a packed column gives back every integer exactly and finds every lower bound, at the edges of
// 64 bits and for any shape of gaps, on every vector unit; and it is used only where it is smaller.
// Method: columns of awkward shapes against the integers they were made from, in a buffer of exactly
// their size, under the address sanitizer.

#include "storage/packed_column.h"

#include <hwy/highway.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <vector>

namespace sibyl::storage {
namespace {

constexpr uint64_t kMax = ~uint64_t{0};

void OnEveryTarget(const std::function<void()>& run) {
  for (int64_t left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1) {
    const int64_t target = left & -left;
    INFO("target " << hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    run();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

// The column on the heap and of exactly its size, so that the sanitizer sees every byte read beyond.
class ExactColumn {
 public:
  explicit ExactColumn(const std::string& bytes) : bytes_(new char[bytes.size()]) {
    std::memcpy(bytes_.get(), bytes.data(), bytes.size());
  }
  PackedColumn column() const { return PackedColumn(bytes_.get()); }

 private:
  const std::unique_ptr<char[]> bytes_;
};

// Checks everything if the integers can be packed; returns the bits of a residual, or -1.
int CheckColumn(const std::vector<uint64_t>& integers) {
  std::string bytes = "before";
  const bool packed = PackedColumn::Append(integers, &bytes);
  REQUIRE(bytes.starts_with("before"));
  bytes.erase(0, 6);
  REQUIRE(packed == !bytes.empty());
  if (!packed) return -1;
  REQUIRE(bytes.size() < integers.size() * sizeof(uint64_t));
  const int bits = bytes[0];
  REQUIRE(bytes.size() == PackedColumn::Bytes(integers.size(), static_cast<uint64_t>(bits)));
  const ExactColumn exact(bytes);
  const auto count = static_cast<uint32_t>(integers.size());
  for (uint32_t i = 0; i < count; ++i) REQUIRE(exact.column().At(i) == integers[i]);
  const auto check = [&](uint64_t target) {
    const auto expected = std::lower_bound(integers.begin(), integers.end(), target);
    REQUIRE(exact.column().LowerBound(count, target) == expected - integers.begin());
  };
  for (const uint64_t integer : integers) {
    check(integer);
    check(integer + 1);
    check(integer - 1);
  }
  for (int bit = 0; bit < 64; ++bit) check(uint64_t{1} << bit);
  check(0);
  check(kMax);
  return bits;
}

std::vector<uint64_t> Evenly(size_t count, uint64_t first, uint64_t gap) {
  std::vector<uint64_t> integers;
  for (size_t i = 0; i < count; ++i) integers.push_back(first + i * gap);
  return integers;
}

TEST_CASE("packed columns are exact at the edges", "[storage][packed]") {
  OnEveryTarget([] {
    // On the line: no residuals at all.
    CHECK(CheckColumn(Evenly(40, 0, 0)) == 0);
    CHECK(CheckColumn(Evenly(40, kMax, 0)) == 0);
    CHECK(CheckColumn(Evenly(1000, 7, 1)) == 0);
    CHECK(CheckColumn(Evenly(16, kMax - 15, 1)) == 0);
    CHECK(CheckColumn(Evenly(40, 0, kMax / 39)) == 0);  // from 0 to 2^64 - 1
    // Too few to be worth the column's head.
    CHECK(CheckColumn({5}) == -1);
    CHECK(CheckColumn({5, 5}) == -1);
    CHECK(CheckColumn({5, 5, 5}) == 0);
    // Both extremes, and nothing between: as far from a line as can be.
    std::vector<uint64_t> halves(20, 0);
    halves.insert(halves.end(), 20, kMax);
    CHECK(CheckColumn(halves) == -1);
    CHECK(CheckColumn({0, kMax - 2, kMax - 1, kMax}) == -1);
    // One wide gap beside many narrow ones; equal integers between different ones.
    std::vector<uint64_t> gap = Evenly(300, 1, 1);
    gap.push_back(uint64_t{1} << 40);
    CHECK(CheckColumn(gap) > 30);
    std::vector<uint64_t> runs;
    for (uint64_t i = 0; i < 200; ++i) runs.push_back(i / 17 * 1000);
    CHECK(CheckColumn(runs) > 5);
  });
}

TEST_CASE("packed columns of every width are exact", "[storage][packed]") {
  OnEveryTarget([] {
    std::mt19937_64 random(1);
    for (int bits = 1; bits <= 60; ++bits) {
      for (const size_t count : {3, 15, 16, 17, 40, 301}) {
        INFO("bits " << bits << ", count " << count);
        std::vector<uint64_t> integers(count);
        for (auto& integer : integers) integer = random() >> (64 - bits);
        const uint64_t shift = random() % 2 == 0 ? 0 : kMax - (kMax >> (64 - bits));
        for (auto& integer : integers) integer += shift;
        std::sort(integers.begin(), integers.end());
        const int packed = CheckColumn(integers);
        REQUIRE(packed <= std::min(bits, static_cast<int>(PackedColumn::kMostBits)));
        if (count >= 40 && bits <= 50) REQUIRE(packed >= 0);
      }
    }
  });
}

TEST_CASE("packed columns of skewed gaps are exact", "[storage][packed]") {
  std::mt19937_64 random(2);
  for (int round = 0; round < 300; ++round) {
    INFO("round " << round);
    std::vector<uint64_t> integers(3 + random() % 100);
    uint64_t next = random() >> (random() % 64);
    for (auto& integer : integers) {
      integer = next;
      const uint64_t gap = random() >> (16 + random() % 48);
      next = next > kMax - gap ? kMax : next + gap;
    }
    CheckColumn(integers);
  }
}

// As the windows of keys that end within them: the zeros behind cost nothing.
TEST_CASE("zeros at the end of all integers are not stored", "[storage][packed]") {
  OnEveryTarget([] {
    std::mt19937_64 random(6);
    for (uint64_t shift = 1; shift < 64; ++shift) {
      INFO("shift " << shift);
      std::vector<uint64_t> integers(40);
      for (auto& integer : integers) integer = random() >> shift;
      integers[0] = 1;  // so that no more than these are zeros
      std::sort(integers.begin(), integers.end());
      const int bits = CheckColumn(integers);
      for (auto& integer : integers) integer <<= shift;
      CHECK(CheckColumn(integers) == bits);
    }
  });
}

// The line of 64-bit arithmetic: what is packed is smaller by what its keys' gaps say.
TEST_CASE("evenly spread integers take the bits of a few gaps", "[storage][packed]") {
  std::mt19937_64 random(3);
  std::vector<uint64_t> integers(1 << 20);
  for (auto& integer : integers) integer = random();
  std::sort(integers.begin(), integers.end());
  for (size_t begin = 0; begin + 40 <= integers.size(); begin += 1 << 16) {
    const int bits = CheckColumn({integers.begin() + static_cast<ptrdiff_t>(begin),
                                  integers.begin() + static_cast<ptrdiff_t>(begin + 40)});
    CHECK(bits > 0);
    CHECK(bits <= 44 + 5);  // the gap has 44
  }
}

TEST_CASE("disordered integers give some slot", "[storage][packed]") {
  OnEveryTarget([] {
    std::mt19937_64 random(4);
    for (int round = 0; round < 200; ++round) {
      const uint32_t count = 1 + random() % 60;
      std::string bytes(PackedColumn::Bytes(count, round % (PackedColumn::kMostBits + 1)), '\0');
      for (char& c : bytes) c = static_cast<char>(random());
      bytes[0] = static_cast<char>(round % (PackedColumn::kMostBits + 1));
      const ExactColumn exact(bytes);
      for (int i = 0; i < 20; ++i) {
        REQUIRE(exact.column().LowerBound(count, random()) <= count);
      }
    }
  });
}

}  // namespace
}  // namespace sibyl::storage
