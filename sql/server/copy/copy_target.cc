#include "sql/server/copy/copy_target.h"

#include <algorithm>

#include "base/status_macros.h"
#include "sql/server/describe_columns.h"
#include "sql/server/dialect/text.h"
#include "sql/server/type_oids.h"
#include "sql/server/types.h"
#include "sql/server/value_format.h"

namespace sibyl::sql::server {
namespace {

constexpr size_t kMostRowsAtOnce = 64;
constexpr size_t kMostValuesAtOnce = 1024;
constexpr size_t kMostPendingBytes = 1 << 20;  // then rows are inserted, how many they may be

// The parameter for a column.
std::string PlaceFor(const wire::FieldDescription& field) {
  if (field.type_oid != kNumericOid || field.type_modifier < 4) return "?";
  return NumericSql("?", field.type_modifier);
}

std::string ColumnList(const std::vector<std::string>& columns) {
  std::string list;
  for (const std::string& column : columns) list += (list.empty() ? "" : ",") + Quoted(column);
  return list;
}

}  // namespace

SqlResult<std::unique_ptr<CopyTarget>> CopyTarget::Open(PooledConnection* connection,
                                                        const CopyOptions& options) {
  std::unique_ptr<CopyTarget> target(new CopyTarget(connection, options));
  SIBYL_RETURN_IF_ERROR(target->Prepare());
  return target;
}

CopyTarget::~CopyTarget() {
  if (insert_ != nullptr) connection_->Release(insert_);
  if (inserts_ != nullptr) connection_->Release(inserts_);
}

SqlStatus CopyTarget::Prepare() {
  const std::string list = ColumnList(options_.columns);
  const std::string table = Quoted(options_.table);
  SIBYL_ASSIGN_OR_RETURN(
      PreparedStatement* const select,
      connection_->Prepare("SELECT " + (list.empty() ? "*" : list) + " FROM " + table));
  DescribeColumns(select->handle, {}, EmptySchema(), &fields_);
  connection_->Release(select);
  insert_into_ = "INSERT INTO " + (list.empty() ? table : table + "(" + list + ")") + " VALUES";
  row_.resize(fields_.size());
  scratch_.resize(fields_.size());
  rows_at_once_ = std::clamp<size_t>(kMostValuesAtOnce / fields_.size(), 1, kMostRowsAtOnce);
  SIBYL_ASSIGN_OR_RETURN(insert_, PrepareInsert(1));
  return SqlOk();
}

SqlResult<PreparedStatement*> CopyTarget::PrepareInsert(size_t rows) {
  std::string row;
  for (const wire::FieldDescription& field : fields_) {
    row += (row.empty() ? "(" : ",") + PlaceFor(field);
  }
  row += ')';
  std::string sql = insert_into_ + row;
  for (size_t i = 1; i < rows; ++i) sql += "," + row;
  return connection_->Prepare(sql);
}

SqlStatus CopyTarget::Consume(std::string_view bytes) {
  parser_.Feed(bytes);
  return TakeRows();
}

SqlStatus CopyTarget::Finish() {
  parser_.Finish();
  SIBYL_RETURN_IF_ERROR(TakeRows());
  const bool last_is_plain = pending_lines_.empty();
  SIBYL_RETURN_IF_ERROR(InsertOneByOne());
  if (plain_ != nullptr && last_is_plain) plain_->Finish();
  return SqlOk();
}

SqlStatus CopyTarget::TakeRows() {
  for (;;) {
    auto taken = TakeRow();
    if (!taken) {
      SIBYL_RETURN_IF_ERROR(InsertOneByOne());  // whose error would be that of an earlier line
      return InLine(std::move(taken).error(), parser_.line());
    }
    if (!*taken) return SqlOk();
    if (pending_lines_.size() == rows_at_once_ || pending_bytes_.size() > kMostPendingBytes) {
      SIBYL_RETURN_IF_ERROR(InsertPending());
    }
  }
}

// Inserts the next row, or makes it pending. False: there is none yet.
SqlResult<bool> CopyTarget::TakeRow() {
  SIBYL_ASSIGN_OR_RETURN(const bool has_row, parser_.Next(&values_));
  if (!has_row) return false;
  if (values_.size() != fields_.size()) {
    const bool few = values_.size() < fields_.size();
    return SqlError{"22P04",
                    few ? "missing data for column \"" + fields_[values_.size()].name + "\""
                        : "extra data after last expected column"};
  }
  SIBYL_RETURN_IF_ERROR(AddRow());
  return true;
}

namespace {

SqlStatus Fit(const wire::FieldDescription& field, SqlValue* value) {
  const auto most = MostCharacters(field.type_oid, field.type_modifier);
  if (!most || value->type != ValueType::kText) return SqlOk();
  const auto fitting = FitText(value->bytes, *most);
  if (!fitting) {
    return SqlError{"22001",
                    "value too long for type " + FormatType(field.type_oid, field.type_modifier)};
  }
  value->bytes = *fitting;
  return SqlOk();
}

}  // namespace

SqlStatus CopyTarget::AddRow() {
  const int16_t format = options_.format == CopyFormat::kBinary ? 1 : 0;
  for (size_t i = 0; i < values_.size(); ++i) {
    row_[i] = {};
    if (!values_[i]) continue;
    if (format != 0 || !DecodeUsualText(fields_[i].type_oid, *values_[i], &row_[i])) {
      SIBYL_ASSIGN_OR_RETURN(row_[i],
                             Decode(fields_[i].type_oid, format, *values_[i], &scratch_[i]));
    }
    SIBYL_RETURN_IF_ERROR(Fit(fields_[i], &row_[i]));
  }
  if (plain_ != nullptr && pending_lines_.empty() && plain_->Append(row_)) {
    ++rows_;
    return SqlOk();
  }
  AddPending();
  if (rows_ > 0 || pending_lines_.size() > 1) return SqlOk();
  // SQLite has now compiled the statement for the schema as it is.
  SIBYL_RETURN_IF_ERROR(InsertOneByOne());
  plain_ = PlainRows::For(insert_->handle);
  return SqlOk();
}

void CopyTarget::AddPending() {
  for (const SqlValue& value : row_) {
    pending_.push_back({value, pending_bytes_.size()});
    pending_bytes_.append(value.bytes);
  }
  pending_lines_.push_back(parser_.line());
}

SqlStatus CopyTarget::InsertPending() {
  const size_t rows = pending_lines_.size();
  if (rows < rows_at_once_ || rows == 1) return InsertOneByOne();
  if (inserts_ == nullptr) {
    SIBYL_ASSIGN_OR_RETURN(inserts_, PrepareInsert(rows_at_once_));
  }
  if (const int code = Insert(inserts_, 0, rows); code != SQLITE_DONE) {
    SqlError error = connection_->LastError(code);
    sqlite3_reset(inserts_->handle);
    if (connection_->in_transaction()) return InsertOneByOne();
    return InLine(std::move(error), pending_lines_.front());  // all is rolled back already
  }
  rows_ += rows;
  ForgetPending();
  return SqlOk();
}

SqlStatus CopyTarget::InsertOneByOne() {
  for (size_t i = 0; i < pending_lines_.size(); ++i) {
    const int code = Insert(insert_, i, 1);
    if (code != SQLITE_DONE) return InLine(connection_->LastError(code), pending_lines_[i]);
    ++rows_;
  }
  ForgetPending();
  return SqlOk();
}

// SQLite has them.
void CopyTarget::ForgetPending() {
  pending_.clear();
  pending_lines_.clear();
  pending_bytes_.clear();
  if (plain_ != nullptr) plain_->LookAgain();
}

// Returns SQLite's code.
int CopyTarget::Insert(PreparedStatement* insert, size_t first_row, size_t rows) {
  const size_t columns = fields_.size();
  for (size_t i = 0; i < rows * columns; ++i) {
    const PendingValue& pending = pending_[first_row * columns + i];
    SqlValue value = pending.value;
    value.bytes = {pending_bytes_.data() + pending.bytes_at, value.bytes.size()};
    BindValue(insert->handle, static_cast<int>(i + 1), value);
  }
  const int code = sqlite3_step(insert->handle);
  if (code == SQLITE_DONE) sqlite3_reset(insert->handle);
  return code;
}

SqlError CopyTarget::InLine(SqlError error, uint64_t line) const {
  error.detail += (error.detail.empty() ? "COPY " : " COPY ") + options_.table + ", line " +
                  std::to_string(line);
  return error;
}

}  // namespace sibyl::sql::server
