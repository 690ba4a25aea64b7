// Key sets made to hurt learned indexes. An index that people may trust answers right on all of
// them, at no more than a stated multiple of a B-tree's memory and work
// (tests/index/adversary_test.cc).

#ifndef SIBYL_BENCH_DATA_ADVERSARIES_H_
#define SIBYL_BENCH_DATA_ADVERSARIES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace sibyl::bench {

inline constexpr std::string_view kAdversaries[] = {"poisoned", "clustered", "doubling", "runs",
                                                    "denormal"};

// About `count` sorted keys of one of these kinds, the same every time; nullopt for another kind.
//   poisoned   uniform keys, with one key in ten put where it spoils the line through its thousand
//              neighbours most: the greedy attack of Kornaropoulos, Ren and Tamassia, "The Price of
//              Tailoring the Index to Your Data: Poisoning Attacks on Learned Index Structures"
//              (SIGMOD 2022), section 4, on every leaf
//   clustered  clusters within clusters, eight levels deep: no level of a model learns much
//   doubling   gaps that double, over and over: no line fits more than a few
//   runs       equal keys, in runs of up to a tenth of all keys, between single ones
//   denormal   the images (sibyl/key_order.h) of doubles: half of them denormal numbers, which are
//              neighbours in the image, half with random exponents, which are worlds apart
std::optional<std::vector<uint64_t>> GenerateAdversary(std::string_view kind, size_t count);

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_DATA_ADVERSARIES_H_
