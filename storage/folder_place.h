// A folder that must stay where it is.
//
// Files are found by their paths. Under an open database its folder may be deleted or moved away,
// and another database be made in its place: what is written or removed by path then is the
// other's. So whoever opens a database remembers which folder it was, and looks whether the path
// still leads to it before each change. (Somebody who exchanges folders between the look and the
// change is not noticed.)

#ifndef SIBYL_STORAGE_FOLDER_PLACE_H_
#define SIBYL_STORAGE_FOLDER_PLACE_H_

#include <utility>

#include "base/file_identity.h"
#include "sibyl/result.h"
#include "storage/file_system.h"

namespace sibyl::storage {

// Thread-safe.
class FolderPlace {
 public:
  // Errors: kIo if `directory` is not there.
  static Result<FolderPlace> Of(const Path& directory);

  // Errors: kIo, naming the folder, if its path leads nowhere or to another one by now. Costs one
  // system call.
  Status Check() const;

 private:
  FolderPlace(Path directory, base::FileIdentity identity)
      : directory_(std::move(directory)), identity_(std::move(identity)) {}

  Path directory_;
  base::FileIdentity identity_;
};

}  // namespace sibyl::storage

#endif  // SIBYL_STORAGE_FOLDER_PLACE_H_
