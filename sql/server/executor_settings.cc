// Executor: SET, SHOW, RESET, DISCARD ALL.

#include "base/status_macros.h"
#include "sql/server/describe_columns.h"
#include "sql/server/executor.h"
#include "sql/server/isolation.h"

namespace sibyl::sql::server {
namespace {

void WriteTextRow(std::string* out, std::initializer_list<std::string_view> values) {
  const size_t row = wire::BeginRow(out, values.size());
  for (const std::string_view value : values) {
    const size_t field = wire::BeginField(out);
    out->append(value);
    wire::EndField(out, field);
  }
  wire::EndRow(out, row);
}

}  // namespace

SqlStatus Executor::RunSettingCommand(const Translated& command, bool write_fields) {
  switch (command.kind) {
    case StatementKind::kSet:
      SIBYL_RETURN_IF_ERROR(SetParameter(command));
      break;
    case StatementKind::kShow:
      SIBYL_RETURN_IF_ERROR(Show(command, write_fields));
      break;
    case StatementKind::kReset:
      if (command.name == "all") {
        settings_.ResetAll();
      } else {
        SIBYL_RETURN_IF_ERROR(settings_.Reset(command.name));
      }
      break;
    default:
      SIBYL_RETURN_IF_ERROR(DiscardAll());
      break;
  }
  transaction_.limits.lock_timeout_ms = settings_.TimeLimitMs(TimeLimit::kLock);
  WriteTag(command.tag_word);
  return SqlOk();
}

SqlStatus Executor::SetParameter(const Translated& command) {
  const bool is_isolation = command.name == "transaction_isolation";
  if (command.is_local) {
    if (!transaction_.in_block()) {
      wire::WriteNotice(channel_->out(), wire::Severity::kWarning,
                        {"25P01", "SET LOCAL can only be used in transaction blocks"});
      return SqlOk();
    }
    settings_.MakeLocal(command.name);
  }
  SIBYL_RETURN_IF_ERROR(settings_.Set(command.name, command.value));
  if (is_isolation && transaction_.in_block()) {
    return transaction_.SetIsolation(IsolationOf(command.value), transaction_.read_only());
  }
  return SqlOk();
}

SqlStatus Executor::Show(const Translated& command, bool write_fields) {
  std::string* const out = channel_->out();
  if (command.name == "all") {
    if (write_fields) {
      wire::WriteRowDescription(
          out, {TextField("name"), TextField("setting"), TextField("description")});
    }
    for (const Settings::Change& setting : settings_.All()) {
      WriteTextRow(out, {setting.name, setting.value, ""});
    }
    return SqlOk();
  }
  auto value = settings_.Get(command.name);
  if (!value) {
    return SqlError{"42704", "unrecognized configuration parameter \"" + command.name + "\""};
  }
  if (command.name == "transaction_isolation") {
    value = transaction_.in_block() ? NameOf(transaction_.isolation())
                                    : *settings_.Get("default_transaction_isolation");
  }
  if (write_fields) wire::WriteRowDescription(out, {TextField(command.name)});
  WriteTextRow(out, {*value});
  return SqlOk();
}

SqlStatus Executor::DiscardAll() {
  if (transaction_.in_block()) {
    return SqlError{"25001", "DISCARD ALL cannot run inside a transaction block"};
  }
  portals_.clear();
  ClosePortal("");
  statements_.clear();
  shapes_.clear();
  settings_.ResetAll();
  sequences_.Clear();
  transaction_.DropTemporaryObjects();
  return SqlOk();
}

}  // namespace sibyl::sql::server
