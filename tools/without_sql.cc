// The tool without SQL: see sql_support.h.

#include "tools/command.h"
#include "tools/sql_support.h"

namespace sibyl::tools {
namespace {

Error NoSql() {
  return {ErrorCode::kNotSupported, "this sibyl was built without SQL (SIBYL_SQL=OFF)"};
}

}  // namespace

bool IsSqlMarker(std::string_view) { return false; }
Result<bool> MakeSqlDatabase(const std::filesystem::path&) { return false; }
std::filesystem::path SqlDataFolder(const std::filesystem::path& path) { return path; }
Result<int> RunSqlShell(std::vector<std::string>) { return NoSql(); }
Result<int> RunServerShell(const std::string&, const std::vector<std::string>&) { return NoSql(); }
Result<std::map<Tree, std::string>> SqlTreeNames(const std::filesystem::path&) { return NoSql(); }
Result<LoadResult> LoadIntoTable(const LoadArguments&) { return NoSql(); }
Result<CopyReport> CopySqlDatabase(const std::string&, const std::string&, CopyTo) {
  return NoSql();
}

void AddServerCommands(CommandLine&) {}

}  // namespace sibyl::tools
