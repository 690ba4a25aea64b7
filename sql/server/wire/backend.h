// What the server sends: writers of the backend messages of PostgreSQL's wire protocol, version 3.
// Each appends one message to a buffer.

#ifndef SIBYL_SQL_SERVER_WIRE_BACKEND_H_
#define SIBYL_SQL_SERVER_WIRE_BACKEND_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "sql/server/sql_error.h"
#include "sql/server/wire/big_endian.h"

namespace sibyl::sql::server::wire {

enum class TransactionStatus : char { kIdle = 'I', kInTransaction = 'T', kFailed = 'E' };

enum class Severity : uint8_t { kError, kFatal, kPanic, kWarning, kNotice, kInfo };

struct FieldDescription {
  std::string name;
  uint32_t type_oid = 0;
  int16_t type_size_bytes = -1;
  int32_t type_modifier = -1;
  int16_t format = 0;         // 0 text, 1 binary
  uint32_t table_oid = 0;     // of the table whose column it is; 0: of none
  int16_t column_number = 0;  // in that table, from 1; 0: of none
};

// Puts the length into a message when the message ends.
class MessageScope {
 public:
  MessageScope(std::string* out, char type) : out_(out) {
    out->push_back(type);
    start_ = out->size();
    out->append(4, '\0');
  }
  ~MessageScope() { StoreBig(out_->data() + start_, static_cast<uint32_t>(out_->size() - start_)); }
  MessageScope(const MessageScope&) = delete;
  MessageScope& operator=(const MessageScope&) = delete;

 private:
  std::string* out_;
  size_t start_;
};

// Messages without content.
enum class Signal : char {
  kParseComplete = '1',
  kBindComplete = '2',
  kCloseComplete = '3',
  kNoData = 'n',
  kPortalSuspended = 's',
  kEmptyQueryResponse = 'I',
  kCopyDone = 'c',
};
void WriteSignal(std::string* out, Signal signal);

void WriteAuthenticationOk(std::string* out);
void WriteSaslMechanisms(std::string* out, std::initializer_list<std::string_view> mechanisms);
void WriteSaslContinue(std::string* out, std::string_view data);
void WriteSaslFinal(std::string* out, std::string_view data);

void WriteNegotiateProtocolVersion(std::string* out,
                                   const std::vector<std::string>& unknown_options);
void WriteParameterStatus(std::string* out, std::string_view name, std::string_view value);
void WriteBackendKeyData(std::string* out, int32_t backend_pid, int32_t secret);
void WriteReadyForQuery(std::string* out, TransactionStatus status);

void WriteError(std::string* out, Severity severity, const SqlError& error);
void WriteNotice(std::string* out, Severity severity, const SqlError& notice);

void WriteCommandComplete(std::string* out, std::string_view tag);
void WriteRowDescription(std::string* out, const std::vector<FieldDescription>& fields);
void WriteParameterDescription(std::string* out, const std::vector<uint32_t>& type_oids);

// CopyInResponse ('G') and CopyOutResponse ('H').
void WriteCopyResponse(std::string* out, char type, bool binary, size_t columns);

// A DataRow: BeginRow, then for each field BeginField, its bytes, EndField, or NullField; EndRow.
// The numbers are offsets into `out`.
inline size_t BeginRow(std::string* out, size_t fields) {
  const size_t start = out->size();
  out->append("D\0\0\0\0", 5);
  AppendBig(out, static_cast<uint16_t>(fields));
  return start;
}
inline void NullField(std::string* out) { AppendBig(out, int32_t{-1}); }
inline size_t BeginField(std::string* out) {
  out->append(4, '\0');
  return out->size();
}
inline void EndField(std::string* out, size_t field) {
  StoreBig(out->data() + field - 4, static_cast<uint32_t>(out->size() - field));
}
inline void EndRow(std::string* out, size_t row) {
  StoreBig(out->data() + row + 1, static_cast<uint32_t>(out->size() - row - 1));
}

}  // namespace sibyl::sql::server::wire

#endif  // SIBYL_SQL_SERVER_WIRE_BACKEND_H_
