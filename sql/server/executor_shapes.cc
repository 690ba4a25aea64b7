// Executor: statements of simple queries that are known by their shape.

#include <algorithm>

#include "sql/server/executor.h"
#include "sql/server/type_oids.h"

namespace sibyl::sql::server {
namespace {

bool ChangesOrReadsRows(StatementKind kind) { return kind <= StatementKind::kDelete; }

// Whether the statement, made of a shape, means what the text with the constants in it would.
bool MeansTheSame(const Statement& statement, const std::vector<uint32_t>& declared_oids) {
  const Translated* translated = statement.translated();
  if (translated == nullptr || !ChangesOrReadsRows(translated->kind) || translated->syntax_error) {
    return false;
  }
  if (statement.parameter_oids.size() != declared_oids.size()) return false;
  for (size_t i = 0; i < declared_oids.size(); ++i) {
    const uint32_t oid = statement.parameter_oids[i];
    const bool is_text = oid == kTextOid || oid == kVarcharOid;
    if (declared_oids[i] == kUnspecifiedOid ? !is_text : oid != declared_oids[i]) return false;
  }
  return true;
}

}  // namespace

// Texts of one shape whose numbers have different types are different shapes.
const std::string& Executor::KeyOfShape() {
  const std::vector<uint32_t>& oids = shape_.declared_oids;
  shape_key_.assign(reinterpret_cast<const char*>(oids.data()), oids.size() * sizeof(uint32_t));
  shape_key_ += shape_.text;
  return shape_key_;
}

Task<std::unique_ptr<Portal>> Executor::BindShape(std::string_view text) {
  if (transaction_.failed() || !FindShape(text, &shape_)) co_return nullptr;
  auto found = shapes_.find(KeyOfShape());
  if (found == shapes_.end() || !IsCurrent(*found->second)) {
    StatementPtr statement = co_await MakeShape();
    if (statement == nullptr) co_return nullptr;
    if (shapes_.size() >= kMaxShapes) shapes_.clear();
    found = shapes_.insert_or_assign(shape_key_, std::move(statement)).first;
  }
  if (!found->second->is_shape) co_return nullptr;
  Metrics::Add(&server_->metrics.shaped_queries);
  auto portal = MakePortal(found->second);
  portal->parameters = std::move(shape_.constants);
  co_return portal;
}

// The statement of shape_; is_shape says whether it can be used. Null: it cannot be remembered.
Task<StatementPtr> Executor::MakeShape() {
  auto statements = co_await Translate(shape_.text, shape_.declared_oids);
  StatementPtr statement;
  if (statements && statements->size() == 1) {
    statement = std::move(statements->front());
    statement->is_shape = MeansTheSame(*statement, shape_.declared_oids);
  } else {
    statement = std::make_shared<Statement>();
    statement->schema_generation = server_->schema_generation.load(std::memory_order_relaxed);
  }
  statement->memory = MemoryLease(&server_->memory);
  if (!statement->memory.Resize(MemoryOf(*statement))) co_return nullptr;
  co_return statement;
}

}  // namespace sibyl::sql::server
