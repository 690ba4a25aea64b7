#include "sql/server/dialect/statement_parts.h"

#include <utility>

#include "sql/server/dialect/parse_tree.h"
#include "sql/server/dialect/text.h"

namespace sibyl::sql::server {
namespace {

// A statement and its tokens.
class Scanned {
 public:
  explicit Scanned(const std::string& sql) : sql_(sql) {
    if (auto tokens = Scan(sql)) tokens_ = std::move(*tokens);
  }
  size_t size() const { return tokens_.size(); }
  bool IsOpen(size_t i) const { return tokens_[i].kind == PG_QUERY__TOKEN__ASCII_40; }
  bool IsClose(size_t i) const { return tokens_[i].kind == PG_QUERY__TOKEN__ASCII_41; }
  bool IsComma(size_t i) const { return tokens_[i].kind == PG_QUERY__TOKEN__ASCII_44; }
  std::string Text(size_t first, size_t end) const {
    if (first >= end) return "";
    const size_t begin = tokens_[first].begin;
    return sql_.substr(begin, tokens_[end - 1].end - begin);
  }
  bool Is(size_t i, const char* word) const { return EqualIgnoringCase(Text(i, i + 1), word); }
  // The first token of that kind or word at or after `i`, outside brackets; size(): none.
  size_t FindOpen(size_t i) const {
    while (i < size() && !IsOpen(i)) ++i;
    return i;
  }
  size_t FindWord(size_t i, const char* word) const {
    int depth = 0;
    for (; i < size(); ++i) {
      if (IsOpen(i)) ++depth;
      if (IsClose(i)) --depth;
      if (depth == 0 && Is(i, word)) return i;
    }
    return i;
  }
  size_t FindClose(size_t open) const {
    int depth = 0;
    for (size_t i = open; i < size(); ++i) {
      if (IsOpen(i)) ++depth;
      if (IsClose(i) && --depth == 0) return i;
    }
    return size();
  }

 private:
  const std::string& sql_;
  std::vector<Token> tokens_;
};

std::string Unquoted(const std::string& name) {
  if (name.size() < 2 || name.front() != '"') return name;
  std::string plain;
  for (size_t i = 1; i + 1 < name.size(); ++i) {
    plain += name[i];
    if (name[i] == '"') ++i;
  }
  return plain;
}

}  // namespace

std::vector<CheckText> ChecksOf(const std::string& create_table) {
  const Scanned text(create_table);
  std::vector<CheckText> checks;
  const size_t open = text.FindOpen(0);
  const size_t close = text.FindClose(open);
  bool begins_item = true;
  std::string column;
  for (size_t i = open + 1; i < close; ++i) {
    if (begins_item) {
      const bool constraint = text.Is(i, "constraint") || text.Is(i, "check") ||
                              text.Is(i, "primary") || text.Is(i, "unique") ||
                              text.Is(i, "foreign");
      column = constraint ? "" : Unquoted(text.Text(i, i + 1));
      begins_item = false;
    }
    if (text.IsComma(i)) begins_item = true;
    const bool check = text.Is(i, "check") && i + 1 < close && text.IsOpen(i + 1);
    if (check) {
      const size_t end = text.FindClose(i + 1);
      const bool named = i >= 2 && text.Is(i - 2, "constraint");
      checks.push_back({named ? Unquoted(text.Text(i - 1, i)) : "", column,
                        text.Text(i + 2, end)});
      i = end;
    } else if (text.IsOpen(i)) {
      i = text.FindClose(i);
    }
  }
  return checks;
}

std::vector<std::string> IndexItemsOf(const std::string& create_index) {
  const Scanned text(create_index);
  std::vector<std::string> items;
  const size_t open = text.FindOpen(0);
  const size_t close = text.FindClose(open);
  size_t begin = open + 1;
  int depth = 0;
  for (size_t i = begin; i < text.size() && i <= close; ++i) {
    if ((depth == 0 && text.IsComma(i)) || i == close) {
      items.push_back(text.Text(begin, i));
      begin = i + 1;
    }
    if (text.IsOpen(i)) ++depth;
    if (text.IsClose(i)) --depth;
  }
  return items;
}

std::string WhereOf(const std::string& create_index) {
  const Scanned text(create_index);
  const size_t close = text.FindClose(text.FindOpen(0));
  const size_t where = text.FindWord(close + 1, "where");
  return where < text.size() ? text.Text(where + 1, text.size()) : "";
}

std::string ViewQueryOf(const std::string& create_view) {
  const Scanned text(create_view);
  const size_t as = text.FindWord(0, "as");
  return as < text.size() ? text.Text(as + 1, text.size()) : "";
}

}  // namespace sibyl::sql::server
