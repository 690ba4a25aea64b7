#include "sql/server/dialect/table_text.h"

#include <utility>

#include "sql/server/dialect/text.h"

namespace sibyl::sql::server {
namespace {

bool IsOpen(const Token& token) { return token.kind == PG_QUERY__TOKEN__ASCII_40; }
bool IsClose(const Token& token) { return token.kind == PG_QUERY__TOKEN__ASCII_41; }
bool IsComma(const Token& token) { return token.kind == PG_QUERY__TOKEN__ASCII_44; }

std::string Unquoted(std::string_view name) {
  if (name.size() < 2 || name.front() != '"') return Lower(name);
  std::string plain;
  name = name.substr(1, name.size() - 2);
  for (size_t i = 0; i < name.size(); ++i) {
    plain += name[i];
    if (name[i] == '"') ++i;
  }
  return Lower(plain);
}

// The words that end a column's type.
bool BeginsConstraint(std::string_view word) {
  const std::string lower = Lower(word);
  for (const char* keyword : {"constraint", "primary", "not", "null", "unique", "check", "default",
                              "collate", "references", "generated", "as"}) {
    if (lower == keyword) return true;
  }
  return false;
}

}  // namespace

std::optional<TableText> TableText::Read(const std::string& create_sql) {
  TableText text;
  text.sql_ = create_sql;
  if (!text.Scan()) return std::nullopt;
  return text;
}

bool TableText::Scan() {
  auto tokens = server::Scan(sql_);
  if (!tokens) return false;
  tokens_ = std::move(*tokens);
  open_ = close_ = 0;
  int depth = 0;
  for (size_t i = 0; i < tokens_.size() && close_ == 0; ++i) {
    if (IsOpen(tokens_[i]) && depth++ == 0) open_ = i;
    if (IsClose(tokens_[i]) && --depth == 0) close_ = i;
  }
  return open_ > 2 && close_ > open_ && EqualIgnoringCase(TextOf(tokens_[0]), "create");
}

std::string_view TableText::TextOf(const Token& token) const {
  return std::string_view(sql_).substr(token.begin, token.end - token.begin);
}

bool TableText::Replace(size_t begin, size_t end, std::string_view text) {
  sql_.replace(begin, end - begin, text);
  return Scan();
}

bool TableText::Rename(std::string_view table) {
  const Token name = tokens_[open_ - 1];
  return Replace(name.begin, name.end, Quoted(table));
}

bool TableText::AddAtEnd(std::string_view constraint) {
  const size_t at = tokens_[close_].begin;
  return Replace(at, at, ", " + std::string(constraint));
}

bool TableText::FindColumn(std::string_view column, size_t* first, size_t* last) const {
  size_t begin = open_ + 1;
  int depth = 0;
  for (size_t i = begin; i <= close_; ++i) {
    const bool ends = (depth == 0 && IsComma(tokens_[i])) || i == close_;
    if (ends) {
      if (i > begin && Unquoted(TextOf(tokens_[begin])) == Lower(column)) {
        *first = begin;
        *last = i - 1;
        return true;
      }
      begin = i + 1;
    }
    if (IsOpen(tokens_[i])) ++depth;
    if (IsClose(tokens_[i])) --depth;
  }
  return false;
}

bool TableText::SetType(std::string_view column, std::string_view type) {
  size_t first = 0;
  size_t last = 0;
  if (!FindColumn(column, &first, &last)) return false;
  size_t end = first;  // the last token of the type
  while (end < last && !BeginsConstraint(TextOf(tokens_[end + 1]))) ++end;
  return Replace(tokens_[first].end, tokens_[end].end, " " + std::string(type));
}

bool TableText::AddToColumn(std::string_view column, std::string_view constraint) {
  size_t first = 0;
  size_t last = 0;
  if (!FindColumn(column, &first, &last)) return false;
  const size_t at = tokens_[last].end;
  return Replace(at, at, " " + std::string(constraint));
}

}  // namespace sibyl::sql::server
