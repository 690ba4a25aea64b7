// Goal: mutual exclusion, whoever enters, and nobody waits for ever, while the bias is given and
// taken at any moment.
// Method: one thread alone, nested; then two and more that count under the mutex without atomics,
// with the bias taken at the start, in the middle, or while the owner is inside.

#include "base/biased_mutex.h"

#include <catch2/catch.hpp>
#include <memory>
#include <thread>
#include <vector>

using sibyl::base::BiasedMutex;

namespace {

// Whether another thread can enter.
bool IsFree(BiasedMutex& mutex) {
  bool entered = false;
  std::thread([&] {
    entered = mutex.try_lock();
    if (entered) mutex.unlock();
  }).join();
  return entered;
}

}  // namespace

TEST_CASE("a thread enters again and again", "[base][biased_mutex]") {
  BiasedMutex mutex(GENERATE(true, false));
  for (int round = 0; round < 3; ++round) {
    mutex.lock();
    mutex.lock();
    REQUIRE(mutex.try_lock());
    mutex.unlock();
    mutex.unlock();
    CHECK_FALSE(IsFree(mutex));  // in the first round this asks for the bias
    mutex.unlock();
    CHECK(IsFree(mutex));
  }
}

TEST_CASE("a mutex that nobody entered goes to who tries", "[base][biased_mutex]") {
  BiasedMutex mutex(true);
  REQUIRE(mutex.try_lock());
  CHECK_FALSE(IsFree(mutex));
  mutex.unlock();
  CHECK(IsFree(mutex));
  REQUIRE(mutex.try_lock());
  mutex.unlock();
}

TEST_CASE("who waits for the owner gets in when it leaves", "[base][biased_mutex]") {
  BiasedMutex mutex(true);
  mutex.lock();
  mutex.lock();
  bool entered = false;
  std::thread other([&] {
    mutex.lock();
    entered = true;
    mutex.unlock();
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(10));  // it waits by now, most likely
  mutex.unlock();
  mutex.lock();  // still inside, although somebody waits
  CHECK_FALSE(entered);
  mutex.unlock();
  mutex.unlock();
  other.join();
  CHECK(entered);
}

TEST_CASE("threads exclude one another while the bias is taken", "[base][biased_mutex]") {
  const int threads = GENERATE(2, 4);
  INFO("threads=" << threads);
  for (int round = 0; round < 200; ++round) {
    BiasedMutex mutex(true);
    uint64_t count = 0;  // not atomic: the sanitizer or the sum shows who was not alone
    std::vector<std::thread> others;
    const int alone = round % 50;  // how far the owner gets before the others come
    for (int i = 0; i < alone; ++i) {
      mutex.lock();
      ++count;
      mutex.unlock();
    }
    constexpr int kTurns = 200;
    const auto work = [&] {
      for (int i = 0; i < kTurns; ++i) {
        mutex.lock();
        mutex.lock();
        ++count;
        mutex.unlock();
        ++count;
        mutex.unlock();
      }
    };
    for (int i = 1; i < threads; ++i) others.emplace_back(work);
    work();
    for (std::thread& other : others) other.join();
    REQUIRE(count == static_cast<uint64_t>(alone) + 2u * kTurns * static_cast<uint64_t>(threads));
  }
}

TEST_CASE("an owner that has ended does not keep the bias", "[base][biased_mutex]") {
  BiasedMutex mutex(true);
  std::thread([&] {
    mutex.lock();
    mutex.unlock();
  }).join();
  mutex.lock();
  CHECK_FALSE(IsFree(mutex));
  mutex.unlock();
  CHECK(IsFree(mutex));
}
