// Goal: no two running threads share a number, numbers return, and running out is survived.

#include "base/thread_index.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <set>
#include <thread>
#include <vector>

namespace sibyl::base {
namespace {

// The numbers of `count` threads that all run at the same moment.
std::vector<size_t> NumbersOfThreads(size_t count) {
  std::vector<size_t> numbers(count);
  std::atomic<size_t> arrived{0};
  std::vector<std::thread> threads;
  for (size_t i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      numbers[i] = ThreadIndex();
      ++arrived;
      while (arrived < count) std::this_thread::yield();
      if (ThreadIndex() != numbers[i]) numbers[i] = kMaxThreadIndexes;
    });
  }
  for (auto& thread : threads) thread.join();
  return numbers;
}

TEST_CASE("running threads have different numbers, again and again", "[base][thread]") {
  const size_t mine = ThreadIndex();
  for (int round = 0; round < 20; ++round) {
    const std::vector<size_t> numbers = NumbersOfThreads(32);
    const std::set<size_t> distinct(numbers.begin(), numbers.end());
    CHECK(distinct.size() == numbers.size());
    CHECK(*distinct.rbegin() <= 32);  // the numbers of threads that ended are used again
    CHECK(distinct.count(mine) == 0);
  }
}

TEST_CASE("threads beyond the last number are told so", "[base][thread]") {
  const size_t mine = ThreadIndex();
  const std::vector<size_t> numbers = NumbersOfThreads(kMaxThreadIndexes + 3);
  std::multiset<size_t> given(numbers.begin(), numbers.end());
  CHECK(given.count(kMaxThreadIndexes) == 4);
  CHECK(given.count(mine) == 0);
  CHECK(ThreadIndex() == mine);
}

}  // namespace
}  // namespace sibyl::base
