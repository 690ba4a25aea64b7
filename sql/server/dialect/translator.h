// The translation of one statement, tree to text. Internal to dialect/: its parts are in
// expression.cc, literal.cc, columns.cc, operators.cc, sublink.cc, arrays.cc, cast.cc,
// function_call.cc, query.cc, from_clause.cc, modify.cc, definition.cc and utility.cc.
//
// An error is remembered, the first one wins, and the work goes on with empty text: so that every
// function can answer with a value. Whoever asked for the translation looks at error() at the end.

#ifndef SIBYL_SQL_SERVER_DIALECT_TRANSLATOR_H_
#define SIBYL_SQL_SERVER_DIALECT_TRANSLATOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sql/server/dialect/parse_tree.h"
#include "sql/server/dialect/schema.h"
#include "sql/server/dialect/translate.h"
#include "sql/server/type_oids.h"
#include "sql/server/types.h"

namespace sibyl::sql::server {

// An expression in SQLite's SQL, and what is known of its value.
struct Expression {
  std::string sql;
  uint32_t type_oid = 0;  // 0: unknown
  int32_t typmod = -1;
  bool not_null = false;
  std::string name;  // what PostgreSQL calls the column, if it becomes one

  // A string literal or NULL, which takes the type of what it meets: its value.
  bool is_untyped_literal = false;
  bool is_null = false;
  std::string literal;
  int parameter = 0;  // $n alone: n

  bool is_array_list = false;     // ARRAY[...]: `literal` has its elements in SQL
  bool is_array_literal = false;  // '{...}': `literal` is that text

  TypeClass type_class() const { return TypeClassOf(type_oid); }
};

// Their SQL, with commas between.
std::string Joined(const std::vector<Expression>& values);

// A column that a name may mean.
struct ScopeColumn {
  std::string name;
  std::string sql;  // how it is written, qualified
  uint32_t type_oid = 0;
  int32_t typmod = -1;
  bool not_null = false;
};

// What names the column, as an expression.
Expression ExpressionOf(const ScopeColumn& column);

// Something in FROM.
struct ScopeRelation {
  std::string alias;
  bool is_known = false;                // its columns are all in `columns`
  const RelationInfo* table = nullptr;  // a table of the schema
  bool is_excluded = false;             // of ON CONFLICT: never meant by a bare name
  bool is_rewritten = false;            // `sql` of its columns is to be used always
  std::vector<ScopeColumn> columns;
};

// The names that one SELECT brings, and those around it.
struct Scope {
  Scope* outer = nullptr;
  std::vector<ScopeRelation> relations;
  bool unqualified = false;             // RETURNING: columns are written without their table
  bool has_using = false;               // USING or NATURAL merges columns
  bool trusts_names = false;            // a name that is not found is passed on
  std::vector<std::string> extra_from;  // what functions in the list of columns add to FROM
  std::string first_extra;              // the alias of the first of them
};

// A common table expression: the columns it has.
struct CommonTable {
  std::string name;
  std::vector<ScopeColumn> columns;
  bool is_known = false;
};

// A translated query, and its columns; `is_known` if they are all there.
struct QueryText {
  std::string sql;
  std::vector<Expression> columns;
  bool is_known = true;
};

class TableText;

class Translator {
 public:
  // Both must outlive it. `text` is what the client sent, for positions.
  Translator(const Schema& schema, std::string_view text,
             const std::vector<uint32_t>& parameter_type_oids)
      : schema_(schema), text_(text), parameter_type_oids_(parameter_type_oids) {}

  Translated Statement(const pg::Node& statement, std::string_view statement_text);

  const std::optional<SqlError>& error() const { return error_; }

 private:
  // ---- Errors (translator.cc) ----
  void Fail(const char* sqlstate, std::string message, int location = -1);
  void Unsupported(const std::string& what, int location = -1);

  // ---- Expressions (expression.cc) ----
  Expression Expr(const pg::Node* node);
  Expression ExprAs(const pg::Node* node, uint32_t type_oid);  // and coerced
  Expression BooleanExpr(const pg::Node* node);
  Expression Parameter(const pg::ParamRef& parameter);
  Expression Logic(const pg::BoolExpr& expr);
  Expression Case(const pg::CaseExpr& expr);
  Expression Row(const pg::RowExpr& row);
  Expression MinMax(const pg::MinMaxExpr& expr);
  Expression Coalesce(const pg::CoalesceExpr& expr);
  Expression ValueFunction(const pg::SQLValueFunction& function);
  Expression BooleanTest(const pg::BooleanTest& test);
  Expression NullTest(const PgQuery__NullTest& test);
  Expression Collate(const PgQuery__CollateClause& collate);
  std::vector<Expression> Exprs(std::span<pg::Node* const> nodes);

