// PostgreSQL's parser and scanner, as libpg_query has them: text to a tree of C structures.
// Internal to dialect/.

#ifndef SIBYL_SQL_SERVER_DIALECT_PARSE_TREE_H_
#define SIBYL_SQL_SERVER_DIALECT_PARSE_TREE_H_

#include <pg_query/pg_query.pb-c.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sql/server/sql_error.h"

namespace sibyl::sql::server {

namespace pg {
using Node = PgQuery__Node;
using AArrayExpr = PgQuery__AArrayExpr;
using AConst = PgQuery__AConst;
using AExpr = PgQuery__AExpr;
using AIndirection = PgQuery__AIndirection;
using Alias = PgQuery__Alias;
using AlterTableCmd = PgQuery__AlterTableCmd;
using AlterTableStmt = PgQuery__AlterTableStmt;
using BooleanTest = PgQuery__BooleanTest;
using BoolExpr = PgQuery__BoolExpr;
using CaseExpr = PgQuery__CaseExpr;
using CoalesceExpr = PgQuery__CoalesceExpr;
using ColumnDef = PgQuery__ColumnDef;
using ColumnRef = PgQuery__ColumnRef;
using Constraint = PgQuery__Constraint;
using CopyStmt = PgQuery__CopyStmt;
using CreateStmt = PgQuery__CreateStmt;
using CreateTableAsStmt = PgQuery__CreateTableAsStmt;
using DeclareCursorStmt = PgQuery__DeclareCursorStmt;
using DefElem = PgQuery__DefElem;
using DeleteStmt = PgQuery__DeleteStmt;
using DropStmt = PgQuery__DropStmt;
using ExecuteStmt = PgQuery__ExecuteStmt;
using ExplainStmt = PgQuery__ExplainStmt;
using FetchStmt = PgQuery__FetchStmt;
using FuncCall = PgQuery__FuncCall;
using IndexStmt = PgQuery__IndexStmt;
using InferClause = PgQuery__InferClause;
using InsertStmt = PgQuery__InsertStmt;
using JoinExpr = PgQuery__JoinExpr;
using MinMaxExpr = PgQuery__MinMaxExpr;
using OnConflictClause = PgQuery__OnConflictClause;
using ParamRef = PgQuery__ParamRef;
using PrepareStmt = PgQuery__PrepareStmt;
using RangeFunction = PgQuery__RangeFunction;
using RangeSubselect = PgQuery__RangeSubselect;
using RangeVar = PgQuery__RangeVar;
using RenameStmt = PgQuery__RenameStmt;
using ResTarget = PgQuery__ResTarget;
using RowExpr = PgQuery__RowExpr;
using SelectStmt = PgQuery__SelectStmt;
using SortBy = PgQuery__SortBy;
using SQLValueFunction = PgQuery__SQLValueFunction;
using SubLink = PgQuery__SubLink;
using TransactionStmt = PgQuery__TransactionStmt;
using TruncateStmt = PgQuery__TruncateStmt;
using TypeCast = PgQuery__TypeCast;
using TypeName = PgQuery__TypeName;
using UpdateStmt = PgQuery__UpdateStmt;
using VacuumStmt = PgQuery__VacuumStmt;
using VariableSetStmt = PgQuery__VariableSetStmt;
using VariableShowStmt = PgQuery__VariableShowStmt;
using ViewStmt = PgQuery__ViewStmt;
using WindowDef = PgQuery__WindowDef;
using WithClause = PgQuery__WithClause;
}  // namespace pg

struct ParseResultDeleter {
  void operator()(PgQuery__ParseResult* tree) const {
    pg_query__parse_result__free_unpacked(tree, nullptr);
  }
};
using ParseTree = std::unique_ptr<PgQuery__ParseResult, ParseResultDeleter>;

// All statements of `sql`. The error of PostgreSQL's grammar is 42601 with its position.
SqlResult<ParseTree> Parse(const std::string& sql);

struct Token {
  size_t begin = 0;  // bytes into the text
  size_t end = 0;
  PgQuery__Token kind = PG_QUERY__TOKEN__NUL;
};

// The tokens of `sql`, without comments. An unfinished string or comment is an error, 42601.
SqlResult<std::vector<Token>> Scan(const std::string& sql);

// The position of byte `offset` in `text` as clients count it: in characters, from 1.
uint32_t PositionOf(std::string_view text, size_t offset);

// A repeated field as a range: Items(stmt.n_target_list, stmt.target_list).
inline std::span<pg::Node* const> Items(size_t count, pg::Node* const* nodes) {
  return {nodes, count};
}

// The text of a String node; empty for anything else.
std::string StringOf(const pg::Node& node);
// The texts of a list of them, as in a qualified name.
std::vector<std::string> StringsOf(std::span<pg::Node* const> nodes);

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_DIALECT_PARSE_TREE_H_
