#include "sql/server/value_format.h"

#include "sql/server/type_oids.h"

namespace sibyl::sql::server {

SqlResult<SqlValue> Decode(uint32_t type_oid, int16_t format, std::string_view bytes,
                           std::string* scratch) {
  return format == 0 ? DecodeText(type_oid, bytes, scratch)
                     : DecodeBinary(type_oid, bytes, scratch);
}

uint32_t TypeOidOfValue(const SqlValue& value) {
  switch (value.type) {
    case ValueType::kInteger:
      return kInt8Oid;
    case ValueType::kReal:
      return kFloat8Oid;
    case ValueType::kBlob:
      return kByteaOid;
    default:
      return kTextOid;
  }
}

}  // namespace sibyl::sql::server
