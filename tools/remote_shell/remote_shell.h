// The shell for a server: SQL and dot commands, from a person or a file.

#ifndef SIBYL_TOOLS_REMOTE_SHELL_REMOTE_SHELL_H_
#define SIBYL_TOOLS_REMOTE_SHELL_REMOTE_SHELL_H_

#include <string>
#include <vector>

#include "tools/output.h"

namespace sibyl::tools {

// Connects to `url` (postgresql://USER@HOST:PORT/DATABASE, or libpq's "host=... user=..."), asking
// for the password if the server wants one and there is a terminal, and runs `commands`, each SQL
// or a dot command, or what comes on standard input if there are none. At a terminal with a prompt,
// editing and history; elsewhere it stops at the first error, with kError.
ExitCode RunRemoteShell(const std::string& url, const std::vector<std::string>& commands);

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_REMOTE_SHELL_REMOTE_SHELL_H_
