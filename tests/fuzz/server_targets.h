// The server's decoders of what clients send, as fuzz targets; see fuzz_targets.h.

#ifndef SIBYL_TESTS_FUZZ_SERVER_TARGETS_H_
#define SIBYL_TESTS_FUZZ_SERVER_TARGETS_H_

#include <vector>

#include "tests/fuzz/fuzz_targets.h"

namespace sibyl::testing {

std::vector<FuzzTarget> ServerFuzzTargets();

}  // namespace sibyl::testing

#endif  // SIBYL_TESTS_FUZZ_SERVER_TARGETS_H_
