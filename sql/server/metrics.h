// What the server counts, for Prometheus.

#ifndef SIBYL_SQL_SERVER_METRICS_H_
#define SIBYL_SQL_SERVER_METRICS_H_

#include <atomic>
#include <cstdint>

namespace sibyl::sql::server {

// Thread-safe. All but the gauges only grow.
struct Metrics {
  std::atomic<uint64_t> connections{0};  // accepted
  std::atomic<uint64_t> refused_connections{0};
  std::atomic<uint64_t> failed_logins{0};
  std::atomic<int64_t> sessions{0};  // gauge
  std::atomic<uint64_t> statements{0};
  std::atomic<uint64_t> errors{0};
  std::atomic<uint64_t> rows_sent{0};
  std::atomic<uint64_t> copied_rows{0};
  std::atomic<uint64_t> write_transactions{0};
  std::atomic<uint64_t> cancels{0};
  std::atomic<uint64_t> point_reads{0};     // statements answered without the virtual machine
  std::atomic<uint64_t> shaped_queries{0};  // simple queries run by their shape

  static void Add(std::atomic<uint64_t>* counter, uint64_t count = 1) {
    counter->fetch_add(count, std::memory_order_relaxed);
  }
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_METRICS_H_
