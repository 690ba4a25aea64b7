// From what the user names on the command line to a key set.

#ifndef SIBYL_BENCH_WORKLOAD_KEY_SOURCE_H_
#define SIBYL_BENCH_WORKLOAD_KEY_SOURCE_H_

#include <cstddef>
#include <string>

#include "bench/workload/key_set.h"
#include "sibyl/result.h"

namespace sibyl::bench {

// `spec` is a file (SOSD uint64 or newline text; .zst of either) or KIND:COUNT of a generated set.
// At most `max_keys` keys are kept, evenly spread; 0 keeps all.
// Errors: kInvalidArgument, naming the spec; kIo and kCorruption, naming the file.
Result<KeySet> LoadKeySet(const std::string& spec, size_t max_key_bytes, size_t max_keys);

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_WORKLOAD_KEY_SOURCE_H_
