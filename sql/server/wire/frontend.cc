#include "sql/server/wire/frontend.h"

#include "base/status_macros.h"
#include "sql/server/wire/big_endian.h"
#include "sql/server/wire/utf8.h"

namespace sibyl::sql::server::wire {
namespace {

constexpr size_t kLengthBytes = 4;
constexpr int32_t kSslRequestCode = 80877103;
constexpr int32_t kGssEncryptionRequestCode = 80877104;
constexpr int32_t kCancelRequestCode = 80877102;

SqlError Malformed(const char* what) {
  return {"08P01", std::string("invalid message format: ") + what};
}

// Reads from the front; once something did not fit, ok() stays false and everything is empty.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return bytes_.empty(); }

  template <std::integral T>
  T Integer() {
    if (bytes_.size() < sizeof(T)) return Fail(), T{};
    const T value = LoadBig<T>(bytes_.data());
    bytes_.remove_prefix(sizeof(T));
    return value;
  }

  // Up to the next NUL, which is consumed.
  std::string_view String() {
    const size_t end = bytes_.find('\0');
    if (end == std::string_view::npos) return Fail(), std::string_view();
    const std::string_view text = bytes_.substr(0, end);
    bytes_.remove_prefix(end + 1);
    return text;
  }

  std::string_view Bytes(size_t count) {
    if (bytes_.size() < count) return Fail(), std::string_view();
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }

  std::string_view Rest() { return Bytes(bytes_.size()); }

  // The count before a list whose elements take at least `element_bytes` each: so that no list is
  // made longer than its message can fill.
  size_t Count(size_t element_bytes) {
    const auto count = static_cast<size_t>(Integer<uint16_t>());
    if (count * element_bytes > bytes_.size()) return Fail(), 0;
    return count;
  }

 private:
  void Fail() {
    ok_ = false;
    bytes_ = {};
  }

  std::string_view bytes_;
  bool ok_ = true;
};

Frame FrameOf(std::string_view bytes, size_t header_bytes, size_t max_body_bytes) {
  Frame frame;
  frame.size_bytes = header_bytes;
  if (bytes.size() < header_bytes) return frame;
  const auto length = LoadBig<uint32_t>(bytes.data() + header_bytes - kLengthBytes);
  if (length < kLengthBytes || length - kLengthBytes > max_body_bytes) {
    frame.state = FrameState::kMalformed;
    return frame;
  }
  frame.size_bytes = header_bytes + length - kLengthBytes;
  if (bytes.size() < frame.size_bytes) return frame;
  frame.state = FrameState::kComplete;
  frame.body = bytes.substr(header_bytes, length - kLengthBytes);
  return frame;
}

SqlResult<StartupPacket> DecodeParameters(uint16_t minor_version, Reader reader) {
  StartupPacket packet;
  StartupRequest& request = packet.startup;
  request.minor_version = minor_version;
  for (;;) {
    const std::string_view name = reader.String();
    if (!reader.ok()) return Malformed("startup packet without terminator");
    if (name.empty()) break;
    const std::string_view value = reader.String();
    if (!reader.ok()) return Malformed("startup parameter without value");
    request.parameters.emplace_back(name, value);
  }
  if (!reader.at_end()) return Malformed("bytes after the startup parameters");
  return packet;
}

void ReadFormats(Reader* reader, std::vector<int16_t>* formats) {
  formats->clear();
  for (size_t left = reader->Count(sizeof(int16_t)); left > 0; --left) {
    formats->push_back(reader->Integer<int16_t>());
  }
}

bool AreKnown(const std::vector<int16_t>& formats) {
  for (const int16_t format : formats) {
    if (format != 0 && format != 1) return false;
  }
  return true;
}

}  // namespace

Frame FindMessage(std::string_view bytes, size_t max_body_bytes) {
  Frame frame = FrameOf(bytes, 1 + kLengthBytes, max_body_bytes);
  if (!bytes.empty()) frame.type = bytes[0];
  return frame;
}

Frame FindStartupPacket(std::string_view bytes) {
  return FrameOf(bytes, kLengthBytes, kMaxStartupBytes);
}

