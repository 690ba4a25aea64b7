// How much a writer should wait so that the background keeps up: a little, early, and often.
//
// Writers that run at full speed until the delta is full meet a wall, and then wait for a whole
// drain. The pacer slows them down before, to the speed at which the delta was last drained, so
// that the wall is hardly ever met; and further the more runs wait to be merged, so that readers
// never have too many to look at.

#ifndef SIBYL_ENGINE_WRITE_PACER_H_
#define SIBYL_ENGINE_WRITE_PACER_H_

#include <atomic>
#include <cstdint>

#include "sibyl/options.h"

namespace sibyl::engine {

// How far the background is behind.
struct Backlog {
  uint64_t frozen_generations = 0;
  uint64_t active_bytes = 0;  // of the generation that takes the writes
  uint64_t runs = 0;
};

// DelayNs: one thread at a time. NoteDrained: any.
class WritePacer {
 public:
  // The longest that one write is delayed.
  static constexpr uint64_t kLongestDelayNs = 800'000;

  // `options` must outlive the pacer.
  explicit WritePacer(const Options& options) : options_(options) {}

  // `bytes` of the delta's memory were drained in `elapsed_ns`.
  void NoteDrained(uint64_t bytes, uint64_t elapsed_ns);

  // How long the writer of `bytes` should wait at `now_ns`; 0 mostly. What is too short to be worth
  // a sleep is remembered.
  uint64_t DelayNs(const Backlog& backlog, uint64_t bytes, uint64_t now_ns);

 private:
  double NsPerByte(const Backlog& backlog) const;

  const Options& options_;
  std::atomic<double> drain_ns_per_byte_{0};  // 0: nothing was drained yet
  uint64_t owed_ns_ = 0;
  uint64_t last_ns_ = 0;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_WRITE_PACER_H_
