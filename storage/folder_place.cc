#include "storage/folder_place.h"

#include "base/status_macros.h"

namespace sibyl::storage {

Result<FolderPlace> FolderPlace::Of(const Path& directory) {
  SIBYL_ASSIGN_OR_RETURN(auto identity, base::FileIdentity::Of(directory));
  return FolderPlace(directory, std::move(identity));
}

Status FolderPlace::Check() const {
  if (identity_.IsAt(directory_)) return Ok();
  return Error{ErrorCode::kIo,
               directory_.string() +
                   ": deleted or moved since the database was opened; nothing can be written"};
}

}  // namespace sibyl::storage
