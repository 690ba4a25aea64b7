// Goal: models are learned where their expected lookups pay for them, and where nothing is known;
// plain ones are written only for segments that are known to die young and unread. Method: lives,
// trainings and Gets told to the policy by a made-up clock.

#include "engine/model_policy.h"

#include <catch2/catch.hpp>

namespace sibyl::engine {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kRecords = 1'000'000;

// One that has seen a segment of level 0 live for 10 s, in which so many Gets were made, and
// training that took 40 ns per record.
struct Experienced {
  explicit Experienced(uint64_t gets) : gets_so_far(gets) {
    policy.Choose({0, false, kRecords, 0, kSecond});
    policy.NoteWritten(0, 7, kSecond);
    policy.NoteRemoved(7, 11 * kSecond);
    policy.NoteTraining(true, kRecords, 40 * kRecords);
  }
  ModelChoice Choose(size_t level, bool is_last = false) {
    return policy.Choose({level, is_last, kRecords, gets_so_far, 11 * kSecond});
  }
  ModelPolicy policy;
  uint64_t gets_so_far;
};

TEST_CASE("without experience models are learned", "[engine][model_policy]") {
  ModelPolicy policy;
  const ModelChoice choice = policy.Choose({0, false, kRecords, 0, kSecond});
  CHECK(choice.learn);
  CHECK(choice.note == "learned: no experience yet");
  Experienced experienced(0);
  CHECK(experienced.Choose(1).learn);  // of level 1 no segment has lived
}

TEST_CASE("a segment that dies young and unread gets plain models", "[engine][model_policy]") {
  Experienced unread(0);
  const ModelChoice choice = unread.Choose(0);
  CHECK_FALSE(choice.learn);
  CHECK(choice.note.rfind("plain: 0 lookups", 0) == 0);
}

TEST_CASE("the last level is learned whatever happened", "[engine][model_policy]") {
  Experienced unread(0);
  CHECK(unread.Choose(0, true).learn);
}

// 40 ns of which a plain model takes 16: 24 ns more, paid by 0.32 lookups of 75 ns per record.
TEST_CASE("lookups decide, where they begin to pay", "[engine][model_policy]") {
  Experienced few(310'000);
  CHECK_FALSE(few.Choose(0).learn);
  Experienced enough(330'000);
  CHECK(enough.Choose(0).learn);
}

TEST_CASE("what plain models were seen to cost replaces the estimate", "[engine][model_policy]") {
  Experienced few(310'000);
  few.policy.NoteTraining(false, kRecords, 20 * kRecords);
  CHECK(few.Choose(0).learn);
}

TEST_CASE("where plain models cost no less, models are learned", "[engine][model_policy]") {
  Experienced unread(0);
  unread.policy.NoteTraining(false, kRecords, 50 * kRecords);
  CHECK(unread.Choose(0).learn);
}

TEST_CASE("segments that were there before, and empty ones, teach nothing",
          "[engine][model_policy]") {
  ModelPolicy policy;
  policy.Choose({0, false, kRecords, 0, kSecond});
  policy.NoteRemoved(3, 2 * kSecond);
  policy.NoteTraining(true, 0, 100);
  CHECK(policy.Choose({0, false, kRecords, 0, 2 * kSecond}).note == "learned: no experience yet");
}

TEST_CASE("an empty database divides by nothing", "[engine][model_policy]") {
  Experienced unread(5);
  CHECK(unread.policy.Choose({0, false, 0, 5, 11 * kSecond}).learn);
}

}  // namespace
}  // namespace sibyl::engine