SqlResult<StartupPacket> DecodeStartupPacket(std::string_view body) {
  Reader reader(body);
  const auto code = reader.Integer<int32_t>();
  StartupPacket packet;
  if (!reader.ok()) return Malformed("startup packet without version");
  if (code == kSslRequestCode || code == kGssEncryptionRequestCode) {
    if (!reader.at_end()) return Malformed("encryption request with a body");
    packet.kind =
        code == kSslRequestCode ? StartupKind::kSslRequest : StartupKind::kGssEncryptionRequest;
    return packet;
  }
  if (code == kCancelRequestCode) {
    packet.kind = StartupKind::kCancelRequest;
    packet.cancel.backend_pid = reader.Integer<int32_t>();
    packet.cancel.secret = reader.Integer<int32_t>();
    if (!reader.ok() || !reader.at_end()) return Malformed("cancel request of a wrong length");
    return packet;
  }
  const int32_t major_version = code >> 16;
  if (major_version != 3) {
    return SqlError{"0A000", "unsupported frontend protocol " + std::to_string(major_version) +
                                 "." + std::to_string(code & 0xffff) + ": server supports 3.0"};
  }
  return DecodeParameters(static_cast<uint16_t>(code & 0xffff), reader);
}

SqlResult<std::string_view> DecodeText(std::string_view body) {
  Reader reader(body);
  const std::string_view text = reader.String();
  if (!reader.ok() || !reader.at_end()) return Malformed("a string does not end with its message");
  SIBYL_RETURN_IF_ERROR(CheckText(text));
  return text;
}

SqlStatus DecodeParse(std::string_view body, ParseMessage* message) {
  Reader reader(body);
  message->statement = reader.String();
  message->sql = reader.String();
  message->parameter_type_oids.clear();
  for (size_t left = reader.Count(sizeof(uint32_t)); left > 0; --left) {
    message->parameter_type_oids.push_back(reader.Integer<uint32_t>());
  }
  if (!reader.ok() || !reader.at_end()) return Malformed("Parse");
  return CheckText(message->sql);
}

SqlStatus DecodeBind(std::string_view body, BindMessage* message) {
  Reader reader(body);
  message->portal = reader.String();
  message->statement = reader.String();
  ReadFormats(&reader, &message->parameter_formats);
  message->parameters.clear();
  for (size_t left = reader.Count(kLengthBytes); left > 0; --left) {
    const auto length = reader.Integer<int32_t>();
    if (length < -1) return Malformed("Bind: negative length of a parameter");
    if (length == -1) {
      message->parameters.push_back(std::nullopt);
    } else {
      message->parameters.push_back(reader.Bytes(static_cast<size_t>(length)));
    }
  }
  ReadFormats(&reader, &message->result_formats);
  if (!reader.ok() || !reader.at_end()) return Malformed("Bind");
  const size_t formats = message->parameter_formats.size();
  if (formats > 1 && formats != message->parameters.size()) {
    return SqlError{"08P01", "bind message has " + std::to_string(formats) +
                                 " parameter formats but " +
                                 std::to_string(message->parameters.size()) + " parameters"};
  }
  if (!AreKnown(message->parameter_formats) || !AreKnown(message->result_formats)) {
    return SqlError{"08P01", "unsupported format code: 0 is text, 1 is binary"};
  }
  return SqlOk();
}

SqlResult<ObjectMessage> DecodeObject(std::string_view body) {
  Reader reader(body);
  const auto kind = reader.Integer<char>();
  ObjectMessage message;
  message.name = reader.String();
  if (!reader.ok() || !reader.at_end() || (kind != 'S' && kind != 'P')) {
    return Malformed("Describe or Close");
  }
  message.kind = static_cast<ObjectKind>(kind);
  return message;
}

SqlResult<ExecuteMessage> DecodeExecute(std::string_view body) {
  Reader reader(body);
  ExecuteMessage message;
  message.portal = reader.String();
  message.max_rows = reader.Integer<int32_t>();
  if (!reader.ok() || !reader.at_end()) return Malformed("Execute");
  return message;
}

SqlResult<SaslInitialResponse> DecodeSaslInitialResponse(std::string_view body) {
  Reader reader(body);
  SaslInitialResponse response;
  response.mechanism = reader.String();
  const auto length = reader.Integer<int32_t>();
  if (!reader.ok() || length < -1) return Malformed("SASLInitialResponse");
  if (length >= 0) response.data = reader.Bytes(static_cast<size_t>(length));
  if (!reader.ok() || !reader.at_end()) return Malformed("SASLInitialResponse");
  return response;
}

}  // namespace sibyl::sql::server::wire
