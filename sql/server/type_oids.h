// The type OIDs of PostgreSQL that clients know by heart: src/include/catalog/pg_type.dat there.

#ifndef SIBYL_SQL_SERVER_TYPE_OIDS_H_
#define SIBYL_SQL_SERVER_TYPE_OIDS_H_

#include <cstdint>

namespace sibyl::sql::server {

constexpr uint32_t kUnspecifiedOid = 0;
constexpr uint32_t kBoolOid = 16;
constexpr uint32_t kByteaOid = 17;
constexpr uint32_t kCharOid = 18;  // "char", one byte
constexpr uint32_t kNameOid = 19;
constexpr uint32_t kInt8Oid = 20;
constexpr uint32_t kInt2Oid = 21;
constexpr uint32_t kInt2VectorOid = 22;
constexpr uint32_t kInt4Oid = 23;
constexpr uint32_t kRegprocOid = 24;
constexpr uint32_t kTextOid = 25;
constexpr uint32_t kOidOid = 26;
constexpr uint32_t kTidOid = 27;
constexpr uint32_t kOidVectorOid = 30;
constexpr uint32_t kJsonOid = 114;
constexpr uint32_t kFloat4Oid = 700;
constexpr uint32_t kFloat8Oid = 701;
constexpr uint32_t kUnknownOid = 705;
constexpr uint32_t kBoolArrayOid = 1000;
constexpr uint32_t kNameArrayOid = 1003;
constexpr uint32_t kInt2ArrayOid = 1005;
constexpr uint32_t kInt4ArrayOid = 1007;
constexpr uint32_t kTextArrayOid = 1009;
constexpr uint32_t kVarcharArrayOid = 1015;
constexpr uint32_t kInt8ArrayOid = 1016;
constexpr uint32_t kFloat8ArrayOid = 1022;
constexpr uint32_t kOidArrayOid = 1028;
constexpr uint32_t kBpcharOid = 1042;
constexpr uint32_t kVarcharOid = 1043;
constexpr uint32_t kDateOid = 1082;
constexpr uint32_t kTimeOid = 1083;
constexpr uint32_t kTimestampOid = 1114;
constexpr uint32_t kTimestamptzOid = 1184;
constexpr uint32_t kIntervalOid = 1186;
constexpr uint32_t kTimetzOid = 1266;
constexpr uint32_t kNumericOid = 1700;
constexpr uint32_t kRegclassOid = 2205;
constexpr uint32_t kRegtypeOid = 2206;
constexpr uint32_t kRecordOid = 2249;
constexpr uint32_t kAnyArrayOid = 2277;
constexpr uint32_t kVoidOid = 2278;
constexpr uint32_t kUuidOid = 2950;
constexpr uint32_t kJsonbOid = 3802;
constexpr uint32_t kRegnamespaceOid = 4089;
constexpr uint32_t kRegroleOid = 4096;

// Whether values of the type are written as integers: also oid, and what is an oid with a name.
constexpr bool IsIntegerOid(uint32_t oid) {
  return oid == kInt2Oid || oid == kInt4Oid || oid == kInt8Oid || oid == kOidOid ||
         oid == kRegclassOid || oid == kRegtypeOid || oid == kRegprocOid ||
         oid == kRegnamespaceOid || oid == kRegroleOid;
}

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_TYPE_OIDS_H_
