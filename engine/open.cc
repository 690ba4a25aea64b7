// Database::Open: the product's outside world, POSIX files and RocksDB's log.

#include "base/status_macros.h"
#include "engine/database_impl.h"
#include "engine/recovery.h"
#include "engine/registry.h"
#include "sibyl/database.h"

namespace sibyl {

Result<std::shared_ptr<Database>> Database::Open(const Options& options,
                                                 const std::filesystem::path& directory) {
  const engine::Environment environment{&storage::PosixFileSystem(), storage::OpenRocksDbLog};
  SIBYL_RETURN_IF_ERROR(engine::PrepareDirectory(*environment.files, options, directory));
  SIBYL_ASSIGN_OR_RETURN(std::shared_ptr<engine::DatabaseImpl> database,
                         engine::Registry::Instance().OpenOnce(directory, [&] {
                           return engine::DatabaseImpl::Open(options, directory, environment);
                         }));
  return std::shared_ptr<Database>(std::move(database));
}

}  // namespace sibyl
