#include "sql/server/dialect/translate.h"

#include <cstdint>
#include <utility>

#include "sql/server/dialect/parse_tree.h"
#include "sql/server/dialect/text.h"
#include "sql/server/dialect/translator.h"

namespace sibyl::sql::server {
namespace {

constexpr size_t kMostBytes = size_t{16} << 20;
// PostgreSQL's parser and the decoder of its tree recurse, without a limit of their own: a tree that is
// deeper than this must not come into being. No shorter text can be that deep.
constexpr size_t kMostDepth = 1000;

// How deep the tree of a statement may become, from its tokens: brackets and CASE nest, operators and
// set operations and joins chain to the left.
class DepthBound {
 public:
  // False: too deep.
  bool Add(const Token& token) {
    switch (token.kind) {
      case PG_QUERY__TOKEN__ASCII_40:
      case PG_QUERY__TOKEN__ASCII_91:
      case PG_QUERY__TOKEN__CASE:
        levels_.push_back({});
        break;
      case PG_QUERY__TOKEN__ASCII_41:
      case PG_QUERY__TOKEN__ASCII_93:
      case PG_QUERY__TOKEN__END_P:
        if (levels_.size() > 1) Close();
        if (token.kind != PG_QUERY__TOKEN__ASCII_93) return true;
        ++levels_.back().operators;  // a subscript is a link of a chain, too
        break;
      case PG_QUERY__TOKEN__ASCII_59:
        levels_.assign(1, {});
        depth_ = 0;
        return true;
      case PG_QUERY__TOKEN__ASCII_44:
      case PG_QUERY__TOKEN__AND:
      case PG_QUERY__TOKEN__OR:
      case PG_QUERY__TOKEN__WHEN:
      case PG_QUERY__TOKEN__THEN:
      case PG_QUERY__TOKEN__ELSE:
        depth_ -= levels_.back().operators;
        levels_.back().operators = 0;
        return true;
      case PG_QUERY__TOKEN__UNION:
      case PG_QUERY__TOKEN__INTERSECT:
      case PG_QUERY__TOKEN__EXCEPT:
      case PG_QUERY__TOKEN__JOIN:
        ++levels_.back().chained;
        break;
      default:
        if (!IsOperator(token.kind)) return true;
        ++levels_.back().operators;
    }
    return ++depth_ <= kMostDepth;
  }

 private:
  struct Level {
    size_t operators = 0;  // since the last comma or AND
    size_t chained = 0;    // UNION, JOIN
  };

  static bool IsOperator(PgQuery__Token kind) {
    switch (kind) {
      case PG_QUERY__TOKEN__ASCII_37:
      case PG_QUERY__TOKEN__ASCII_42:
      case PG_QUERY__TOKEN__ASCII_43:
      case PG_QUERY__TOKEN__ASCII_45:
      case PG_QUERY__TOKEN__ASCII_47:
      case PG_QUERY__TOKEN__ASCII_60:
      case PG_QUERY__TOKEN__ASCII_61:
      case PG_QUERY__TOKEN__ASCII_62:
      case PG_QUERY__TOKEN__ASCII_94:
      case PG_QUERY__TOKEN__Op:
      case PG_QUERY__TOKEN__TYPECAST:
      case PG_QUERY__TOKEN__NOT:
      case PG_QUERY__TOKEN__IS:
      case PG_QUERY__TOKEN__ISNULL:
      case PG_QUERY__TOKEN__NOTNULL:
      case PG_QUERY__TOKEN__COLLATE:
      case PG_QUERY__TOKEN__AT:
      case PG_QUERY__TOKEN__OPERATOR:
      case PG_QUERY__TOKEN__LESS_EQUALS:
      case PG_QUERY__TOKEN__GREATER_EQUALS:
      case PG_QUERY__TOKEN__NOT_EQUALS:
        return true;
      default:
        return false;
    }
  }

  void Close() {
    depth_ -= levels_.back().operators + levels_.back().chained + 1;
    levels_.pop_back();
  }