  // ---- Literals (literal.cc) ----
  Expression Constant(const pg::AConst& constant);
  Expression TypedLiteral(const std::string& text, uint32_t type_oid, int location);

  // ---- Names of columns (columns.cc) ----
  Expression Column(const pg::ColumnRef& column);
  Expression QualifiedColumn(const std::vector<std::string>& names, int location);
  Expression UnqualifiedColumn(const std::string& name, int location);
  std::optional<Expression> SystemColumn(const std::string& name, const std::string& qualifier);
  const ScopeRelation* FindRelation(const std::string& alias) const;

  // ---- Operators (operators.cc) ----
  Expression Operator(const pg::AExpr& expr);
  Expression NumberedParameter(const pg::AExpr& expr);
  Expression BinaryOperator(const std::string& op, Expression left, Expression right, int location);
  Expression UnaryOperator(const std::string& op, Expression operand, int location);
  void Negate(Expression* operand);
  Expression Comparison(const std::string& op, Expression left, Expression right);
  Expression Arithmetic(const std::string& op, Expression left, Expression right, int location);
  void CoerceForArithmetic(const std::string& op, Expression* left, Expression* right,
                           int location);
  Expression JsonbConcatenation(Expression left, Expression right);
  Expression JsonMember(const std::string& op, Expression left, Expression right);
  Expression ArrayConcatenation(Expression left, Expression right);
  Expression Concatenation(Expression left, Expression right);
  std::string ExactNumeric(const std::string& sql) const;
  std::string InRange(const std::string& sql, uint32_t type_oid) const;
  std::string WholeNumber(const std::string& op, const std::string& left, const std::string& right,
                          uint32_t type_oid) const;
  std::string Division(const std::string& op, Expression left, Expression right, uint32_t type_oid);
  Expression DateArithmetic(const std::string& op, Expression left, Expression right, int location);
  Expression RegexMatch(const std::string& op, Expression left, Expression right);
  Expression LikeOperator(const std::string& op, Expression left, Expression pattern,
                          std::optional<Expression> escape, int location);
  Expression Like(const pg::AExpr& expr);
  Expression Similar(const pg::AExpr& expr);
  Expression InList(const pg::AExpr& expr);
  Expression Between(const pg::AExpr& expr);

  // ---- Sub-queries, ANY and ALL (sublink.cc) ----
  Expression Sublink(const pg::SubLink& link);
  Expression QuantifiedSublink(const pg::SubLink& link, QueryText query);
  Expression AnyOrAll(const pg::AExpr& expr);
  Expression Membership(const std::string& op, Expression left, const pg::Node* array, bool all,
                        int location);

  // ---- Arrays (arrays.cc) ----
  Expression ArrayLiteral(const pg::AArrayExpr& array);
  Expression ArrayOfQuery(const QueryText& query, int location);
  Expression ArrayElement(Expression array, const Expression& place);
  Expression Indirection(const pg::AIndirection& indirection);
  std::string ElementsOf(const Expression& array, uint32_t element_oid, int location);

  // ---- Types (cast.cc) ----
  // The type that `name` stands for; 0 after an error.
  uint32_t TypeOf(const pg::TypeName& name, int32_t* typmod);
  Expression Cast(const pg::TypeCast& cast);
  Expression CastTo(Expression value, uint32_t type_oid, int32_t typmod, int location);
  // As PostgreSQL's implicit coercion: an untyped literal or parameter becomes of `type_oid`.
  void Coerce(Expression* value, uint32_t type_oid, int location = -1);
  void CoerceEachOther(Expression* left, Expression* right, int location = -1);
  uint32_t CommonType(std::span<Expression> values, int location = -1);
  static Expression RegisteredName(Expression value, uint32_t type_oid);  // regclass to its name

