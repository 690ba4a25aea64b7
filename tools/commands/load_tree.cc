// Rows become records of a tree, on the fast road: straight to segments.

#include <string_view>

#include "base/coding.h"
#include "base/status_macros.h"
#include "tools/commands/load.h"
#include "tools/database_access.h"
#include "tools/text_table.h"

namespace sibyl::tools {
namespace {

// Everything after the first field, as it was in the file but for the quoting of CSV.
std::string JoinRest(const std::vector<std::string>& fields) {
  std::string value = fields[1];
  for (size_t i = 2; i < fields.size(); ++i) {
    value += '\t';
    value += fields[i];
  }
  return value;
}

// Turns the rows of a stream into records. One at a time; the last one stays in place.
class RecordMaker {
 public:
  RecordMaker(const LoadArguments& arguments, RowStream* rows)
      : arguments_(arguments), rows_(rows) {}

  Result<std::optional<Record>> Next() {
    SIBYL_ASSIGN_OR_RETURN(const bool more, rows_->Next(&fields_));
    if (!more) return std::optional<Record>();
    auto status = MakeRecord();
    if (!status) {
      Error error = std::move(status).error();
      error.message = rows_->Where() + ": " + error.message;
      return error;
    }
    return std::optional<Record>(Record{key_, value_});
  }

 private:
  Status MakeRecord() {
    KeyFormat format = arguments_.keys;
    if (rows_->has_integer_keys() && format == KeyFormat::kText) format = KeyFormat::kU64;
    const bool verbatim = format == KeyFormat::kText && !arguments_.escaped;
    if (verbatim) {
      key_ = fields_[0];
    } else {
      SIBYL_ASSIGN_OR_RETURN(key_, ParseKey(fields_[0], format));
    }
    value_ = fields_.size() > 1 ? JoinRest(fields_) : std::to_string(rows_->rows() - 1);
    if (arguments_.escaped) {
      SIBYL_ASSIGN_OR_RETURN(value_, Unescape(value_));
    }
    return Ok();
  }

  const LoadArguments& arguments_;
  RowStream* rows_;
  std::vector<std::string> fields_;
  std::string key_;
  std::string value_;
};

}  // namespace

Result<LoadResult> LoadIntoTree(const LoadArguments& arguments) {
  SIBYL_ASSIGN_OR_RETURN(const auto database, OpenDatabase(arguments.path, /*create=*/true,
                                                           /*background_threads=*/1));
  SIBYL_ASSIGN_OR_RETURN(const Tree tree, FindOrCreateTree(*database, arguments.tree));
  RowStream rows(arguments.files, arguments.rows);
  RecordMaker records(arguments, &rows);
  SIBYL_ASSIGN_OR_RETURN(
      const IngestResult ingested,
      database->Ingest(
          tree, [&] { return records.Next(); }, IngestOptions{.sorted = arguments.sorted}));
  return LoadResult{
      rows.rows(), rows.input_bytes(),
      Counted(ingested.records, "key") + " in " + Counted(ingested.segments, "segment")};
}

}  // namespace sibyl::tools
