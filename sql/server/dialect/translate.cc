#include "sql/server/dialect/translate.h"

#include <sqlite3.h>

#include <utility>

#include "sql/server/dialect/parse_tree.h"
#include "sql/server/dialect/text.h"
#include "sql/server/dialect/translator.h"

namespace sibyl::sql::server {
namespace {

constexpr size_t kMostBytes = size_t{16} << 20;
// PostgreSQL's parser and the tree's decoder recurse where brackets nest and operators chain.
constexpr size_t kMostNesting = 1000;

// Text with NUL bytes, or too long, or too deep: refused before the parser sees it.
std::optional<SqlError> Refusal(std::string_view sql) {
  if (sql.size() > kMostBytes) return SqlError{"54000", "statement is longer than 16 MiB"};
  const size_t nul = sql.find('\0');
  if (nul != std::string_view::npos) {
    return SqlError{"22021", "invalid byte sequence for encoding \"UTF8\": 0x00", "", "",
                    PositionOf(sql, nul)};
  }
  size_t depth = 0;
  for (const char c : sql) {
    if (c == '(' || c == '[') ++depth;
    if ((c == ')' || c == ']') && depth > 0) --depth;
    if (depth > kMostNesting) return SqlError{"54001", "statement is nested too deeply"};
  }
  return std::nullopt;
}

struct Piece {
  size_t begin;
  size_t end;
};

// The statements of a text that PostgreSQL's grammar refuses: at semicolons, but those inside a
// trigger's BEGIN ... END stay, which SQLite knows.
std::vector<Piece> Split(const std::string& sql, const std::vector<Token>& tokens) {
  std::vector<Piece> pieces;
  size_t begin = std::string::npos;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const bool semicolon = tokens[i].kind == PG_QUERY__TOKEN__ASCII_59;
    if (begin == std::string::npos) {
      if (semicolon) continue;
      begin = tokens[i].begin;
    }
    const bool last = i + 1 == tokens.size();
    if (!semicolon && !last) continue;
    const size_t end = semicolon ? tokens[i].begin : tokens[i].end;
    const std::string text = sql.substr(begin, end - begin) + ";";
    if (!last && sqlite3_complete(text.c_str()) == 0) continue;
    pieces.push_back({begin, end});
    begin = std::string::npos;
  }
  return pieces;
}

std::string FirstWords(const std::string& sql, const std::vector<Token>& tokens) {
  std::string words;
  const size_t wanted = 2;
  for (size_t i = 0; i < tokens.size() && i < wanted; ++i) {
    std::string word = sql.substr(tokens[i].begin, tokens[i].end - tokens[i].begin);
    for (char& c : word) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    words += (words.empty() ? "" : " ") + word;
  }
  return words;
}

// SQLite's own dialect, as it is.
Translated PassThrough(const std::string& sql, const std::vector<Token>& tokens, SqlError why) {
  Translated result;
  result.sql = sql;
  result.syntax_error = std::move(why);
  const std::string words = FirstWords(sql, tokens);
  const std::string first = words.substr(0, words.find(' '));
  result.tag_word = first;
  if (first == "SELECT" || first == "VALUES" || first == "WITH") {
    result.kind = StatementKind::kSelect;
    result.tag_word = "SELECT";
  } else if (first == "INSERT" || first == "REPLACE") {
    result.kind = StatementKind::kInsert;
    result.tag_word = "INSERT";
  } else if (first == "UPDATE") {
    result.kind = StatementKind::kUpdate;
  } else if (first == "DELETE") {
    result.kind = StatementKind::kDelete;
  } else if (first == "CREATE" || first == "DROP" || first == "ALTER") {
    result.tag_word = words;
  }
  return result;
}

SqlResult<Translated> TranslateTree(const PgQuery__RawStmt& raw, std::string_view whole,
                                    const Schema& schema,
                                    const std::vector<uint32_t>& parameter_type_oids) {
  const size_t begin = static_cast<size_t>(raw.stmt_location);
  const size_t length =
      raw.stmt_len > 0 ? static_cast<size_t>(raw.stmt_len) : std::string_view::npos;
  const std::string_view text = begin <= whole.size() ? whole.substr(begin, length) : "";
  Translator translator(schema, whole, parameter_type_oids);
  Translated result = translator.Statement(*raw.stmt, text);
  if (translator.error()) return *translator.error();
  return result;
}

// The text did not parse as a whole: statement by statement, those that do not parse as they are.
SqlResult<std::vector<Translated>> TranslatePieces(
    const std::string& sql, const SqlError& why, const Schema& schema,
    const std::vector<uint32_t>& parameter_type_oids) {
  auto tokens = Scan(sql);
  if (!tokens) return why;
  std::vector<Translated> results;
  for (const Piece& piece : Split(sql, *tokens)) {
    // Spaces before it keep the positions.
    const std::string text(sql, piece.begin, piece.end - piece.begin);
    const std::string padded = std::string(piece.begin, ' ') + text;
    auto tree = Parse(padded);
    if (!tree) {
      std::vector<Token> own;
      if (auto scanned = Scan(text)) own = std::move(*scanned);
      SqlError error = tree.error();
      if (error.position > 0) error.position = PositionOf(sql, error.position - 1);
      results.push_back(PassThrough(text, own, std::move(error)));
      continue;
    }
    for (size_t i = 0; i < (*tree)->n_stmts; ++i) {
      auto result = TranslateTree(*(*tree)->stmts[i], sql, schema, parameter_type_oids);
      if (!result) return result.error();
      results.push_back(std::move(*result));
    }
  }
  return results;
}

}  // namespace

SqlResult<std::vector<Translated>> Translate(std::string_view postgres_sql, const Schema& schema,
                                             const std::vector<uint32_t>& parameter_type_oids) {
  if (auto refusal = Refusal(postgres_sql)) return *std::move(refusal);
  const std::string sql(postgres_sql);
  auto tree = Parse(sql);
  if (!tree) return TranslatePieces(sql, tree.error(), schema, parameter_type_oids);
  std::vector<Translated> results;
  for (size_t i = 0; i < (*tree)->n_stmts; ++i) {
    auto result = TranslateTree(*(*tree)->stmts[i], sql, schema, parameter_type_oids);
    if (!result) return result.error();
    results.push_back(std::move(*result));
  }
  return results;
}

}  // namespace sibyl::sql::server