  // ---- Functions (function_call.cc) ----
  Expression Call(const pg::FuncCall& call);
  Expression KnownCall(const std::string& name, const pg::FuncCall& call,
                       std::vector<Expression> arguments);
  std::optional<Expression> SpecialCall(const std::string& name, const pg::FuncCall& call,
                                        std::vector<Expression>* arguments);
  Expression SubstringByPattern(std::vector<Expression> arguments, int location);
  Expression Extract(const std::string& name, Expression field, Expression source);
  Expression AtTimeZone(std::vector<Expression> arguments, int location);
  static Expression JsonArgument(Expression value);
  Expression OrderedAggregate(const std::string& name, const pg::FuncCall& call,
                              std::vector<Expression> arguments);
  Expression SetReturningColumn(const std::string& name, std::vector<Expression> arguments);
  std::string Window(const pg::WindowDef& window);
  std::string WindowBody(const pg::WindowDef& window);

  // ---- Queries (query.cc) ----
  QueryText Query(const pg::SelectStmt& select, bool is_top = false);
  QueryText QueryBody(const pg::SelectStmt& select, bool is_top);
  QueryText SimpleSelect(const pg::SelectStmt& select, bool is_top);
  QueryText SetOperation(const pg::SelectStmt& select);
  QueryText Values(const pg::SelectStmt& select);
  std::string With(const pg::WithClause* with);
  void TargetList(std::span<pg::Node* const> targets, bool is_top, QueryText* query);
  void Star(const pg::ColumnRef& star, bool is_top, QueryText* query);
  void AddColumn(Expression column, const std::string& alias, bool is_top, QueryText* query);
  std::string GroupBy(const pg::SelectStmt& select, const QueryText& query);
  std::string OrderBy(std::span<pg::Node* const> sort, const QueryText* query);
  Expression SortKey(const pg::Node& node, const QueryText* query);
  bool IsColumnOfScope(const std::string& name) const;
  static void NameColumns(const std::vector<std::string>& names, std::vector<ScopeColumn>* columns);
  static std::string ColumnList(const CommonTable& table);
  std::string Limit(const pg::SelectStmt& select);
  void CheckLocking(const pg::SelectStmt& select);

  // ---- FROM (from_clause.cc) ----
  std::string From(std::span<pg::Node* const> items);
  std::string FromItem(const pg::Node& item);
  std::string TableReference(const pg::RangeVar& table);
  std::string TableName(const pg::RangeVar& table);
  std::string Subselect(const pg::RangeSubselect& subselect);
  bool InlineLateral(const pg::RangeSubselect& subselect);
  std::string TableFunction(const pg::RangeFunction& function);
  std::string TableFunctionSql(const std::string& name, std::vector<Expression>* arguments,
                               ScopeRelation* relation);
  void AddRelation(ScopeRelation relation, const std::vector<std::string>& renamed);
  std::string Join(const pg::JoinExpr& join);
  void MakeNullable();
  static bool IsTrue(const pg::Node& node);
  ScopeRelation RelationOf(const RelationInfo& table, const std::string& alias) const;
  const RelationInfo* FindTable(const pg::RangeVar& table);

  // ---- INSERT, UPDATE, DELETE (modify.cc) ----
  Translated Insert(const pg::InsertStmt& insert);
  Translated Update(const pg::UpdateStmt& update);
  Translated Delete(const pg::DeleteStmt& statement);
  static uint32_t NumberingSequence(const pg::InsertStmt& insert, const RelationInfo* table,
                                    const std::vector<std::string>& names);
  std::string InsertSource(const pg::InsertStmt& insert,
                           const std::vector<const ColumnInfo*>& columns,
                           std::vector<std::string>* column_names);
  std::string InsertedQuery(const pg::SelectStmt& select,
                            const std::vector<const ColumnInfo*>& columns, bool conflict_follows);
  const ColumnInfo* ColumnOf(const RelationInfo* table, const pg::ResTarget& target);
  std::string OnConflict(const pg::OnConflictClause& conflict, const RelationInfo* table);
  std::string ConflictTarget(const pg::InferClause& infer, const RelationInfo* table);
  std::string Assignments(std::span<pg::Node* const> targets, const RelationInfo* table);
  std::string MultipleAssignment(std::span<pg::Node* const> targets, size_t* at,
                                 const RelationInfo* table);
  Expression Assigned(Expression value, const ColumnInfo& column);
  std::string AssignedRows(const QueryText& query, const std::vector<const ColumnInfo*>& columns);
  Expression AssignedValue(const pg::Node* node, const ColumnInfo* column);
  std::string Returning(std::span<pg::Node* const> targets, Translated* result);

