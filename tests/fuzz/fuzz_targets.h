// Every decoder of bytes from outside, as something to throw bytes at.
//
// Run by libFuzzer (scripts/fuzz.sh) and, on the seeds and simple mutations of them, by the default
// tests. A decoder may refuse, or accept and answer whatever it likes: it must not crash, read out
// of bounds, or take much more time or memory than the bytes are worth. Where it accepts, encoding
// again must give the same bytes.
//
// Checksums would keep nearly every mutation out, so where a format ends with one, the target puts
// the right one there first: what is tried is the code behind it.

#ifndef SIBYL_TESTS_FUZZ_FUZZ_TARGETS_H_
#define SIBYL_TESTS_FUZZ_FUZZ_TARGETS_H_

#include <string>
#include <string_view>
#include <vector>

namespace sibyl::testing {

struct FuzzTarget {
  const char* name;
  void (*run)(std::string_view bytes);  // aborts where the decoder breaks its promise
  std::vector<std::string> (*seeds)();  // valid input, small
  int cost = 1;  // of a run, against a decoder's: the default tests do fewer of the dear ones
};

const std::vector<FuzzTarget>& FuzzTargets();

// Those of the folder index, which are among them.
std::vector<FuzzTarget> IndexFuzzTargets();

// Aborts unless.
void Demand(bool condition);

// `bytes` with the checksum of all but the last 8 in those.
std::string WithChecksum(std::string_view bytes);

}  // namespace sibyl::testing

#endif  // SIBYL_TESTS_FUZZ_FUZZ_TARGETS_H_
