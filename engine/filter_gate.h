// What a thread's last reads say of its next one: whether the filters of the last level are asked,
// and whether the key is expected to be there at all.
//
// The last level has nearly all records. A read of a key that is there gains nothing from a filter
// and waits for a cache miss more; a read of one that is not there is spared the segment. So a
// thread asks after it read an absent key, and stops once kReads keys in a row were found. Levels
// above hardly ever have the key: their filters are always asked.
//
// After some absent keys in a row the next one is expected to be absent as well: then the filter is
// asked before the model, and nobody asks memory for a value. After some that a generation decided
// in a row, the next is expected there too: then levels are thought of only once it is not. A wrong
// guess costs time only.

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

  // After how many absent keys in a row the next is expected to be absent; the same of keys in
  // generations.
  static constexpr uint32_t kInARow = 4;

  bool is_open() const { return reads_left_ > 0; }
  bool expects_absent() const { return absent_in_a_row_ >= kInARow; }
  bool expects_in_generation() const { return in_generation_in_a_row_ >= kInARow; }

  // Whether the filters of a level are asked.
  bool Asks(bool is_last_level) const { return !is_last_level || is_open(); }

  void SawPresent() {
    reads_left_ -= reads_left_ > 0 ? 1 : 0;
    absent_in_a_row_ = 0;
    in_generation_in_a_row_ = 0;
  }
  void SawAbsent() {
    reads_left_ = kReads;
    ++absent_in_a_row_;
    in_generation_in_a_row_ = 0;
  }
  void SawInGeneration() { ++in_generation_in_a_row_; }

 private:
  uint32_t reads_left_ = kReads;
  uint64_t absent_in_a_row_ = 0;
  uint64_t in_generation_in_a_row_ = 0;
};

}  // namespace sibyl::engine

#endif  // SIBYL_ENGINE_FILTER_GATE_H_
