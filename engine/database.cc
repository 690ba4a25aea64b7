// The calls of sibyl/database.h that are others of its calls put together.

#include "sibyl/database.h"

#include "base/status_macros.h"

namespace sibyl {

Result<std::optional<std::string>> Database::Get(Tree tree, std::string_view key) {
  Value value;
  SIBYL_ASSIGN_OR_RETURN(const bool found, Get(ReadOptions{}, tree, key, &value));
  if (!found) return std::optional<std::string>();
  return std::optional<std::string>(value.Take());
}

Status Database::Put(Tree tree, std::string_view key, std::string_view value,
                     const WriteOptions& options) {
  WriteBatch batch;
  SIBYL_RETURN_IF_ERROR(batch.Put(tree, key, value));
  return Write(options, batch);
}

Status Database::Merge(Tree tree, std::string_view key, std::string_view operand,
                       const WriteOptions& options) {
  WriteBatch batch;
  SIBYL_RETURN_IF_ERROR(batch.Merge(tree, key, operand));
  return Write(options, batch);
}

Status Database::Delete(Tree tree, std::string_view key, const WriteOptions& options) {
  WriteBatch batch;
  SIBYL_RETURN_IF_ERROR(batch.Delete(tree, key));
  return Write(options, batch);
}

}  // namespace sibyl
