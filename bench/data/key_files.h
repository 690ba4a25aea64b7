// Reads key sets from files: the SOSD format, and text with one key per line.

#ifndef SIBYL_BENCH_DATA_KEY_FILES_H_
#define SIBYL_BENCH_DATA_KEY_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "sibyl/result.h"

namespace sibyl::bench {

// The whole file, decompressed if its name ends in ".zst".
// Errors: kIo, kCorruption for damaged or truncated compressed data; both name the file.
Result<std::string> ReadWholeFile(const std::string& path);

// A SOSD file (Kipf et al., "SOSD: A Benchmark for Learned Indexes", NeurIPS ML for Systems 2019):
// a little-endian 64-bit count, then as many 64-bit keys, sorted; duplicates are kept.
// Errors: as above, and kCorruption if the length does not match the count or keys are not sorted.
Result<std::vector<uint64_t>> ReadSosd(const std::string& path);

// The lines of a text file, in its order, without their newlines; empty lines are left out.
// Errors: as of ReadWholeFile.
Result<std::vector<std::string>> ReadLines(const std::string& path);

// Whether `bytes` look like a SOSD file: their length matches their first 64 bits.
bool LooksLikeSosd(const std::string& bytes);

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_DATA_KEY_FILES_H_
