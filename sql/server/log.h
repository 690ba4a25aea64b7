// The server's log: one line per event, "time level event key=value ...", values quoted where they
// have spaces (logfmt).

#ifndef SIBYL_SQL_SERVER_LOG_H_
#define SIBYL_SQL_SERVER_LOG_H_

#include <cstdio>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace sibyl::sql::server {

// Thread-safe. A line that cannot be written is lost: the server goes on.
class Log {
 public:
  using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // Appends to `path`; empty: standard error. If it cannot be opened: standard error.
  explicit Log(const std::string& path);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void Info(std::string_view event, Fields fields = {}) { Write("info", event, fields); }
  void Warning(std::string_view event, Fields fields = {}) { Write("warning", event, fields); }
  void Error(std::string_view event, Fields fields = {}) { Write("error", event, fields); }

 private:
  void Write(std::string_view level, std::string_view event, Fields fields);

  std::mutex mutex_;
  std::FILE* file_;
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_LOG_H_
