// SQLite's own speedtest1, from its source package, built once for each SQLite.

#ifndef SIBYL_BENCH_SQL_SPEEDTEST_H_
#define SIBYL_BENCH_SQL_SPEEDTEST_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sibyl/result.h"

namespace sibyl::bench {

struct SpeedtestLine {
  std::string name;             // "100 - 50000 INSERTs into table with no index", or "TOTAL"
  std::vector<double> seconds;  // median per program
};

// Runs each program `rounds` times in turn, always on a fresh database in `directory`.
// Errors: kIo if one cannot be run, fails, or has other lines than the first.
Result<std::vector<SpeedtestLine>> RunSpeedtest(const std::vector<std::string>& programs,
                                                const std::filesystem::path& directory,
                                                uint32_t size, uint32_t rounds);

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_SQL_SPEEDTEST_H_
