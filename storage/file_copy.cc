#include "storage/file_copy.h"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>

#include "base/checksum.h"
#include "base/status_macros.h"

namespace sibyl::storage {
namespace {

constexpr uint64_t kPieceBytes = 1 << 20;  // part of what a checksum means: never change

// Hands the file over piece by piece.
Result<FileContent> ReadPieces(FileSystem& files, const Path& path,
                               const std::function<Status(std::string_view)>& visit) {
  SIBYL_ASSIGN_OR_RETURN(const auto file, files.Open(path));
  FileContent content;
  std::string piece;
  while (content.bytes < file->size_bytes()) {
    piece.resize(std::min(kPieceBytes, file->size_bytes() - content.bytes));
    SIBYL_RETURN_IF_ERROR(file->Read(content.bytes, piece.size(), piece.data()));
    SIBYL_RETURN_IF_ERROR(visit(piece));
    content.bytes += piece.size();
    content.checksum = base::Checksum(piece, content.checksum);
  }
  return content;
}

Result<FileContent> CopyPieces(FileSystem& files, const Path& from, const Path& to) {
  SIBYL_ASSIGN_OR_RETURN(const auto copy, files.Create(to));
  SIBYL_ASSIGN_OR_RETURN(
      const FileContent content,
      ReadPieces(files, from, [&](std::string_view piece) { return copy->Append(piece); }));
  SIBYL_RETURN_IF_ERROR(copy->Sync());
  return content;
}

}  // namespace

Result<FileContent> ReadContent(FileSystem& files, const Path& path) {
  return ReadPieces(files, path, [](std::string_view) { return Ok(); });
}

Result<FileContent> CopyFile(FileSystem& files, const Path& from, const Path& to) {
  auto copied = CopyPieces(files, from, to);
  if (!copied) (void)files.Remove(to);  // the first error is the one to report
  return copied;
}

Result<uint64_t> LinkOrCopyFile(FileSystem& files, const Path& from, const Path& to) {
  const Status linked = files.Link(from, to);
  if (linked) return uint64_t{0};
  if (linked.error().code != ErrorCode::kNotSupported) return linked.error();
  SIBYL_ASSIGN_OR_RETURN(const FileContent content, CopyFile(files, from, to));
  return content.bytes;
}

}  // namespace sibyl::storage
