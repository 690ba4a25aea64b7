// Goal: index records survive being split into key and value, byte for byte; the keys compare with
// any list of wanted fields exactly as SQLite's record comparison says; nothing is kept twice; and
// damaged bytes are found out.
// Method: random records of edge values under random shapes (directions, NULLS FIRST and LAST,
// collations), as SQLite would write them; sqlite3VdbeRecordCompare itself as the judge, with every
// number of fields and every default result. Seeds are fixed and printed.

#include "sql/index_record.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/sql/record_probe.h"

namespace sibyl::sql::testing {
namespace {

struct Buffer : SibylKey {
  Buffer() : SibylKey{} {}
  ~Buffer() { sibyl_key_free(this); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  std::string view() const { return {reinterpret_cast<const char*>(bytes), size}; }
};

const unsigned char* Bytes(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// One field in the form of a record: its serial type and its bytes.
struct Field {
  uint64_t type = 0;
  std::string data;
};

std::string BigEndian(uint64_t value, int size) {
  std::string bytes;
  for (int i = size - 1; i >= 0; i--) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

Field Integer(int64_t value) {
  if (value == 0 || value == 1) return {static_cast<uint64_t>(8 + value), ""};
  static constexpr int kSizes[] = {1, 2, 3, 4, 6, 8};
  for (uint64_t type = 1; type < 6; type++) {
    const int64_t limit = int64_t{1} << (8 * kSizes[type - 1] - 1);
    if (value >= -limit && value < limit) {
      return {type, BigEndian(static_cast<uint64_t>(value), kSizes[type - 1])};
    }
  }
  return {6, BigEndian(static_cast<uint64_t>(value), 8)};
}

Field Real(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return {7, BigEndian(bits, 8)};
}

Field Text(const std::string& text) { return {13 + 2 * text.size(), text}; }
Field Blob(const std::string& blob) { return {12 + 2 * blob.size(), blob}; }

// SQLite's varint, below 2^56.
std::string Varint(uint64_t value) {
  std::string bytes(1, static_cast<char>(value & 0x7f));
  while ((value >>= 7) != 0) bytes.insert(bytes.begin(), static_cast<char>(0x80 | (value & 0x7f)));
  return bytes;
}

std::string Record(const std::vector<Field>& fields) {
  std::string types;
  std::string data;
  for (const Field& field : fields) {
    types += Varint(field.type);
    data += field.data;
  }
  size_t header = types.size() + 1;
  while (types.size() + Varint(header).size() != header) header++;
  return Varint(header) + types + data;
}

std::vector<Field> Pool(std::mt19937_64* random) {
  std::vector<Field> pool = {Field{}, Field{}, Integer(std::numeric_limits<int64_t>::min()),
                             Real(-0.0)};
  const int64_t max = std::numeric_limits<int64_t>::max();
  for (const int64_t base : {int64_t{0}, int64_t{1} << 7, int64_t{1} << 15, int64_t{1} << 23,
                             int64_t{1} << 31, int64_t{1} << 47, int64_t{1} << 53, max - 2}) {
    for (int64_t step = -2; step <= 2; step++) {
      pool.push_back(Integer(base + step));
      pool.push_back(Integer(-(base + step)));
      pool.push_back(Real(static_cast<double>(base + step)));
      pool.push_back(Real(-static_cast<double>(base) + static_cast<double>(step) / 4));
    }
  }
  for (const double v : {1e-300, 5e-324, 1e300, 0.1, 9223372036854775808.0, 9223372036854774784.0,
                         std::numeric_limits<double>::infinity()}) {
    pool.push_back(Real(v));
    pool.push_back(Real(-v));
  }
  const std::string alphabet("\0 aAbBzZ\x7f\xc3\xa4\xff", 12);
  for (int i = 0; i < 80; i++) {
    std::string bytes;
    for (uint64_t n = (*random)() % 6; n > 0; n--) bytes += alphabet[(*random)() % 12];
    pool.push_back(i % 3 == 0 ? Blob(bytes) : Text(bytes));
  }
  pool.push_back(Text(std::string(300, 'x') + "  "));
  return pool;
}

struct Shape {
  std::vector<unsigned char> orders;
  std::vector<unsigned char> collations;
  std::vector<SibylFieldShape> fields;
};

Shape RandomShape(size_t fields, std::mt19937_64* random) {
  Shape shape;
  for (size_t i = 0; i < fields; i++) {
    shape.orders.push_back(static_cast<unsigned char>((*random)() % 4));
    shape.collations.push_back(static_cast<unsigned char>((*random)() % 3));
    shape.fields.push_back(sibyl_field_shape(shape.orders.back(),
                                             static_cast<SibylCollation>(shape.collations.back())));
  }
  return shape;
}

struct Entry {
  std::string record;
  std::string key;
  std::string value;
};

Entry Split(const std::string& record, const Shape& shape) {
  Buffer key;
  Buffer value;
  REQUIRE(sibyl_record_split(Bytes(record), record.size(), shape.fields.data(),
                             static_cast<int>(shape.fields.size()), &key,
                             &value) == SIBYL_RECORD_OK);
  return {record, key.view(), value.view()};
}

std::string Join(const Entry& entry, const Shape& shape) {
  Buffer buffer;
  const unsigned char* record = nullptr;
  size_t size = 0;
  if (sibyl_record_join(Bytes(entry.key), entry.key.size(), Bytes(entry.value), entry.value.size(),
                        shape.fields.data(), static_cast<int>(shape.fields.size()), &buffer,
                        &record, &size) != SIBYL_RECORD_OK) {
    return "corrupt";
  }
  return {reinterpret_cast<const char*>(record), size};
}

int Sign(int v) { return (v > 0) - (v < 0); }

std::string PrefixOf(const std::vector<Field>& wanted, size_t fields, const Shape& shape) {
  Shape shorter = shape;
  shorter.fields.resize(fields);
  return Split(Record({wanted.begin(), wanted.begin() + static_cast<long>(fields)}), shorter).key;
}

// What a seek concludes from the bytes of the key.
int CompareBytes(const std::string& key, const std::string& prefix, int default_rc) {
  const int order = key.substr(0, prefix.size()).compare(prefix);
  return order == 0 ? default_rc : order;
}

TEST_CASE("records come back, and compare as SQLite's records do", "[sql][index_record]") {
  const auto seed = GENERATE(range(1u, 41u));
  INFO("seed=" << seed);
  std::mt19937_64 random(seed);
  const std::vector<Field> pool = Pool(&random);
  const size_t width = 1 + random() % 4;
  const Shape shape = RandomShape(width, &random);
  const size_t tail = random() % 3;
  const auto pick = [&] { return pool[random() % pool.size()]; };
  std::vector<std::vector<Field>> rows(40);
  for (auto& row : rows) {
    for (size_t i = 0; i < width + tail; i++) row.push_back(pick());
  }
  std::vector<Entry> entries;
  for (const auto& row : rows) {
    entries.push_back(Split(Record(row), shape));
    CHECK(Join(entries.back(), shape) == entries.back().record);
  }
  for (const auto& wanted : rows) {
    for (size_t fields = 1; fields <= width; fields++) {
      const std::string prefix = PrefixOf(wanted, fields, shape);
      const std::string searched = Record(wanted);
      for (const Entry& entry : entries) {
        for (const int default_rc : {-1, 0, 1}) {
          int eq_seen = 0;
          const int expected = sibyl_probe_record_compare(
              entry.record.data(), static_cast<int>(entry.record.size()), searched.data(),
              static_cast<int>(searched.size()), static_cast<int>(fields), shape.orders.data(),
              shape.collations.data(), default_rc, &eq_seen);
          if (Sign(CompareBytes(entry.key, prefix, default_rc)) != Sign(expected) ||
              entry.key.starts_with(prefix) != (eq_seen != 0)) {
            FAIL("fields " << fields << ", default " << default_rc << ": SQLite says " << expected);
          }
        }
      }
    }
  }
}

Shape Plain(size_t fields) {
  Shape shape;
  shape.orders.assign(fields, 0);
  shape.collations.assign(fields, 0);
  shape.fields.assign(fields, 0);
  return shape;
}

TEST_CASE("nothing is kept twice", "[sql][index_record]") {
  CHECK(Split(Record({Text("alice"), Integer(-77)}), Plain(2)).value.empty());
  CHECK(Split(Record({Real(0.1), Integer(5), Field{}, Blob(std::string("\0a", 2))}), Plain(4))
            .value.empty());
  CHECK(Split(Record({Real(-2.0), Integer(1)}), Plain(2)).value.size() == 3);
  // The other columns of a WITHOUT ROWID table follow as they are.
  CHECK(Split(Record({Text("alice"), Integer(7), Text("tail")}), Plain(1)).value ==
        std::string(1, '\0') + Record({Integer(7), Text("tail")}));
  Shape nocase = Plain(2);
  nocase.fields[0] = sibyl_field_shape(0, SIBYL_COLLATE_NOCASE);
  CHECK(Split(Record({Text("alice"), Integer(9)}), nocase).value.empty());
  CHECK(Split(Record({Text("Alice Bob"), Integer(9)}), nocase).value.size() == 2 + 2);
  Shape rtrim = Plain(1);
  rtrim.fields[0] = sibyl_field_shape(1, SIBYL_COLLATE_RTRIM);
  CHECK(Split(Record({Text("x   ")}), rtrim).value.size() == 2 + 1);
}

TEST_CASE("records that SQLite would write otherwise come back too", "[sql][index_record]") {
  const Shape shape = Plain(2);
  const std::vector<std::string> odd = {
      Record({{1, std::string(1, '\0')}, Integer(3)}),                   // an old file's 0
      Record({{6, BigEndian(5, 8)}, Integer(3)}),                        // wider than it need be
      Record({Integer(3)}),                                              // a field is missing
      std::string("\x04\x80\x08\x09", 4),                                // a padded type
      std::string("\x80\x04\x08\x09", 4),                                // a padded header size
      Record({Integer(3), Integer(4)}) + "x",                            // bytes behind the data
      Record({Text("a"), Integer(4), {1, std::string(1, '\1')}}) + "y",  // behind a tail
  };
  for (const std::string& record : odd) {
    const Entry entry = Split(record, shape);
    CHECK(entry.value == record);
    CHECK(Join(entry, shape) == record);
  }
  std::vector<Field> many(60, Integer(12345));
  const Entry wide = Split(Record(many), Plain(60));
  CHECK(Join(wide, Plain(60)) == wide.record);
}

TEST_CASE("the rowid is read from the key's end", "[sql][index_record]") {
  const Shape shape = Plain(3);
  for (const int64_t rowid : {std::numeric_limits<int64_t>::min(), int64_t{-5}, int64_t{0},
                              int64_t{1} << 40, std::numeric_limits<int64_t>::max()}) {
    const Entry entry = Split(Record({Text("a"), Field{}, Integer(rowid)}), shape);
    int64_t found = 7;
    REQUIRE(sibyl_key_last_integer(Bytes(entry.key), entry.key.size(), shape.fields.data(), 3,
                                   &found) == SIBYL_RECORD_OK);
    CHECK(found == rowid);
    CHECK(sibyl_key_last_integer(Bytes(entry.key), entry.key.size(), shape.fields.data(), 2,
                                 &found) == SIBYL_RECORD_CORRUPT);
  }
  std::mt19937_64 random(3);
  const std::vector<Field> pool = Pool(&random);
  for (int i = 0; i < 2000; i++) {
    const Shape any = RandomShape(3, &random);
    const Entry entry = Split(
        Record({pool[random() % pool.size()], pool[random() % pool.size()], Integer(i)}), any);
    int64_t found = -1;
    REQUIRE(sibyl_key_last_integer(Bytes(entry.key), entry.key.size(), any.fields.data(), 3,
                                   &found) == SIBYL_RECORD_OK);
    REQUIRE(found == i);
  }
  const Entry text = Split(Record({Text("a")}), Plain(1));
  int64_t ignored;
  CHECK(sibyl_key_last_integer(Bytes(text.key), text.key.size(), shape.fields.data(), 1,
                               &ignored) == SIBYL_RECORD_CORRUPT);
}

TEST_CASE("an entry without NULLs in its unique columns has a short key", "[sql][index_record]") {
  const auto seed = GENERATE(range(1u, 5u));
  INFO("seed=" << seed);
  std::mt19937_64 random(seed);
  const std::vector<Field> pool = Pool(&random);
  for (int i = 0; i < 2000; i++) {
    const size_t unique = 1 + random() % 9;
    const Shape all = RandomShape(unique + 1, &random);
    Shape of_unique = all;
    of_unique.fields.resize(unique);
    std::vector<Field> row;
    for (size_t k = 0; k < unique; k++) row.push_back(pool[random() % pool.size()]);
    row.push_back(Integer(i));
    const std::string record = Record(row);
    const bool has_null =
        sibyl_record_has_null(Bytes(record), record.size(), static_cast<int>(unique)) != 0;
    const Shape& shape = has_null ? all : of_unique;
    const Entry entry = Split(record, shape);
    const int key_fields = sibyl_record_key_fields(
        Bytes(entry.key), entry.key.size(), Bytes(entry.value), entry.value.size(),
        all.fields.data(), static_cast<int>(unique), static_cast<int>(unique) + 1);
    // A record kept whole is found as such; for any other the number of fields has to be right.
    if (entry.value != record) REQUIRE(key_fields == static_cast<int>(shape.fields.size()));
    Shape told = all;
    told.fields.resize(static_cast<size_t>(key_fields));
    REQUIRE(Join(entry, told) == record);
    int64_t rowid = -1;
    REQUIRE(sibyl_record_last_integer(Bytes(record), record.size(), &rowid) == SIBYL_RECORD_OK);
    REQUIRE(rowid == i);
    const SibylRecordResult tail =
        sibyl_tail_last_integer(Bytes(entry.value), entry.value.size(), &rowid);
    if (tail == SIBYL_RECORD_OK) REQUIRE(rowid == i);
    if (has_null) REQUIRE(tail == SIBYL_RECORD_CORRUPT);
  }
  const std::string nulls = Record({Text("a"), Field{}, Integer(5)});
  CHECK(sibyl_record_has_null(Bytes(nulls), nulls.size(), 2) == 1);
  CHECK(sibyl_record_has_null(Bytes(nulls), nulls.size(), 1) == 0);
  const std::string text = Record({Integer(5), Text("a")});
  int64_t ignored;
  CHECK(sibyl_record_last_integer(Bytes(text), text.size(), &ignored) == SIBYL_RECORD_CORRUPT);
  CHECK(sibyl_tail_last_integer(nullptr, 0, &ignored) == SIBYL_RECORD_CORRUPT);
}

TEST_CASE("damaged records, keys and values are corrupt or harmless", "[sql][index_record]") {
  const auto seed = GENERATE(range(1u, 6u));
  INFO("seed=" << seed);
  std::mt19937_64 random(seed);
  const std::vector<Field> pool = Pool(&random);
  for (int i = 0; i < 2000; i++) {
    const size_t width = 1 + random() % 3;
    const Shape shape = RandomShape(width, &random);
    std::vector<Field> row;
    for (size_t k = 0; k < width + random() % 2; k++) row.push_back(pool[random() % pool.size()]);
    Entry entry = Split(Record(row), shape);
    std::string* victims[] = {&entry.key, &entry.value, &entry.record};
    std::string& victim = *victims[random() % 3];
    if (!victim.empty() && random() % 2 == 0) victim.resize(random() % victim.size());
    for (uint64_t n = random() % 3; n > 0 && !victim.empty(); n--) {
      victim[random() % victim.size()] = static_cast<char>(random());
    }
    (void)Join(entry, shape);
    Buffer key;
    Buffer value;
    (void)sibyl_record_split(Bytes(entry.record), entry.record.size(), shape.fields.data(),
                             static_cast<int>(width), &key, &value);
    int64_t rowid;
    (void)sibyl_key_last_integer(Bytes(entry.key), entry.key.size(), shape.fields.data(),
                                 static_cast<int>(width), &rowid);
    (void)sibyl_record_has_null(Bytes(entry.record), entry.record.size(), static_cast<int>(width));
    (void)sibyl_record_last_integer(Bytes(entry.record), entry.record.size(), &rowid);
    (void)sibyl_tail_last_integer(Bytes(entry.value), entry.value.size(), &rowid);
    (void)sibyl_record_key_fields(Bytes(entry.key), entry.key.size(), Bytes(entry.value),
                                  entry.value.size(), shape.fields.data(), 1,
                                  static_cast<int>(width));
  }
  CHECK(Join({"", "", ""}, Plain(1)) == "corrupt");
}

}  // namespace
}  // namespace sibyl::sql::testing
