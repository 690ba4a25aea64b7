#include "sql/server/array_format.h"

#include <optional>
#include <vector>

#include "base/status_macros.h"
#include "sql/server/binary_format.h"
#include "sql/server/dialect/array_text.h"
#include "sql/server/text_format.h"
#include "sql/server/type_oids.h"
#include "sql/server/types.h"
#include "sql/server/wire/big_endian.h"

namespace sibyl::sql::server {
namespace {

using Elements = std::vector<std::optional<std::string>>;

constexpr int32_t kNull = -1;  // the length of an element that is NULL

bool IsVector(uint32_t oid) { return oid == kInt2VectorOid || oid == kOidVectorOid; }

// Vectors count from 0.
int32_t FirstIndexOf(uint32_t array_oid) { return IsVector(array_oid) ? 0 : 1; }

uint32_t ElementOidOf(uint32_t array_oid) {
  const TypeInfo* type = FindType(array_oid);
  return type == nullptr ? kUnspecifiedOid : type->element_oid;
}

// Length and bytes; false: it has no binary form.
bool AppendElement(uint32_t element_oid, const std::optional<std::string>& text, std::string* out) {
  if (!text) {
    wire::AppendBig(out, kNull);
    return true;
  }
  std::string scratch;
  const auto value = DecodeText(element_oid, *text, &scratch);
  if (!value) return false;
  const size_t start = out->size();
  out->append(sizeof(int32_t), '\0');
  if (!EncodeBinary(element_oid, *value, out)) return false;
  const size_t size_bytes = out->size() - start - sizeof(int32_t);
  wire::StoreBig(out->data() + start, static_cast<int32_t>(size_bytes));
  return true;
}

// Takes bytes from the front of a message.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  std::optional<int32_t> Integer() {
    if (bytes_.size() < sizeof(int32_t)) return std::nullopt;
    const auto value = wire::LoadBig<int32_t>(bytes_.data());
    bytes_.remove_prefix(sizeof(int32_t));
    return value;
  }

  std::optional<std::string_view> Bytes(int32_t count) {
    if (count < 0 || static_cast<size_t>(count) > bytes_.size()) return std::nullopt;
    const std::string_view taken = bytes_.substr(0, static_cast<size_t>(count));
    bytes_.remove_prefix(taken.size());
    return taken;
  }

  bool at_end() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

SqlError Invalid(uint32_t array_oid) {
  return {"22P03",
          "incorrect binary data format for a parameter of type " + FormatType(array_oid, -1)};
}

// The elements, however many there are said to be: nothing is allocated before it has been read.
SqlResult<Elements> ReadElements(uint32_t array_oid, int32_t count, Reader* reader) {
  const uint32_t element_oid = ElementOidOf(array_oid);
  Elements elements;
  std::string scratch;
  for (int32_t i = 0; i < count; ++i) {
    const auto size_bytes = reader->Integer();
    if (size_bytes == kNull) {
      elements.push_back(std::nullopt);
      continue;
    }
    const auto bytes = size_bytes ? reader->Bytes(*size_bytes) : std::nullopt;
    if (!bytes) return Invalid(array_oid);
    SIBYL_ASSIGN_OR_RETURN(const SqlValue value, DecodeBinary(element_oid, *bytes, &scratch));
    EncodeText(element_oid, value, &elements.emplace_back(std::string()).value());
  }
  return elements;
}

std::string TextOf(uint32_t array_oid, const Elements& elements) {
  if (!IsVector(array_oid)) return FormatArray(elements);
  std::string text;
  for (const auto& element : elements) text += (text.empty() ? "" : " ") + element.value_or("0");
  return text;
}

}  // namespace

bool AppendBinaryArray(uint32_t array_oid, std::string_view text, std::string* out) {
  const auto elements = ParseArray(text);
  const uint32_t element_oid = ElementOidOf(array_oid);
  if (!elements || element_oid == kUnspecifiedOid) return false;
  int32_t has_null = 0;
  for (const auto& element : *elements) has_null |= element ? 0 : 1;
  wire::AppendBig(out, int32_t{elements->empty() ? 0 : 1});  // dimensions
  wire::AppendBig(out, has_null);
  wire::AppendBig(out, element_oid);
  if (!elements->empty()) {
    wire::AppendBig(out, static_cast<int32_t>(elements->size()));
    wire::AppendBig(out, FirstIndexOf(array_oid));
  }
  for (const auto& element : *elements) {
    if (!AppendElement(element_oid, element, out)) return false;
  }
  return true;
}

SqlResult<std::string> BinaryArrayText(uint32_t array_oid, std::string_view bytes) {
  Reader reader(bytes);
  const auto dimensions = reader.Integer();
  const auto has_null = reader.Integer();
  const auto element_oid = reader.Integer();
  if (!dimensions || !has_null || !element_oid || *dimensions < 0 || *dimensions > 6 ||
      static_cast<uint32_t>(*element_oid) != ElementOidOf(array_oid)) {
    return Invalid(array_oid);
  }
  if (*dimensions > 1) {
    return SqlError{"0A000", "arrays of several dimensions are not supported"};
  }
  int32_t count = 0;
  if (*dimensions == 1) {
    const auto size = reader.Integer();
    const auto first_index = reader.Integer();
    if (!size || !first_index || *size < 0) return Invalid(array_oid);
    if (*first_index != FirstIndexOf(array_oid)) {
      return SqlError{"0A000", "arrays are counted from 1 here"};
    }
    count = *size;
  }
  SIBYL_ASSIGN_OR_RETURN(const Elements elements, ReadElements(array_oid, count, &reader));
  if (!reader.at_end()) return Invalid(array_oid);
  return TextOf(array_oid, elements);
}

}  // namespace sibyl::sql::server
