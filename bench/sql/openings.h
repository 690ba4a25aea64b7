// How long opening takes: each case runs in a process of its own, a fresh start of this program, so
// that nothing is open or cached in it before.

#ifndef SIBYL_BENCH_SQL_OPENINGS_H_
#define SIBYL_BENCH_SQL_OPENINGS_H_

#include <cstdint>
#include <string>

#include "bench/sql/sqlite_api.h"

namespace sibyl::bench {

struct OpeningTimes {
  uint64_t clean_ns = 0;       // the first connection of a process, with its first row
  uint64_t warm_ns = 0;        // the next ones, each after the last was closed: median of many
  uint64_t warm_close_ns = 0;  // closing those
  uint64_t crashed_ns = 0;     // as clean, after a process died with many rows just changed
};

// What a process is started for, on a database that nobody has open.
enum class OpeningCase : uint8_t {
  kConnections,      // opens and closes, many times
  kChangeAndDie,     // changes rows and is killed before it closes anything
  kFirstConnection,  // opens once
};

struct OpeningTask {
  OpeningCase what = OpeningCase::kConnections;
  std::string engine;  // name of the SQLite, as the program's command line knows it
  std::string path;
  uint64_t rows = 0;
  uint64_t changed_rows = 0;
};

// Measures with three processes, one after the other. Errors: kIo, also when one of them fails.
Result<OpeningTimes> MeasureOpenings(const OpeningTask& task);

// In the process that was started with the arguments of `task`.
inline constexpr const char* kOpeningOption = "--opening";  // takes the five values of a task
Status RunOpening(const SqliteApi& api, const OpeningTask& task);

}  // namespace sibyl::bench

#endif  // SIBYL_BENCH_SQL_OPENINGS_H_
