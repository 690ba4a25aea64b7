// What the tool needs from SQL. Two implementations: with_sql.cc, and without_sql.cc for builds
// configured with SIBYL_SQL=OFF, in which each call is a clear error.

#ifndef SIBYL_TOOLS_SQL_SUPPORT_H_
#define SIBYL_TOOLS_SQL_SUPPORT_H_

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sibyl/result.h"
#include "sibyl/tree.h"
#include "tools/commands/load.h"
#include "tools/sqlite_copy.h"

namespace sibyl::tools {

// Whether a file that begins with these bytes is the marker of a SQL database of ours.
bool IsSqlMarker(std::string_view first_bytes);

// The folder with the data of the SQL database whose marker file is `path`.
std::filesystem::path SqlDataFolder(const std::filesystem::path& path);

// If the database in `folder`, a copy of another, is a SQL database, its folder becomes FOLDER-sibyl
// and `folder` its marker file. Returns whether it is. Errors: kInvalidArgument if FOLDER-sibyl is
// taken: the database then stays where it is.
Result<bool> MakeSqlDatabase(const std::filesystem::path& folder);

// Runs SQLite's shell with the words of its command line, its name first. Returns its exit code.
Result<int> RunSqlShell(std::vector<std::string> arguments);

// A shell for the server at `url`: see remote_shell.h. Returns its exit code.
Result<int> RunServerShell(const std::string& url, const std::vector<std::string>& commands);

// The names of the tables and indexes that the trees of the SQL database at `path` hold.
Result<std::map<Tree, std::string>> SqlTreeNames(const std::filesystem::path& path);

// As LoadIntoTree, into arguments.table.
Result<LoadResult> LoadIntoTable(const LoadArguments& arguments);

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_SQL_SUPPORT_H_
