// The parameter "options" of a startup packet: a command line, of which settings are taken.

#ifndef SIBYL_SQL_SERVER_STARTUP_OPTIONS_H_
#define SIBYL_SQL_SERVER_STARTUP_OPTIONS_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sql/server/sql_error.h"

namespace sibyl::sql::server {

// "-c name=value", "-cname=value" and "--name=value", in order; a backslash before a space keeps
// the words together, and in names a hyphen is an underscore. 42601 for anything else.
SqlResult<std::vector<std::pair<std::string, std::string>>> ParseStartupOptions(
    std::string_view options);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_STARTUP_OPTIONS_H_
