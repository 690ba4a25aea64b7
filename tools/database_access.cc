#include "tools/database_access.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/status_macros.h"
#include "base/text.h"
#include "tools/sql_support.h"

namespace sibyl::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSqliteMagic("SQLite format 3\0", 16);

Error NotADatabase(const fs::path& path, const std::string& why) {
  return {ErrorCode::kInvalidArgument, path.string() + " " + why};
}

// The first bytes of a file, enough to tell what it is. Errors: kIo.
Result<std::string> FirstBytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(64, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (file.bad() || !file.is_open()) {
    return Error{ErrorCode::kIo, "cannot read " + path.string() + ": " + std::strerror(errno)};
  }
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

Result<Tree> CreateTreeForId(std::string_view name) {
  return Error{ErrorCode::kInvalidArgument,
               "no tree \"" + std::string(name) + "\", and ids cannot be chosen: give it a name"};
}

}  // namespace

Result<bool> IsSqlDatabase(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status) || status.type() == fs::file_type::not_found) return false;
  if (!fs::is_regular_file(status)) {
    return NotADatabase(path, error ? "cannot be looked at: " + error.message()
                                    : "is neither a folder nor a regular file");
  }
  SIBYL_ASSIGN_OR_RETURN(const std::string bytes, FirstBytes(path));
  if (IsSqlMarker(bytes)) return true;
  if (bytes.starts_with(kSqliteMagic)) {
    return NotADatabase(path, "is a file in SQLite's own format: open it with sibyl shell");
  }
  return NotADatabase(
      path, bytes.empty() ? "is an empty file, not a database" : "is not a SibylDB database");
}

Result<fs::path> DataFolder(const fs::path& path) {
  SIBYL_ASSIGN_OR_RETURN(const bool is_sql, IsSqlDatabase(path));
  return is_sql ? SqlDataFolder(path) : path;
}

Result<std::shared_ptr<Database>> OpenDatabase(const fs::path& path, bool create,
                                               uint32_t background_threads) {
  SIBYL_ASSIGN_OR_RETURN(const fs::path folder, DataFolder(path));
  std::error_code ignored;
  if (!create && !fs::is_directory(folder, ignored)) {
    return NotADatabase(path, "is not there: no database to open");
  }
  Options options;
  options.create_if_missing = create;
  options.background_threads = background_threads;
  return Database::Open(options, folder);
}

Result<std::shared_ptr<Database>> OpenDatabaseReadOnly(const fs::path& path) {
  SIBYL_ASSIGN_OR_RETURN(const fs::path folder, DataFolder(path));
  Options options;
  options.read_only = true;
  return Database::Open(options, folder);
}

Result<std::optional<Tree>> FindTree(Database& database, std::string_view name) {
  if (!name.starts_with('#')) return database.FindTree(name);
  const auto id = base::ParseNumber<uint32_t>(name.substr(1));
  if (!id) return std::optional<Tree>();
  SIBYL_ASSIGN_OR_RETURN(const std::vector<TreeInfo> trees, database.ListTrees());
  const bool known = std::any_of(trees.begin(), trees.end(),
                                 [&](const TreeInfo& info) { return info.tree.id == *id; });
  return known ? std::optional<Tree>(Tree{*id}) : std::nullopt;
}

Result<Tree> FindOrCreateTree(Database& database, std::string_view name) {
  SIBYL_ASSIGN_OR_RETURN(const std::optional<Tree> tree, FindTree(database, name));
  if (tree.has_value()) return *tree;
  if (name.starts_with('#')) return CreateTreeForId(name);
  return database.CreateTree(name);
}

}  // namespace sibyl::tools