  std::vector<Level> levels_ = {Level()};
  size_t depth_ = 0;  // all of the levels, and one for each but the first
};

// Text with NUL bytes, or too long, or too deep: refused before the parser sees it.
std::optional<SqlError> Refusal(std::string_view sql) {
  if (sql.size() > kMostBytes) return SqlError{"54000", "statement is longer than 16 MiB"};
  const size_t nul = sql.find('\0');
  if (nul != std::string_view::npos) {
    return SqlError{"22021", "invalid byte sequence for encoding \"UTF8\": 0x00", "", "",
                    PositionOf(sql, nul)};
  }
  if (sql.size() <= kMostDepth) return std::nullopt;
  const auto tokens = Scan(std::string(sql));
  if (!tokens) return std::nullopt;  // the parser will say why
  DepthBound bound;
  for (const Token& token : *tokens) {
    if (!bound.Add(token)) return SqlError{"54001", "statement is nested too deeply"};
  }
  return std::nullopt;
}

// Whether the semicolon at `tokens[i]` ends the statement that begins at `tokens[first]`: those inside
// brackets do not, nor those inside the BEGIN ... END of a trigger of SQLite's.
class StatementEnd {
 public:
  explicit StatementEnd(const std::vector<Token>& tokens) : tokens_(tokens) {}

  // To be called for each token in turn.
  bool IsAt(size_t i) {
    if (first_ == kNone) {
      first_ = i;
      trigger_ = has_begin_ = false;
      depth_ = 0;
    }
    const PgQuery__Token kind = tokens_[i].kind;
    if (i < first_ + 3 && kind == PG_QUERY__TOKEN__TRIGGER) trigger_ = true;
    if (trigger_ && kind == PG_QUERY__TOKEN__BEGIN_P) has_begin_ = true;
    if (kind == PG_QUERY__TOKEN__ASCII_40) ++depth_;
    if (kind == PG_QUERY__TOKEN__ASCII_41) --depth_;
    if (kind != PG_QUERY__TOKEN__ASCII_59 || depth_ > 0) return false;
    if (has_begin_ && !FollowsEnd(i)) return false;
    first_ = kNone;
    return true;
  }

 private:
  static constexpr size_t kNone = SIZE_MAX;

  // "; END ;"
  bool FollowsEnd(size_t i) const {
    return i >= 2 && tokens_[i - 1].kind == PG_QUERY__TOKEN__END_P &&
           tokens_[i - 2].kind == PG_QUERY__TOKEN__ASCII_59;
  }

  const std::vector<Token>& tokens_;
  size_t first_ = kNone;
  bool trigger_ = false;
  bool has_begin_ = false;
  int depth_ = 0;
};

std::vector<StatementText> Split(std::string_view sql, const std::vector<Token>& tokens) {
  std::vector<StatementText> pieces;
  StatementEnd end(tokens);
  size_t begin = SIZE_MAX;  // of the statement, SIZE_MAX: none yet
  size_t stop = 0;          // behind its last token
  const auto add = [&] {
    if (begin != SIZE_MAX) pieces.push_back({sql.substr(begin, stop - begin), begin});
    begin = SIZE_MAX;
  };
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (end.IsAt(i)) {
      add();
      continue;
    }
    if (begin == SIZE_MAX) begin = tokens[i].begin;
    stop = tokens[i].end;
  }
  add();
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
  const auto tokens = Scan(sql);
  if (!tokens) return why;
  std::vector<Translated> results;
  for (const StatementText& piece : Split(sql, *tokens)) {
    const std::string text(piece.text);
    const auto locate = [&](SqlError error) {
      error.position = PositionInWhole(sql, piece.begin, error.position);
      return error;
    };
    const auto tree = Parse(text);
    if (!tree) {
      std::vector<Token> own;
      if (auto scanned = Scan(text)) own = std::move(*scanned);
      results.push_back(PassThrough(text, own, locate(tree.error())));
      continue;
    }
    for (size_t i = 0; i < (*tree)->n_stmts; ++i) {
      auto result = TranslateTree(*(*tree)->stmts[i], text, schema, parameter_type_oids);
      if (!result) return locate(result.error());
      results.push_back(std::move(*result));
    }
  }
  return results;
}

}  // namespace

std::vector<StatementText> SplitStatements(std::string_view sql) {
  // One statement, with or without its semicolon, is most of what comes.
  const size_t semicolon = sql.find(';');
  const bool alone = semicolon == std::string_view::npos ||
                     sql.find_first_not_of(" \t\r\n;", semicolon) == std::string_view::npos;
  if (!alone && !Refusal(sql)) {
    const std::string text(sql);
    if (const auto tokens = Scan(text)) return Split(sql, *tokens);
  }
  const bool blank = sql.find_first_not_of(" \t\r\n;") == std::string_view::npos;
  return blank ? std::vector<StatementText>() : std::vector<StatementText>{{sql, 0}};
}

uint32_t PositionInWhole(std::string_view whole, size_t begin, uint32_t position) {
  return position == 0 ? 0 : PositionOf(whole, begin) + position - 1;
}

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
