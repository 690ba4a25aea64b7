// The marker: the small regular file PATH that stands for the database whose data lies in
// PATH-sibyl/. Programs that create, stat, copy or delete "the database file" deal with it; its
// UUID, which the data has too, tells when marker and data no longer belong together.
//
// Format: 16 bytes "SibylDB marker 1", newline, the UUID (36 characters), newline, one line for
// human readers. An empty file is a database not yet created.

#ifndef SIBYL_SQL_MARKER_FILE_H_
#define SIBYL_SQL_MARKER_FILE_H_

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "sibyl/result.h"

namespace sibyl::sql {

// True if a file that begins with these bytes is a marker, of this version or another.
bool IsMarker(std::string_view first_bytes);

// A new random (version 4) UUID in its usual text form. Errors: kIo.
Result<std::string> NewUuid();

// The UUID that the marker at `path` names; nullopt if the file is empty.
// Errors: kIo; kNotSupported for another version; kCorruption for anything else, naming the file.
Result<std::optional<std::string>> ReadMarker(const std::filesystem::path& path);

// The same for the bytes of a marker; `path` is for messages.
Result<std::optional<std::string>> ParseMarker(const std::filesystem::path& path,
                                               std::string_view text);

// Turns the existing empty file at `path` into a marker, in place, so that its permissions and
// its identity stay; durable when it returns. Errors: kIo.
Status WriteMarker(const std::filesystem::path& path, std::string_view uuid);

}  // namespace sibyl::sql

#endif  // SIBYL_SQL_MARKER_FILE_H_
