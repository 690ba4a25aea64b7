// What clients send: the frontend messages of PostgreSQL's wire protocol, version 3 (chapter
// "Frontend/Backend Protocol" of its manual). Pure functions of bytes that nobody has checked.
//
// Decoded messages point into the bytes they were decoded from. Each decoder demands that its
// message fills the frame exactly; what is malformed is an SqlError 08P01, after which the place of
// the next message is still known, because the frame's length was right. SQL that is not UTF-8 is
// 22021.

#ifndef SIBYL_SQL_SERVER_WIRE_FRONTEND_H_
#define SIBYL_SQL_SERVER_WIRE_FRONTEND_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "sql/server/sql_error.h"

namespace sibyl::sql::server::wire {

// The longest startup packet, as PostgreSQL's MAX_STARTUP_PACKET_LENGTH.
constexpr size_t kMaxStartupBytes = 10'000;

// ---- Frames ----

enum class FrameState : uint8_t {
  kIncomplete,  // more bytes are needed
  kComplete,
  kMalformed,  // the length cannot be right, or is above the limit: the stream is lost
};

struct Frame {
  FrameState state = FrameState::kIncomplete;
  char type = '\0';       // of a message; none in a startup packet
  std::string_view body;  // without type and length
  size_t size_bytes = 0;  // of the whole frame; of an incomplete one: what is known to be needed
};

// The first message in `bytes`: a type byte, then a length that counts itself.
Frame FindMessage(std::string_view bytes, size_t max_body_bytes);

// The first startup packet in `bytes`: it has no type byte.
Frame FindStartupPacket(std::string_view bytes);

// ---- Startup packets ----

enum class StartupKind : uint8_t { kStartup, kSslRequest, kGssEncryptionRequest, kCancelRequest };

struct CancelRequest {
  int32_t backend_pid = 0;
  int32_t secret = 0;
};
struct StartupRequest {
  uint16_t minor_version = 0;  // of protocol 3
  std::vector<std::pair<std::string_view, std::string_view>> parameters;
};
struct StartupPacket {
  StartupKind kind = StartupKind::kStartup;
  StartupRequest startup;  // of kStartup
  CancelRequest cancel;    // of kCancelRequest
};

SqlResult<StartupPacket> DecodeStartupPacket(std::string_view body);

// ---- Messages ----

struct ParseMessage {
  std::string_view statement;
  std::string_view sql;
  std::vector<uint32_t> parameter_type_oids;
};

struct BindMessage {
  std::string_view portal;
  std::string_view statement;
  std::vector<int16_t> parameter_formats;
  std::vector<std::optional<std::string_view>> parameters;  // nullopt: NULL
  std::vector<int16_t> result_formats;
};

enum class ObjectKind : char { kStatement = 'S', kPortal = 'P' };

// Describe and Close.
struct ObjectMessage {
  ObjectKind kind = ObjectKind::kStatement;
  std::string_view name;
};

struct ExecuteMessage {
  std::string_view portal;
  int32_t max_rows = 0;  // 0 or less: all
};

struct SaslInitialResponse {
  std::string_view mechanism;
  std::string_view data;
};

// A Query's text, a CopyFail's reason, a password: one string that ends with the frame.
SqlResult<std::string_view> DecodeText(std::string_view body);

// These reuse the vectors of `message`.
SqlStatus DecodeParse(std::string_view body, ParseMessage* message);
SqlStatus DecodeBind(std::string_view body, BindMessage* message);

SqlResult<ObjectMessage> DecodeObject(std::string_view body);
SqlResult<ExecuteMessage> DecodeExecute(std::string_view body);
SqlResult<SaslInitialResponse> DecodeSaslInitialResponse(std::string_view body);

// The format, 0 text or 1 binary, of value `index`: no formats mean text, one is for all.
inline int16_t FormatOf(const std::vector<int16_t>& formats, size_t index) {
  if (formats.empty()) return 0;
  return formats.size() == 1 ? formats[0] : formats[index];
}

}  // namespace sibyl::sql::server::wire

#endif  // SIBYL_SQL_SERVER_WIRE_FRONTEND_H_
