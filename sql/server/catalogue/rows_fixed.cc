// The relations of pg_catalog that do not depend on the schema: types, roles, databases, settings.

#include <array>
#include <utility>

#include "sql/server/catalogue/query.h"
#include "sql/server/catalogue/relations.h"
#include "sql/server/type_oids.h"
#include "sql/server/types.h"

namespace sibyl::sql::server {
namespace {

std::string Ask(sqlite3* db, std::string_view sql) {
  CatalogueQuery query(db, sql);
  return query.Step() ? query.Text(0) : "";
}

std::string DatabaseName(sqlite3* db) { return Ask(db, "SELECT current_database()"); }
std::string SessionUser(sqlite3* db) { return Ask(db, "SELECT pg_session_user()"); }

void WriteNamespaces(const RowSource&, RowWriter* rows) {
  for (const uint32_t oid : {kPgCatalogOid, kPublicOid, kInformationSchemaOid, kPgTempOid}) {
    rows->Begin();
    rows->Set("oid", oid).Set("nspname", Value(NamespaceName(oid))).Set("nspowner", kOwnerOid);
  }
}

void WriteTypes(const RowSource&, RowWriter* rows) {
  for (const TypeInfo& type : AllTypes()) {
    const bool pseudo = type.category == 'P' || type.category == 'X';
    rows->Begin();
    rows->Set("oid", type.oid)
        .Set("typname", type.name)
        .Set("typnamespace", kPgCatalogOid)
        .Set("typowner", kOwnerOid)
        .Set("typlen", int{type.length_bytes})
        .Set("typbyval", type.length_bytes > 0 && type.length_bytes <= 8)
        .Set("typtype", pseudo ? "p" : "b")
        .Set("typcategory", Value(std::string(1, type.category)))
        .Set("typisdefined", true)
        .Set("typdelim", ",")
        .Set("typelem", type.element_oid)
        .Set("typarray", type.array_oid)
        .Set("typalign", "i")
        .Set("typstorage", type.length_bytes > 0 ? "p" : "x")
        .Set("typtypmod", -1)
        .Set("typcollation", type.category == 'S' ? 100U : 0U);
    // Clients tell arrays from vectors by their input function.
    const bool array = type.name[0] == '_';
    rows->Set("typinput", array ? 750 : 0).Set("typoutput", array ? 751 : 0);
  }
}

void WriteAccessMethods(const RowSource&, RowWriter* rows) {
  rows->Begin();
  rows->Set("oid", kHeapOid).Set("amname", "heap").Set("amtype", "t");
  rows->Begin();
  rows->Set("oid", kBtreeOid).Set("amname", "btree").Set("amtype", "i");
}

void WriteCollations(const RowSource&, RowWriter* rows) {
  struct Collation {
    uint32_t oid;
    const char* name;
    const char* provider;
  };
  for (const Collation& collation :
       {Collation{100, "default", "d"}, Collation{950, "C", "c"}, Collation{951, "POSIX", "c"}}) {
    rows->Begin();
    rows->Set("oid", collation.oid)
        .Set("collname", collation.name)
        .Set("collnamespace", kPgCatalogOid)
        .Set("collowner", kOwnerOid)
        .Set("collprovider", collation.provider)
        .Set("collisdeterministic", true)
        .Set("collencoding", -1)
        .Set("collcollate", "C")
        .Set("collctype", "C");
  }
}

// ---- Roles and databases ----

struct Role {
  uint32_t oid;
  std::string name;
};

std::vector<Role> Roles(sqlite3* db) {
  std::vector<Role> roles = {{kOwnerOid, kOwnerName}};
  const std::string user = SessionUser(db);
  if (!user.empty() && user != kOwnerName) roles.push_back({kSessionUserOid, user});
  return roles;
}

void WriteRoles(const RowSource& source, RowWriter* rows) {
  for (const Role& role : Roles(source.db)) {
    rows->Begin();
    rows->Set("oid", role.oid)
        .Set("rolname", Value(role.name))
        .Set("rolsuper", role.oid == kOwnerOid)
        .Set("rolinherit", true)
        .Set("rolcanlogin", true)
        .Set("rolconnlimit", -1);
  }
}

void WriteUsers(const RowSource& source, RowWriter* rows) {
  for (const Role& role : Roles(source.db)) {
    rows->Begin();
    rows->Set("usesysid", role.oid)
        .Set("usename", Value(role.name))
        .Set("usesuper", role.oid == kOwnerOid)
        .Set("passwd", "********");
  }
}

void WriteDatabases(const RowSource& source, RowWriter* rows) {
  constexpr int kUtf8 = 6;
  rows->Begin();
  rows->Set("oid", kDatabaseOid)
      .Set("datname", Value(DatabaseName(source.db)))
      .Set("datdba", kOwnerOid)
      .Set("encoding", kUtf8)
      .Set("datlocprovider", "c")
      .Set("datallowconn", true)
      .Set("datconnlimit", -1)
      .Set("dattablespace", 1663)
      .Set("datcollate", "C")
      .Set("datctype", "C");
}

void WriteTablespaces(const RowSource&, RowWriter* rows) {
  rows->Begin();
  rows->Set("oid", 1663).Set("spcname", "pg_default").Set("spcowner", kOwnerOid);
}

// ---- Settings and activity ----

void WriteSettings(const RowSource& source, RowWriter* rows) {
  constexpr std::array kNames = {
      "application_name", "bytea_output", "client_encoding", "client_min_messages", "DateStyle",
      "default_transaction_isolation", "default_transaction_read_only", "extra_float_digits",
      "integer_datetimes", "IntervalStyle", "lc_collate", "lc_ctype", "max_identifier_length",
      "max_index_keys", "search_path", "server_encoding", "server_version", "server_version_num",
      "standard_conforming_strings", "statement_timeout", "TimeZone", "transaction_isolation",
      "transaction_read_only"};
  for (const char* name : kNames) {
    CatalogueQuery query(source.db, "SELECT current_setting(?1, 1)", {name});
    if (!query.Step() || query.IsNull(0)) continue;
    const std::string setting = query.Text(0);
    rows->Begin();
    rows->Set("name", name)
        .Set("setting", Value(setting))
        .Set("category", "")
        .Set("short_desc", "")
        .Set("context", "user")
        .Set("vartype", "string")
        .Set("source", "default")
        .Set("boot_val", Value(setting))
        .Set("reset_val", Value(setting));
  }
}

// Of the asking session alone: what others do is in the server's metrics.
void WriteActivity(const RowSource& source, RowWriter* rows) {
  CatalogueQuery pid(source.db, "SELECT pg_backend_pid()");
  rows->Begin();
  rows->Set("datid", kDatabaseOid)
      .Set("datname", Value(DatabaseName(source.db)))
      .Set("pid", static_cast<int>(pid.Step() ? pid.Int(0) : 0))
      .SetNull("leader_pid")
      .Set("usesysid", kOwnerOid)
      .Set("usename", Value(SessionUser(source.db)))
      .Set("state", "active")
      .Set("backend_type", "client backend");
}

void WriteLanguages(const RowSource&, RowWriter* rows) {
  rows->Begin();
  rows->Set("oid", 14).Set("lanname", "sql").Set("lanowner", kOwnerOid).Set("lanpltrusted", true);
}

void WriteTimezones(const RowSource&, RowWriter* rows) {
  rows->Begin();
  rows->Set("name", "UTC").Set("abbrev", "UTC").Set("utc_offset", "00:00:00");
}

struct Writer {
  std::string_view relation;
  void (*write)(const RowSource&, RowWriter*);
  bool is_volatile;
};

constexpr std::array kWriters = {
    Writer{"pg_am", WriteAccessMethods, false},
    Writer{"pg_authid", WriteRoles, true},
    Writer{"pg_collation", WriteCollations, false},
    Writer{"pg_database", WriteDatabases, true},
    Writer{"pg_language", WriteLanguages, false},
    Writer{"pg_namespace", WriteNamespaces, false},
    Writer{"pg_roles", WriteRoles, true},
    Writer{"pg_settings", WriteSettings, true},
    Writer{"pg_shadow", WriteUsers, true},
    Writer{"pg_stat_activity", WriteActivity, true},
    Writer{"pg_tablespace", WriteTablespaces, false},
    Writer{"pg_timezone_names", WriteTimezones, false},
    Writer{"pg_type", WriteTypes, false},
    Writer{"pg_user", WriteUsers, true},
};

}  // namespace

bool WriteFixedRows(std::string_view name, const RowSource& source, RowWriter* rows) {
  for (const Writer& writer : kWriters) {
    if (writer.relation != name) continue;
    writer.write(source, rows);
    return true;
  }
  return false;
}

bool IsVolatile(std::string_view name) {
  for (const Writer& writer : kWriters) {
    if (writer.relation == name) return writer.is_volatile;
  }
  return name.starts_with("information_schema_");  // they have the name of the database
}

}  // namespace sibyl::sql::server