  // ---- CREATE, ALTER, DROP (definition.cc, alter_table.cc) ----
  Translated CreateTable(const pg::CreateStmt& create);
  std::string ColumnDefinition(const pg::ColumnDef& column, const std::vector<std::string>& keys);
  std::string DeclaredType(const pg::TypeName& name);
  std::string ColumnConstraint(const pg::Constraint& constraint, uint32_t type_oid);
  void AddDefinedColumns(const pg::CreateStmt& create, Scope* scope);
  std::string FreeIndexName(const std::string& wanted) const;
  std::string TableConstraint(const pg::Constraint& constraint);
  std::string ForeignKey(const pg::Constraint& constraint);
  std::string DefaultValue(const pg::Node* value, uint32_t type_oid);
  Translated CreateTableAs(const pg::CreateTableAsStmt& create);
  Translated CreateIndex(const pg::IndexStmt& create);
  Translated CreateView(const pg::ViewStmt& create);
  Translated Drop(const pg::DropStmt& drop);
  void OrderForDrop(bool cascade, std::vector<std::string>* tables);
  Translated Rename(const pg::RenameStmt& rename);
  Translated AlterTable(const pg::AlterTableStmt& alter);
  std::string AlterCommand(const std::string& table, const RelationInfo* info,
                           const pg::AlterTableCmd& command);
  std::string AddColumnCommand(const std::string& table, const RelationInfo* info,
                               const pg::AlterTableCmd& command);
  std::string AddConstraint(const RelationInfo& info, const pg::Constraint& constraint);
  std::string AddPrimaryKey(const RelationInfo& info, const pg::Constraint& constraint);
  std::string Rebuild(const RelationInfo& info, const TableText& text,
                      const std::vector<std::string>& not_null);

  // ---- The rest (utility.cc) ----
  Translated Select(const pg::SelectStmt& select);
  Translated SessionStatement(const pg::Node& statement, std::string_view statement_text);
  Translated StatementWithoutEffect(const pg::Node& statement);
  Translated SetConstraints(const PgQuery__ConstraintsSetStmt& statement);
  Translated Discard(const PgQuery__DiscardStmt& statement);
  Translated CreateUser(const PgQuery__CreateRoleStmt& statement);
  Translated AlterUser(const PgQuery__AlterRoleStmt& statement);
  Translated DropUser(const PgQuery__DropRoleStmt& statement);
  std::string PasswordAmong(std::span<pg::Node* const> options);
  std::string UserName(const PgQuery__RoleSpec& role);
  Translated Transaction(const pg::TransactionStmt& statement);
  Translated Set(const pg::VariableSetStmt& statement);
  Translated Show(const pg::VariableShowStmt& statement);
  Translated DeclareCursor(const pg::DeclareCursorStmt& statement);
  Translated Fetch(const pg::FetchStmt& statement);
  Translated Prepare(const pg::PrepareStmt& statement, std::string_view statement_text);
  Translated Execute(const pg::ExecuteStmt& statement);
  Translated Copy(const pg::CopyStmt& statement);
  void CopyOption(const pg::DefElem& option, CopyOptions* copy, bool* delimiter_set,
                  bool* null_set);
  QueryText CopySource(const pg::CopyStmt& statement);
  Translated Explain(const pg::ExplainStmt& statement);
  Translated Vacuum(const pg::VacuumStmt& statement);
  Translated Truncate(const pg::TruncateStmt& statement);
  Translated Simple(StatementKind kind, std::string tag_word, std::string name = {});
  void FinishQuery(const QueryText& query, Translated* result);

  uint32_t ParameterType(int number) const;
  void SetParameterType(int number, uint32_t type_oid);

  // Depth of recursion left before the statement is refused.
  class DepthGuard;

  const Schema& schema_;
  std::string_view text_;
  std::vector<uint32_t> parameter_type_oids_;
  std::optional<SqlError> error_;
  Scope* scope_ = nullptr;
  std::vector<CommonTable> common_tables_;
  std::vector<std::string> notices_;
  // Of the INSERT whose query comes next: what its literals and parameters become.
  const std::vector<const ColumnInfo*>* assigned_columns_ = nullptr;
  int depth_ = 0;
  int generated_names_ = 0;
  int rebuilds_ = 0;            // tables that ALTER TABLE makes anew
  bool locks_rows_ = false;     // FOR UPDATE and its kin
  bool in_definition_ = false;  // of a view or table: what is written stays in the schema
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_DIALECT_TRANSLATOR_H_
