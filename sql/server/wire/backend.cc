#include "sql/server/wire/backend.h"

namespace sibyl::sql::server::wire {
namespace {

constexpr int32_t kAuthenticationOk = 0;
constexpr int32_t kAuthenticationSasl = 10;
constexpr int32_t kAuthenticationSaslContinue = 11;
constexpr int32_t kAuthenticationSaslFinal = 12;

const char* NameOf(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return "ERROR";
    case Severity::kFatal:
      return "FATAL";
    case Severity::kPanic:
      return "PANIC";
    case Severity::kWarning:
      return "WARNING";
    case Severity::kNotice:
      return "NOTICE";
    case Severity::kInfo:
      break;
  }
  return "INFO";
}

// A string ends at its first NUL: what comes from the data may have one.
void AppendString(std::string* out, std::string_view text) {
  out->append(text.substr(0, text.find('\0')));
  out->push_back('\0');
}

void AppendErrorField(std::string* out, char field, std::string_view text) {
  if (text.empty()) return;
  out->push_back(field);
  AppendString(out, text);
}

void WriteFields(std::string* out, char type, Severity severity, const SqlError& error) {
  const MessageScope message(out, type);
  AppendErrorField(out, 'S', NameOf(severity));
  AppendErrorField(out, 'V', NameOf(severity));  // the one that is never translated
  AppendErrorField(out, 'C', error.sqlstate);
  AppendErrorField(out, 'M', error.message.empty() ? "unknown error" : error.message);
  AppendErrorField(out, 'D', error.detail);
  AppendErrorField(out, 'H', error.hint);
  if (error.position != 0) AppendErrorField(out, 'P', std::to_string(error.position));
  out->push_back('\0');
}

void WriteAuthentication(std::string* out, int32_t kind, std::string_view data) {
  const MessageScope message(out, 'R');
  AppendBig(out, kind);
  out->append(data);
}

}  // namespace

void WriteSignal(std::string* out, Signal signal) {
  const MessageScope message(out, static_cast<char>(signal));
}

void WriteAuthenticationOk(std::string* out) { WriteAuthentication(out, kAuthenticationOk, {}); }

void WriteSaslMechanisms(std::string* out, std::initializer_list<std::string_view> mechanisms) {
  std::string list;
  for (const std::string_view mechanism : mechanisms) AppendString(&list, mechanism);
  list.push_back('\0');
  WriteAuthentication(out, kAuthenticationSasl, list);
}

void WriteSaslContinue(std::string* out, std::string_view data) {
  WriteAuthentication(out, kAuthenticationSaslContinue, data);
}

void WriteSaslFinal(std::string* out, std::string_view data) {
  WriteAuthentication(out, kAuthenticationSaslFinal, data);
}

void WriteNegotiateProtocolVersion(std::string* out,
                                   const std::vector<std::string>& unknown_options) {
  const MessageScope message(out, 'v');
  AppendBig(out, int32_t{3} << 16);  // the newest that we speak: 3.0
  AppendBig(out, static_cast<int32_t>(unknown_options.size()));
  for (const std::string& option : unknown_options) AppendString(out, option);
}

void WriteParameterStatus(std::string* out, std::string_view name, std::string_view value) {
  const MessageScope message(out, 'S');
  AppendString(out, name);
  AppendString(out, value);
}

void WriteBackendKeyData(std::string* out, int32_t backend_pid, int32_t secret) {
  const MessageScope message(out, 'K');
  AppendBig(out, backend_pid);
  AppendBig(out, secret);
}

void WriteReadyForQuery(std::string* out, TransactionStatus status) {
  const MessageScope message(out, 'Z');
  out->push_back(static_cast<char>(status));
}

void WriteError(std::string* out, Severity severity, const SqlError& error) {
  WriteFields(out, 'E', severity, error);
}

void WriteNotice(std::string* out, Severity severity, const SqlError& notice) {
  WriteFields(out, 'N', severity, notice);
}

void WriteCommandComplete(std::string* out, std::string_view tag) {
  const MessageScope message(out, 'C');
  AppendString(out, tag);
}

void WriteRowDescription(std::string* out, const std::vector<FieldDescription>& fields) {
  const MessageScope message(out, 'T');
  AppendBig(out, static_cast<uint16_t>(fields.size()));
  for (const FieldDescription& field : fields) {
    AppendString(out, field.name);
    AppendBig(out, field.table_oid);
    AppendBig(out, field.column_number);
    AppendBig(out, field.type_oid);
    AppendBig(out, field.type_size_bytes);
    AppendBig(out, field.type_modifier);
    AppendBig(out, field.format);
  }
}

void WriteParameterDescription(std::string* out, const std::vector<uint32_t>& type_oids) {
  const MessageScope message(out, 't');
  AppendBig(out, static_cast<uint16_t>(type_oids.size()));
  for (const uint32_t oid : type_oids) AppendBig(out, oid);
}

void WriteCopyResponse(std::string* out, char type, bool binary, size_t columns) {
  const MessageScope message(out, type);
  out->push_back(binary ? 1 : 0);
  AppendBig(out, static_cast<uint16_t>(columns));
  for (size_t i = 0; i < columns; ++i) AppendBig(out, static_cast<int16_t>(binary ? 1 : 0));
}

}  // namespace sibyl::sql::server::wire
