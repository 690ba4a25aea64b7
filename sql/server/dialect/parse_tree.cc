#include "sql/server/dialect/parse_tree.h"

#include <pg_query.h>

#include <algorithm>

namespace sibyl::sql::server {
namespace {

SqlError ErrorOf(const PgQueryError& error, std::string_view sql) {
  SqlError result{"42601", error.message != nullptr ? error.message : "syntax error"};
  // libpg_query counts bytes here, from 1.
  if (error.cursorpos > 0) result.position = PositionOf(sql, error.cursorpos - 1);
  return result;
}

}  // namespace

uint32_t PositionOf(std::string_view text, size_t offset) {
  uint32_t characters = 0;
  for (size_t i = 0; i < std::min(offset, text.size()); ++i) {
    characters += (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
  }
  return characters + 1;
}

SqlResult<ParseTree> Parse(const std::string& sql) {
  PgQueryProtobufParseResult parsed = pg_query_parse_protobuf(sql.c_str());
  if (parsed.error != nullptr) {
    SqlError error = ErrorOf(*parsed.error, sql);
    pg_query_free_protobuf_parse_result(parsed);
    return error;
  }
  ParseTree tree(pg_query__parse_result__unpack(
      nullptr, parsed.parse_tree.len, reinterpret_cast<const uint8_t*>(parsed.parse_tree.data)));
  pg_query_free_protobuf_parse_result(parsed);
  if (tree == nullptr) return SqlError{"54001", "statement too complex"};
  return tree;
}

SqlResult<std::vector<Token>> Scan(const std::string& sql) {
  PgQueryScanResult scanned = pg_query_scan(sql.c_str());
  if (scanned.error != nullptr) {
    SqlError error = ErrorOf(*scanned.error, sql);
    pg_query_free_scan_result(scanned);
    return error;
  }
  PgQuery__ScanResult* result = pg_query__scan_result__unpack(
      nullptr, scanned.pbuf.len, reinterpret_cast<const uint8_t*>(scanned.pbuf.data));
  pg_query_free_scan_result(scanned);
  if (result == nullptr) return SqlError{"54001", "statement too complex"};
  std::vector<Token> tokens;
  for (size_t i = 0; i < result->n_tokens; ++i) {
    const PgQuery__ScanToken& token = *result->tokens[i];
    if (token.token == PG_QUERY__TOKEN__SQL_COMMENT || token.token == PG_QUERY__TOKEN__C_COMMENT) {
      continue;
    }
    tokens.push_back({static_cast<size_t>(token.start), static_cast<size_t>(token.end),
                      token.token});
  }
  pg_query__scan_result__free_unpacked(result, nullptr);
  return tokens;
}

std::string StringOf(const pg::Node& node) {
  return node.node_case == PG_QUERY__NODE__NODE_STRING ? node.string->sval : "";
}

std::vector<std::string> StringsOf(std::span<pg::Node* const> nodes) {
  std::vector<std::string> texts;
  for (const pg::Node* node : nodes) {
    if (node->node_case == PG_QUERY__NODE__NODE_LIST) {
      for (size_t i = 0; i < node->list->n_items; ++i) {
        texts.push_back(StringOf(*node->list->items[i]));
      }
    } else {
      texts.push_back(StringOf(*node));
    }
  }
  return texts;
}

}  // namespace sibyl::sql::server
