#include "sql/server/translations.h"

namespace sibyl::sql::server {
namespace {

constexpr size_t kMaxKeptBytes = 1 << 20;       // of texts; then all are forgotten
constexpr size_t kMaxKeptTextBytes = 16 << 10;  // a longer text comes once

}  // namespace

const Schema& Translations::SchemaOf(sqlite3* connection, uint64_t schema_generation) {
  if (schema_generation != schema_generation_ || schema_ == nullptr ||
      kept_bytes_ > kMaxKeptBytes) {
    by_text_.clear();
    kept_bytes_ = 0;
    schema_ = std::make_unique<SqliteSchema>(connection);
    schema_generation_ = schema_generation;
  }
  return *schema_;
}

SqlResult<Translation> Translations::Get(sqlite3* connection, std::string_view sql,
                                         const std::vector<uint32_t>& declared_oids,
                                         uint64_t schema_generation) {
  const Schema& schema = SchemaOf(connection, schema_generation);
  key_.assign(reinterpret_cast<const char*>(declared_oids.data()),
              declared_oids.size() * sizeof(uint32_t));
  key_ += static_cast<char>(declared_oids.size());
  key_ += static_cast<char>(declared_oids.size() >> 8);
  key_ += sql;
  if (const auto found = by_text_.find(key_); found != by_text_.end()) return found->second;
  auto translated = Translate(sql, schema, declared_oids);
  if (!translated) return std::move(translated).error();
  auto translation = std::make_shared<const std::vector<Translated>>(std::move(translated).value());
  if (sql.size() <= kMaxKeptTextBytes) {
    by_text_.emplace(key_, translation);
    kept_bytes_ += 2 * sql.size() + 500;  // about
  }
  return Translation(std::move(translation));
}

}  // namespace sibyl::sql::server
