// Whether the filters of the last level are asked: while some of the keys that a thread reads are
// absent.
//
// The last level has nearly all records. A read of a key that is there gains nothing from a filter
// and waits for a cache miss more; a read of one that is not there is spared the segment. So a
// thread asks after it read an absent key, and stops once kReads keys in a row were found. Levels
// above hardly ever have the key: their filters are always asked.

#ifndef SIBYL_ENGINE_FILTER_GATE_H_
#define SIBYL_ENGINE_FILTER_GATE_H_

#include <cstdint>

namespace sibyl::engine {

class FilterGate {
 public:
  // How many keys in a row are found before a thread stops asking.
  static constexpr uint32_t kReads = 16;

  // The calling thread's.
  static FilterGate& OfThisThread() {
    static thread_local constinit FilterGate gate;
    return gate;
  }

  bool is_open() const { return reads_left_ > 0; }
  void SawPresent() { reads_left_ -= reads_left_ > 0 ? 1 : 0; }
  void SawAbsent() { reads_left_ = kReads; }

 private:
  uint32_t reads_left_ = kReads;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_FILTER_GATE_H_
