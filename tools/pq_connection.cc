#include "tools/pq_connection.h"

namespace sibyl::tools {

Result<PqConnection> ConnectToServer(
    const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : parameters) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  PqConnection connection(PQconnectdbParams(names.data(), values.data(), /*expand_dbname=*/1));
  if (PQstatus(connection.get()) == CONNECTION_OK) return connection;
  const bool needs_password = PQconnectionNeedsPassword(connection.get()) != 0;
  return Error{needs_password ? ErrorCode::kInvalidArgument : ErrorCode::kIo,
               PqMessage(PQerrorMessage(connection.get()))};
}

std::string PqMessage(const char* message) {
  std::string text(message == nullptr ? "" : message);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

}  // namespace sibyl::tools
