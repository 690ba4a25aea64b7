#include "sql/server/executor.h"

#include <algorithm>

#include "base/status_macros.h"
#include "sql/server/describe_columns.h"
#include "sql/server/type_oids.h"
#include "sql/server/value_format.h"

namespace sibyl::sql::server {
namespace {

// Whether `kind` is SQL that SQLite runs, with `sql` set.
bool IsSql(StatementKind kind) { return kind <= StatementKind::kUtility; }

bool HasUnknownTypes(const Statement& statement) {
  return std::any_of(statement.fields.begin(), statement.fields.end(),
                     [](const auto& field) { return field.type_oid == kUnspecifiedOid; });
}

}  // namespace

Executor::Executor(ServerState* server, Channel* channel, const SessionFacts* facts)
    : server_(server),
      channel_(channel),
      facts_(facts),
      transaction_(&server->pool, &server->writers, &server->syncer, &server->schema_generation,
                   &channel->loop(), &interrupt_, facts) {
  const ServerOptions& options = server->options;
  const auto set = [this](const char* name, uint64_t ms) {
    settings_.Force(name, std::to_string(ms));
  };
  set("statement_timeout", options.statement_timeout_ms);
  set("lock_timeout", options.lock_timeout_ms);
  set("idle_in_transaction_session_timeout", options.idle_in_transaction_timeout_ms);
  set("idle_session_timeout", options.idle_session_timeout_ms);
  settings_.KeepAsDefaults();
  transaction_.limits.lock_timeout_ms = options.lock_timeout_ms;
}

// About what it takes: its text, which the translation has again, and the rest of it.
uint64_t Executor::MemoryOf(const Statement& statement) {
  constexpr uint64_t kRestBytes = 2048;
  return 3 * statement.text.size() + kRestBytes;
}

// ---- Statements and portals by name ----

Task<SqlResult<std::vector<StatementPtr>>> Executor::Translate(
    std::string_view text, const std::vector<uint32_t>& declared_oids) {
  auto connection = co_await transaction_.Connection();
  if (!connection) co_return std::move(connection).error();
  const uint64_t generation = server_->schema_generation.load(std::memory_order_relaxed);
  const auto translation =
      (*connection)->translations().Get((*connection)->db(), text, declared_oids, generation);
  if (!translation) co_return translation.error();
  std::vector<StatementPtr> statements;
  for (size_t i = 0; i < std::max<size_t>(1, (*translation)->size()); ++i) {
    auto statement = std::make_shared<Statement>();
    statement->text = text;
    statement->declared_oids = declared_oids;
    statement->translation = *translation;
    statement->index = i;
    statement->schema_generation = generation;
    if (auto compiled = Compile(*translation, statement.get()); !compiled) {
      co_return std::move(compiled).error();
    }
    statements.push_back(std::move(statement));
  }
  co_return statements;
}

// Fills what follows from the translation alone.
SqlStatus Executor::Compile(const Translation& translation, Statement* statement) {
  statement->translation = translation;
  statement->point_known = false;
  statement->point.reset();
  const Translated* translated = statement->translated();
  if (translated == nullptr) return SqlOk();
  std::vector<uint32_t> oids = translated->parameter_type_oids;
  oids.resize(std::max(oids.size(), statement->declared_oids.size()));
  for (size_t i = 0; i < statement->declared_oids.size(); ++i) {
    const uint32_t declared = statement->declared_oids[i];
    if (declared != kUnspecifiedOid && declared != kUnknownOid) oids[i] = declared;
  }
  statement->parameter_oids = std::move(oids);
  return SqlOk();
}

bool Executor::IsCurrent(const Statement& statement) const {
  return statement.schema_generation == server_->schema_generation.load(std::memory_order_relaxed);
}

// Translates again if the schema has changed since.
SqlStatus Executor::Refresh(Statement* statement) {
  const uint64_t generation = server_->schema_generation.load(std::memory_order_relaxed);
  if (statement->schema_generation == generation || statement->is_part) return SqlOk();
  PooledConnection* connection = transaction_.connection();
  auto translation = connection->translations().Get(connection->db(), statement->text,
                                                    statement->declared_oids, generation);
  if (!translation) return std::move(translation).error();
  statement->schema_generation = generation;
  if (!statement->fields_told) statement->fields_known = false;
  return Compile(*translation, statement);
}

SqlStatus Executor::NameStatement(std::string_view name, StatementPtr statement) {
  statement->memory = MemoryLease(&server_->memory);
  if (!statement->memory.Resize(MemoryOf(*statement))) return OutOfMemory("a prepared statement");
  if (name.empty()) {
    unnamed_statement_ = std::move(statement);
    return SqlOk();
  }
  if (statements_.contains(name)) {
    return SqlError{"42P05", "prepared statement \"" + std::string(name) + "\" already exists"};
  }
  if (statements_.size() >= kMaxNamed) return SqlError{"53400", "too many prepared statements"};
  statements_.emplace(name, std::move(statement));
  return SqlOk();
}

SqlResult<StatementPtr> Executor::FindStatement(std::string_view name) const {
  if (name.empty()) {
    if (unnamed_statement_ != nullptr) return unnamed_statement_;
    return SqlError{"26000", "unnamed prepared statement does not exist"};
  }
  const auto found = statements_.find(name);
  if (found != statements_.end()) return found->second;
  return SqlError{"26000", "prepared statement \"" + std::string(name) + "\" does not exist"};
}

void Executor::CloseStatement(std::string_view name) {
  if (name.empty()) {
    unnamed_statement_ = nullptr;
  } else if (const auto found = statements_.find(name); found != statements_.end()) {
    statements_.erase(found);
  }
}

SqlResult<Portal*> Executor::Bind(const wire::BindMessage& message) {
  SIBYL_ASSIGN_OR_RETURN(StatementPtr statement, FindStatement(message.statement));
  const size_t needed = statement->parameter_oids.size();
  if (message.parameters.size() != needed) {
    return SqlError{"08P01", "bind message supplies " + std::to_string(message.parameters.size()) +
                                 " parameters, but prepared statement \"" +
                                 std::string(message.statement) + "\" requires " +
                                 std::to_string(needed)};
  }
  Portal* portal = &unnamed_portal_;
  if (message.portal.empty()) {
    ClosePortal("");
    has_unnamed_portal_ = true;
  } else {
    if (portals_.contains(message.portal)) {
      return SqlError{"42P03", "portal \"" + std::string(message.portal) + "\" already exists"};
    }
    if (portals_.size() >= kMaxNamed) return SqlError{"53400", "too many portals"};
    portal = (portals_[std::string(message.portal)] = std::make_unique<Portal>()).get();
  }
  portal->statement = std::move(statement);
  portal->result_formats = message.result_formats;
  SIBYL_RETURN_IF_ERROR(CountParameters(message, portal));
  portal->parameters.resize(needed);
  std::string scratch;
  for (size_t i = 0; i < needed; ++i) {
    OwnedValue& parameter = portal->parameters[i];
    parameter = OwnedValue::Null();
    if (!message.parameters[i]) continue;
    SIBYL_ASSIGN_OR_RETURN(
        const SqlValue value,
        Decode(portal->statement->parameter_oids[i], wire::FormatOf(message.parameter_formats, i),
               *message.parameters[i], &scratch));
    parameter.value = value;
    parameter.bytes = value.bytes;
  }
  return portal;
}

// Those of the unnamed portal count only if they are large: there is one in each session.
SqlStatus Executor::CountParameters(const wire::BindMessage& message, Portal* portal) {
  uint64_t bytes = message.portal.empty() ? 0 : sizeof(Portal);
  for (const auto& parameter : message.parameters) {
    bytes += sizeof(OwnedValue) + (parameter ? parameter->size() : 0);
  }
  if (message.portal.empty() && bytes < kSendBytes) bytes = 0;
  if (bytes > 0) portal->memory = MemoryLease(&server_->memory);
  return portal->memory.Resize(bytes) ? SqlOk() : OutOfMemory("a portal");
}

SqlResult<Portal*> Executor::FindPortal(std::string_view name) {
  if (name.empty()) {
    if (has_unnamed_portal_) return &unnamed_portal_;
    return SqlError{"34000", "portal \"\" does not exist"};
  }
  const auto found = portals_.find(name);
  if (found != portals_.end()) return found->second.get();
  return SqlError{"34000", "cursor \"" + std::string(name) + "\" does not exist"};
}

void Executor::ClosePortal(std::string_view name) {
  if (name.empty()) {
    unnamed_portal_.statement.reset();
    unnamed_portal_.rows.reset();
    unnamed_portal_.fields.clear();
    unnamed_portal_.is_done = false;
    unnamed_portal_.rows_sent = 0;
    unnamed_portal_.memory = {};
    has_unnamed_portal_ = false;
  } else if (const auto found = portals_.find(name); found != portals_.end()) {
    portals_.erase(found);
  }
}

std::unique_ptr<Portal> Executor::MakePortal(StatementPtr statement) const {
  auto portal = std::make_unique<Portal>();
  portal->statement = std::move(statement);
  return portal;
}

// ---- Describing ----

Task<SqlStatus> Executor::Describe(Statement* statement) {
  if (statement->translated() == nullptr) co_return SqlOk();
  auto connection = co_await transaction_.Connection();
  if (!connection) co_return std::move(connection).error();
  if (auto fresh = Refresh(statement); !fresh) co_return fresh;
  if (statement->fields_known) co_return SqlOk();
  const Translated& translated = *statement->translated();
  statement->fields.clear();
  if (translated.kind == StatementKind::kShow) {
    if (translated.name != "all") statement->fields = {TextField(translated.name)};
  } else if (translated.kind == StatementKind::kFetch) {
    const auto cursor = FindPortal(translated.name);
    if (!cursor) co_return cursor.error();
    statement->fields = (*cursor)->fields;
  } else if (translated.kind == StatementKind::kExecute) {
    const auto prepared = FindStatement(translated.name);
    if (!prepared) co_return prepared.error();
    if (auto described = co_await Describe(prepared->get()); !described) co_return described;
    statement->fields = (*prepared)->fields;
  } else if (IsSql(translated.kind) && !translated.sql.empty()) {
    auto prepared = (*connection)->Prepare(translated.sql);
    if (!prepared) {
      co_return translated.syntax_error ? *translated.syntax_error : std::move(prepared).error();
    }
    if (*prepared != nullptr) {
      DescribeColumns(
          (*prepared)->handle, translated,
          (*connection)->translations().SchemaOf((*connection)->db(), server_->schema_generation),
          &statement->fields);
      (*connection)->Release(*prepared);
    }
  }
  statement->fields_known = true;
  co_return SqlOk();
}

Task<SqlStatus> Executor::Tell(Statement* statement) {
  auto described = co_await Describe(statement);
  if (!described) co_return described;
  for (uint32_t& oid : statement->parameter_oids) {
    if (oid == kUnspecifiedOid) oid = kTextOid;
  }
  for (wire::FieldDescription& field : statement->fields) {
    if (field.type_oid == kUnspecifiedOid) field.type_oid = kTextOid;
  }
  statement->fields_told = true;
  co_return SqlOk();
}

Task<SqlResult<const std::vector<wire::FieldDescription>*>> Executor::Describe(Portal* portal) {
  Statement& statement = *portal->statement;
  if (auto described = co_await Describe(&statement); !described) {
    co_return std::move(described).error();
  }
  const Translated* translated = statement.translated();
  if (translated != nullptr && translated->kind == StatementKind::kSelect &&
      HasUnknownTypes(statement) && !statement.fields_told && portal->rows == nullptr) {
    transaction_.BeginImplicit();
    if (auto started = co_await Start(portal); !started) {
      co_return std::move(started).error();
    }
  }
  if (auto known = KnowFields(portal); !known) co_return std::move(known).error();
  co_return &portal->fields;
}

SqlResult<const std::vector<wire::FieldDescription>*> Executor::DescribeAtOnce(Portal* portal) {
  const Statement& statement = *portal->statement;
  if (!statement.fields_known || !IsCurrent(statement) || HasUnknownTypes(statement)) {
    return nullptr;
  }
  SIBYL_RETURN_IF_ERROR(KnowFields(portal));
  return &portal->fields;
}

void Executor::WriteChangedSettings() {
  for (const Settings::Change& change : settings_.TakeChanges()) {
    wire::WriteParameterStatus(channel_->out(), change.name, change.value);
  }
}

// ---- Ends ----

void Executor::Fail() {
  const bool in_block = transaction_.in_block();
  // Rows of a block that has savepoints may be needed after a ROLLBACK TO; rows of others go.
  if (!in_block) {
    EndPortals();
    settings_.EndTransaction();
  } else {
    unnamed_portal_.rows.reset();
    for (auto& [name, portal] : portals_) {
      if (!portal->is_held) portal->rows.reset();
    }
  }
  transaction_.Fail();
}

Task<SqlStatus> Executor::EndImplicit() {
  if (EndImplicitAtOnce()) co_return SqlOk();
  auto status = co_await Commit();
  settings_.EndTransaction();
  co_return status;
}

bool Executor::EndImplicitAtOnce() {
  if (transaction_.in_block()) return true;
  if (transaction_.in_implicit_block()) return false;
  EndPortals();
  transaction_.AfterStatement();
  settings_.EndTransaction();
  return true;
}

// The transaction is over: portals that do not outlive it go.
void Executor::EndPortals() {
  ClosePortal("");
  std::erase_if(portals_, [](const auto& named) { return !named.second->is_held; });
}

}  // namespace sibyl::sql::server
