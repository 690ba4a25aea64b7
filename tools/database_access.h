// From the PATH and --tree of a command line to an open database and its tree.

#ifndef SIBYL_TOOLS_DATABASE_ACCESS_H_
#define SIBYL_TOOLS_DATABASE_ACCESS_H_

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sibyl/database.h"
#include "sibyl/result.h"

namespace sibyl::tools {

// Whether `path` is the marker file of a SQL database. Errors: kInvalidArgument if it is neither
// that nor a folder nor missing, saying what it is; kIo.
Result<bool> IsSqlDatabase(const std::filesystem::path& path);

// The folder with the data of the database at `path`, whether that is the folder itself or a SQL
// database's marker file. A path with nothing there is taken as a folder.
// Errors: kInvalidArgument if `path` is something else; kIo.
Result<std::filesystem::path> DataFolder(const std::filesystem::path& path);

// Opens the database at `path`. Single commands do their work in the foreground: with
// `background_threads` 0 nothing is compacted behind their back.
// Errors: kInvalidArgument if there is none and `create` is false; those of Database::Open.
Result<std::shared_ptr<Database>> OpenDatabase(const std::filesystem::path& path, bool create,
                                               uint32_t background_threads);

// The same for reading only: touches nothing, works on a read-only medium and beside a process that
// has the database open; see Options::read_only. A missing database is kInvalidArgument.
Result<std::shared_ptr<Database>> OpenDatabaseReadOnly(const std::filesystem::path& path);

// The tree called `name`; "#7" is the tree with id 7, for those without a name.
// nullopt if there is none.
Result<std::optional<Tree>> FindTree(Database& database, std::string_view name);

// The same for writers: a name that is not taken yet becomes a new tree.
Result<Tree> FindOrCreateTree(Database& database, std::string_view name);

}  // namespace sibyl::tools

#endif  // SIBYL_TOOLS_DATABASE_ACCESS_H_
