#include "sql/server/copy/copy_writer.h"

#include <algorithm>

#include "base/status_macros.h"
#include "sql/server/value_format.h"

namespace sibyl::sql::server {
namespace {

// The letter of `\letter` for a control character; 0: it needs none.
char LetterOf(char c) {
  switch (c) {
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    case '\v':
      return 'v';
    default:
      return '\0';
  }
}

}  // namespace

CopyWriter::CopyWriter(CopyOptions options, const std::vector<wire::FieldDescription>* fields)
    : options_(std::move(options)), fields_(fields) {}

void CopyWriter::Begin(std::string* out) const {
  if (options_.format == CopyFormat::kBinary) {
    out->append("PGCOPY\n\377\r\n\0", 11);
    out->append(8, '\0');  // flags; no extension
    return;
  }
  if (!options_.header) return;
  for (size_t i = 0; i < fields_->size(); ++i) {
    if (i > 0) out->push_back(options_.delimiter);
    if (options_.format == CopyFormat::kCsv) {
      AppendCsv((*fields_)[i].name, false, fields_->size() == 1, out);
    } else {
      AppendText((*fields_)[i].name, out);
    }
  }
  out->push_back('\n');
}

void CopyWriter::End(std::string* out) const {
  if (options_.format == CopyFormat::kBinary) wire::AppendBig(out, int16_t{-1});
}

SqlStatus CopyWriter::Row(const std::vector<SqlValue>& values, std::string* out) {
  if (options_.format == CopyFormat::kBinary) return BinaryRow(values, out);
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out->push_back(options_.delimiter);
    if (values[i].type == ValueType::kNull) {
      out->append(options_.null_text);
      continue;
    }
    text_.clear();
    EncodeText((*fields_)[i].type_oid, values[i], &text_, (*fields_)[i].type_modifier);
    if (options_.format == CopyFormat::kCsv) {
      AppendCsv(text_, IsForced(i), values.size() == 1, out);
    } else {
      AppendText(text_, out);
    }
  }
  out->push_back('\n');
  return SqlOk();
}

void CopyWriter::AppendText(std::string_view text, std::string* out) const {
  for (const char c : text) {
    const char letter = LetterOf(c);
    if (letter != '\0' && c != options_.delimiter) {
      out->push_back('\\');
      out->push_back(letter);
    } else {
      if (c == '\\' || c == options_.delimiter) out->push_back('\\');
      out->push_back(c);
    }
  }
}

void CopyWriter::AppendCsv(std::string_view text, bool forced, bool alone, std::string* out) const {
  const auto is_special = [this](char c) {
    return c == options_.delimiter || c == options_.quote || c == '\n' || c == '\r';
  };
  const bool quoted = forced || text == options_.null_text || (alone && text == "\\.") ||
                      std::any_of(text.begin(), text.end(), is_special);
  if (!quoted) {
    out->append(text);
    return;
  }
  out->push_back(options_.quote);
  for (const char c : text) {
    if (c == options_.quote || c == options_.escape) out->push_back(options_.escape);
    out->push_back(c);
  }
  out->push_back(options_.quote);
}

bool CopyWriter::IsForced(size_t column) const {
  return std::any_of(
      options_.force_quote.begin(), options_.force_quote.end(),
      [&](const std::string& name) { return name == "*" || name == (*fields_)[column].name; });
}

SqlStatus CopyWriter::BinaryRow(const std::vector<SqlValue>& values, std::string* out) const {
  wire::AppendBig(out, static_cast<int16_t>(values.size()));
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].type == ValueType::kNull) {
      wire::NullField(out);
      continue;
    }
    const size_t field = wire::BeginField(out);
    const wire::FieldDescription& column = (*fields_)[i];
    SIBYL_RETURN_IF_ERROR(EncodeBinary(column.type_oid, values[i], out, column.type_modifier));
    wire::EndField(out, field);
  }
  return SqlOk();
}

}  // namespace sibyl::sql::server
