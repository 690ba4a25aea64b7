#include "engine/c_api/handles.h"

#include <cstdlib>
#include <cstring>

#include "sibyl/version.h"

namespace sibyl::c_api {

namespace {

int CodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return SIBYL_INVALID_ARGUMENT;
    case ErrorCode::kCorruption:
      return SIBYL_CORRUPTION;
    case ErrorCode::kIo:
      return SIBYL_IO;
    case ErrorCode::kNotSupported:
      return SIBYL_NOT_SUPPORTED;
    case ErrorCode::kConflict:
      return SIBYL_CONFLICT;
    case ErrorCode::kBusy:
      return SIBYL_BUSY;
    case ErrorCode::kReadOnly:
      return SIBYL_READ_ONLY;
  }
  return SIBYL_IO;
}

}  // namespace

sibyl_error* OutOfMemory() {
  // Made before it is needed; sibyl_error_free knows it.
  static sibyl_error error{SIBYL_OUT_OF_MEMORY, "out of memory"};
  return &error;
}

sibyl_error* ToC(const Error& error) {
  try {
    return new sibyl_error{CodeOf(error.code), error.message};
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  }
}

sibyl_buffer NewBuffer(std::string_view bytes) {
  if (bytes.empty()) return {nullptr, 0};
  char* const data = static_cast<char*>(std::malloc(bytes.size()));
  if (data == nullptr) throw std::bad_alloc();
  std::memcpy(data, bytes.data(), bytes.size());
  return {data, bytes.size()};
}

IteratorOptions Bounds(const sibyl_slice* lower, const sibyl_slice* upper) {
  IteratorOptions options;
  if (lower != nullptr) options.lower_bound = std::string(View(*lower));
  if (upper != nullptr) options.upper_bound = std::string(View(*upper));
  return options;
}

}  // namespace sibyl::c_api

int sibyl_error_code(const sibyl_error* error) { return error->code; }
const char* sibyl_error_message(const sibyl_error* error) { return error->message.c_str(); }
void sibyl_error_free(sibyl_error* error) {
  if (error != sibyl::c_api::OutOfMemory()) delete error;
}

void sibyl_buffer_free(sibyl_buffer* buffer) {
  if (buffer == nullptr) return;
  std::free(buffer->data);
  *buffer = {nullptr, 0};
}

const char* sibyl_version(void) { return sibyl::kVersion; }
