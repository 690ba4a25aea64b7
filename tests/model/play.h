// What the tests against std::map share: options that vary with the seed, and the clock that the
// test moves.

#ifndef SIBYL_TESTS_MODEL_PLAY_H_
#define SIBYL_TESTS_MODEL_PLAY_H_

#include <atomic>
#include <cstdint>
#include <utility>

#include "tests/engine/database_fixture.h"
#include "tests/support/environment.h"

namespace sibyl::testing {

inline Options WithClock(Options options, const std::atomic<uint64_t>* now_seconds) {
  options.clock_seconds = [now_seconds] { return now_seconds->load(); };
  return options;
}

// Small generations, and each way of doing something on some of the seeds.
inline Options OptionsFor(uint64_t seed) {
  Options options = SmallOptions();
  options.background_threads = seed % 2;
  options.read_mode = seed % 3 == 0 ? ReadMode::kPread : ReadMode::kMapping;
  options.verify_every_read = seed % 4 == 0;
  options.generation_bytes = 16 << 10;
  options.range_deletion_keys = seed % 3 == 1 ? 0 : 20;
  options.transaction_memory_bytes = seed % 4 == 3 ? 64 << 20 : 16 << 10;
  return options;
}

// Lets a Player (made of a seed and options; Step, Finish) play: SIBYL_SEED, SIBYL_SEEDS and
// SIBYL_STEPS say otherwise than from seed 1 on so many seeds and steps.
template <typename Player, typename ChooseOptions>
void PlaySeeds(unsigned otherwise_seeds, unsigned otherwise_steps, ChooseOptions choose_options) {
  const uint64_t first_seed = NumberFromEnvironment("SIBYL_SEED", 1);
  const uint64_t seeds = NumberFromEnvironment("SIBYL_SEEDS", otherwise_seeds);
  const uint64_t steps = NumberFromEnvironment("SIBYL_STEPS", otherwise_steps);
  for (uint64_t seed = first_seed; seed < first_seed + seeds; ++seed) {
    INFO("replay with SIBYL_SEED=" << seed << " SIBYL_SEEDS=1 SIBYL_STEPS=" << steps);
    Player player(seed, choose_options(seed));
    for (uint64_t step = 0; step < steps; ++step) {
      INFO("step " << step);
      player.Step();
    }
    player.Finish();
  }
}

}  // namespace sibyl::testing

#endif  // SIBYL_TESTS_MODEL_PLAY_H_
