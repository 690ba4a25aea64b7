// Runs SQL on a server, shows what comes back, and lets Ctrl-C cancel it.

#ifndef SIBYL_TOOLS_REMOTE_SHELL_QUERY_RUNNER_H_
#define SIBYL_TOOLS_REMOTE_SHELL_QUERY_RUNNER_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tools/pq_connection.h"
#include "tools/remote_shell/row_text.h"

namespace sibyl::tools {

// One thread. While it lives SIGINT does not end the process.
class QueryRunner {
 public:
  // Gives the next line of input, for COPY ... FROM STDIN; nullopt: there is none.
  using NextLine = std::function<std::optional<std::string>()>;

  QueryRunner(PqConnection connection, NextLine next_line);
  ~QueryRunner();
  QueryRunner(const QueryRunner&) = delete;
  QueryRunner& operator=(const QueryRunner&) = delete;

  RowMode mode = RowMode::kTable;
  bool shows_time = false;

  PGconn* connection() { return connection_.get(); }

  // All statements of `sql`: rows to standard output, errors and notices to standard error. False:
  // one failed, and the rest was not run.
  bool Run(const std::string& sql);

  // One statement, with texts for $1, $2, ...; what it answers is given back. Null: it failed, and
  // why was said.
  PqResult Ask(const std::string& sql, const std::vector<std::string>& parameters);

 private:
  bool Wait();
  PqResult NextResult();
  bool Show(const PGresult* result);
  bool SendCopy();
  bool ReceiveCopy();
  bool Complain() const;  // false

  const PqConnection connection_;
  const NextLine next_line_;
  int interrupts_;           // a signalfd of SIGINT
  bool is_in_rows_ = false;  // some of an answer were shown, and it goes on
};

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_REMOTE_SHELL_QUERY_RUNNER_H_
