// The relations of pg_catalog that tell of tables, columns, indexes and constraints.

#include <algorithm>
#include <array>
#include <utility>

#include "sql/server/catalogue/relations.h"
#include "sql/server/dialect/statement_parts.h"
#include "sql/server/dialect/text.h"
#include "sql/server/type_oids.h"
#include "sql/server/types.h"

namespace sibyl::sql::server {
namespace {

constexpr uint32_t kDefaultCollationOid = 100;

std::string Numbers(const std::vector<int>& numbers, char separator) {
  std::string text;
  for (const int number : numbers) {
    if (!text.empty()) text += separator;
    text += std::to_string(number);
  }
  return text;
}

std::string Array(const std::vector<int>& numbers) { return "{" + Numbers(numbers, ',') + "}"; }

bool HasCollation(uint32_t type_oid) {
  return type_oid == kTextOid || type_oid == kVarcharOid || type_oid == kBpcharOid ||
         type_oid == kNameOid;
}

// ---- pg_class ----

void WriteClass(const ModelTable& table, uint32_t oid, const std::string& name, const char* kind,
                RowWriter* rows) {
  rows->Begin();
  rows->Set("oid", oid)
      .Set("relname", Value(name))
      .Set("relnamespace", table.namespace_oid)
      .Set("relowner", kOwnerOid)
      .Set("relfilenode", oid)
      .Set("reltuples", Value(-1.0))
      .Set("relpersistence", table.namespace_oid == kPgTempOid ? "t" : "p")
      .Set("relkind", kind)
      .Set("relispopulated", true)
      .Set("relreplident", kind[0] == 'r' ? "d" : "n");
}

void WriteTableClass(const ModelTable& table, RowWriter* rows) {
  WriteClass(table, table.oid, table.name, table.is_view ? "v" : "r", rows);
  rows->Set("relam", table.is_view ? 0U : kHeapOid)
      .Set("relhasindex", !table.indexes.empty())
      .Set("relnatts", static_cast<int>(table.columns.size()))
      .Set("relchecks", static_cast<int>(table.checks.size()))
      .Set("relhasrules", table.is_view)
      // psql looks for foreign keys of either side only where there are triggers: PostgreSQL's own
      // keep them.
      .Set("relhastriggers", !table.is_view);
  for (const ModelIndex& index : table.indexes) {
    WriteClass(table, index.oid, index.name, "i", rows);
    rows->Set("relam", kBtreeOid).Set("relnatts", static_cast<int>(index.columns.size()));
  }
  if (table.has_identity()) {
    const auto key = std::find_if(table.columns.begin(), table.columns.end(),
                                  [](const ModelColumn& column) { return column.identity; });
    WriteClass(table, table.DerivedOid(kFirstSequenceOid),
               table.name + "_" + key->name + "_seq", "S", rows);
    rows->Set("relnatts", 3);
  }
}

void WritePgClass(const Model& model, RowWriter* rows) {
  for (const ModelTable& table : model.tables) WriteTableClass(table, rows);
  for (const RelationColumns& relation : AllRelations()) {
    const std::string_view name = relation.name;
    constexpr std::string_view kPrefix = "information_schema_";
    const bool information = name.starts_with(kPrefix);
    rows->Begin();
    rows->Set("oid", relation.oid)
        .Set("relname", Value(std::string(information ? name.substr(kPrefix.size()) : name)))
        .Set("relnamespace", information ? kInformationSchemaOid : kPgCatalogOid)
        .Set("relowner", kOwnerOid)
        .Set("reltuples", Value(-1.0))
        .Set("relpersistence", "p")
        .Set("relkind", information ? "v" : "r")
        .Set("relnatts", static_cast<int>(ColumnsOf(relation).size()))
        .Set("relispopulated", true)
        .Set("relreplident", "n");
  }
}

// ---- pg_attribute, pg_attrdef ----

void WriteAttribute(uint32_t relation, int number, const std::string& name, uint32_t type_oid,
                    int32_t typmod, RowWriter* rows) {
  const TypeInfo* type = FindType(type_oid);
  rows->Begin();
  rows->Set("attrelid", relation)
      .Set("attname", Value(name))
      .Set("atttypid", type_oid)
      .Set("attstattarget", -1)
      .Set("attlen", type != nullptr ? int{type->length_bytes} : -1)
      .Set("attnum", number)
      .Set("attndims", type != nullptr && type->element_oid != 0 ? 1 : 0)
      .Set("attcacheoff", -1)
      .Set("atttypmod", typmod)
      .Set("attbyval", type != nullptr && type->length_bytes > 0 && type->length_bytes <= 8)
      .Set("attalign", "i")
      .Set("attstorage", type != nullptr && type->length_bytes > 0 ? "p" : "x")
      .Set("attislocal", true)
      .Set("attcollation", HasCollation(type_oid) ? kDefaultCollationOid : 0U);
}

void WritePgAttribute(const Model& model, RowWriter* rows) {
  for (const ModelTable& table : model.tables) {
    int number = 0;
    for (const ModelColumn& column : table.columns) {
      WriteAttribute(table.oid, ++number, column.name, column.type_oid, column.typmod, rows);
      rows->Set("attnotnull", column.not_null)
          .Set("atthasdef", !column.default_sql.empty() || column.generated)
          .Set("attidentity", column.identity ? "d" : "")
          .Set("attgenerated", column.generated ? "s" : "");
    }
    for (const ModelIndex& index : table.indexes) {
      for (size_t i = 0; i < index.columns.size(); ++i) {
        const int column = index.columns[i];
        const ModelColumn* of = column > 0 ? &table.columns[column - 1] : nullptr;
        WriteAttribute(index.oid, static_cast<int>(i) + 1, of != nullptr ? of->name : "expr",
                       of != nullptr ? of->type_oid : kTextOid, of != nullptr ? of->typmod : -1,
                       rows);
      }
    }
  }
  for (const RelationColumns& relation : AllRelations()) {
    int number = 0;
    for (const CatalogueColumn& column : ColumnsOf(relation)) {
      const TypeInfo* type = column.type == "char" ? FindType(kCharOid) : FindType(column.type);
      WriteAttribute(relation.oid, ++number, column.name, type != nullptr ? type->oid : kTextOid, -1,
                     rows);
    }
  }
}

void WritePgAttrdef(const Model& model, RowWriter* rows) {
  for (const ModelTable& table : model.tables) {
    int number = 0;
    for (const ModelColumn& column : table.columns) {
      ++number;
      if (column.default_sql.empty() && !column.generated) continue;
      rows->Begin();
      rows->Set("oid", kFirstDefaultOid + ((table.oid & 0xffff) << 11) +
                           static_cast<uint32_t>(number))
          .Set("adrelid", table.oid)
          .Set("adnum", number)
          .Set("adbin", Value(column.default_sql));
    }
  }
}

// ---- pg_index, pg_constraint ----

void WritePgIndex(const Model& model, RowWriter* rows) {
  for (const ModelTable& table : model.tables) {
    for (const ModelIndex& index : table.indexes) {
      std::vector<int> options;
      std::vector<int> collations;
      std::vector<int> classes;
      for (size_t i = 0; i < index.columns.size(); ++i) {
        const int column = index.columns[i];
        options.push_back(index.descending[i] ? 3 : 0);  // DESC, and then NULLs first
        const bool collated = column > 0 && HasCollation(table.columns[column - 1].type_oid);
        collations.push_back(collated ? static_cast<int>(kDefaultCollationOid) : 0);
        classes.push_back(0);
      }
      std::string expressions;
      for (const std::string& expression : index.expressions) {
        expressions += (expressions.empty() ? "" : ", ") + expression;
      }
      const int count = static_cast<int>(index.columns.size());
      rows->Begin();
      rows->Set("indexrelid", index.oid)
          .Set("indrelid", table.oid)
          .Set("indnatts", count)
          .Set("indnkeyatts", count)
          .Set("indisunique", index.unique)
          .Set("indisprimary", index.primary)
          .Set("indimmediate", true)
          .Set("indisvalid", true)
          .Set("indisready", true)
          .Set("indislive", true)
          .Set("indkey", Value(Numbers(index.columns, ' ')))
          .Set("indcollation", Value(Numbers(collations, ' ')))
          .Set("indclass", Value(Numbers(classes, ' ')))
          .Set("indoption", Value(Numbers(options, ' ')));
      if (!expressions.empty()) rows->Set("indexprs", Value(expressions));
      if (!index.where.empty()) rows->Set("indpred", Value(index.where));
    }
  }
}

void WriteConstraint(const ModelTable& table, uint32_t oid, const std::string& name,
                     const char* type, const std::vector<int>& key, RowWriter* rows) {
  rows->Begin();
  rows->Set("oid", oid)
      .Set("conname", Value(name))
      .Set("connamespace", table.namespace_oid)
      .Set("contype", type)
      .Set("convalidated", true)
      .Set("conrelid", table.oid)
      .Set("conislocal", true)
      .Set("connoinherit", true)
      .Set("confupdtype", " ")
      .Set("confdeltype", " ")
      .Set("confmatchtype", " ");
  if (!key.empty()) rows->Set("conkey", Value(Array(key)));
}

const char* ActionCode(const std::string& action) {
  if (action == "RESTRICT") return "r";
  if (action == "CASCADE") return "c";
  if (action == "SET NULL") return "n";
  if (action == "SET DEFAULT") return "d";
  return "a";
}

void WriteForeignKey(const Model& model, const ModelTable& table, const ModelForeignKey& key,
                     RowWriter* rows) {
  std::vector<int> own;
  std::vector<int> others;
  for (const std::string& column : key.columns) own.push_back(table.ColumnNumber(column));
  const ModelTable* other = model.FindTable(key.other_table);
  WriteConstraint(table, key.oid, key.name, "f", own, rows);
  rows->Set("confupdtype", ActionCode(key.on_update))
      .Set("confdeltype", ActionCode(key.on_delete))
      .Set("confmatchtype", "s");
  if (other == nullptr) return;
  for (const std::string& column : key.other_columns) others.push_back(other->ColumnNumber(column));
  rows->Set("confrelid", other->oid).Set("confkey", Value(Array(others)));
  for (const ModelIndex& index : other->indexes) {
    if (index.unique && index.columns == others) rows->Set("conindid", index.oid);
  }
}

void WritePgConstraint(const Model& model, RowWriter* rows) {
  for (const ModelTable& table : model.tables) {
    for (const ModelIndex& index : table.indexes) {
      if (index.constraint_oid == 0) continue;
      WriteConstraint(table, index.constraint_oid, index.name, index.primary ? "p" : "u",
                      index.columns, rows);
      rows->Set("conindid", index.oid);
    }
    for (const ModelForeignKey& key : table.foreign_keys) WriteForeignKey(model, table, key, rows);
    for (const ModelCheck& check : table.checks) {
      WriteConstraint(table, check.oid, check.name, "c", check.columns, rows);
      rows->Set("connoinherit", false).Set("conbin", Value(check.expression));
    }
  }
}

// ---- The rest ----

// tgtype's bits: BEFORE 2, INSERT 4, DELETE 8, UPDATE 16, INSTEAD 64, each row 1.
int TriggerType(const std::string& sql) {
  const std::string text = Lower(sql.substr(0, sql.find_first_of("\n")));
  const auto has = [&](const char* word) { return text.find(word) != std::string::npos; };
  return 1 + (has(" before ") ? 2 : 0) + (has(" insert ") ? 4 : 0) + (has(" delete ") ? 8 : 0) +
         (has(" update ") ? 16 : 0) + (has(" instead ") ? 64 : 0);
}

void WritePgTrigger(const Model& model, RowWriter* rows) {
  for (const ModelTable& table : model.tables) {
    for (const ModelTrigger& trigger : table.triggers) {
      rows->Begin();
      rows->Set("oid", trigger.oid)
          .Set("tgrelid", table.oid)
          .Set("tgname", Value(trigger.name))
          .Set("tgtype", TriggerType(trigger.sql))
          .Set("tgenabled", "O");
    }
  }
}

void WritePgSequence(const Model& model, RowWriter* rows) {
  for (const ModelTable& table : model.tables) {
    if (!table.has_identity()) continue;
    rows->Begin();
    rows->Set("seqrelid", table.DerivedOid(kFirstSequenceOid))
        .Set("seqtypid", kInt8Oid)
        .Set("seqstart", 1)
        .Set("seqincrement", 1)
        .Set("seqmax", Value(INT64_MAX))
        .Set("seqmin", 1)
        .Set("seqcache", 1);
  }
}

// What belongs to a sequence: its column.
void WritePgDepend(const Model& model, RowWriter* rows) {
  constexpr uint32_t kPgClassOid = 1259;
  for (const ModelTable& table : model.tables) {
    for (size_t i = 0; i < table.columns.size(); ++i) {
      if (!table.columns[i].identity) continue;
      rows->Begin();
      rows->Set("classid", kPgClassOid)
          .Set("objid", table.DerivedOid(kFirstSequenceOid))
          .Set("refclassid", kPgClassOid)
          .Set("refobjid", table.oid)
          .Set("refobjsubid", static_cast<int>(i) + 1)
          .Set("deptype", "i");
    }
  }
}

void WritePgRewrite(const Model& model, RowWriter* rows) {
  for (const ModelTable& table : model.tables) {
    if (!table.is_view) continue;
    rows->Begin();
    rows->Set("oid", table.DerivedOid(kFirstDefaultOid))
        .Set("rulename", "_RETURN")
        .Set("ev_class", table.oid)
        .Set("ev_type", "1")
        .Set("ev_enabled", "O")
        .Set("is_instead", true);
  }
}

// ---- The views that people read ----

void WritePgTables(const Model& model, RowWriter* rows) {
  for (const ModelTable& table : model.tables) {
    if (table.is_view) continue;
    rows->Begin();
    rows->Set("schemaname", Value(NamespaceName(table.namespace_oid)))
        .Set("tablename", Value(table.name))
        .Set("tableowner", kOwnerName)
        .SetNull("tablespace")
        .Set("hasindexes", !table.indexes.empty())
        .Set("hastriggers", !table.triggers.empty());
  }
}

void WritePgViews(const Model& model, RowWriter* rows) {
  for (const ModelTable& table : model.tables) {
    if (!table.is_view) continue;
    rows->Begin();
    rows->Set("schemaname", Value(NamespaceName(table.namespace_oid)))
        .Set("viewname", Value(table.name))
        .Set("viewowner", kOwnerName)
        .Set("definition", Value(ViewQueryOf(table.sql) + ";"));
  }
}

void WritePgIndexes(const Model& model, RowWriter* rows) {
  for (const ModelTable& table : model.tables) {
    for (const ModelIndex& index : table.indexes) {
      rows->Begin();
      rows->Set("schemaname", Value(NamespaceName(table.namespace_oid)))
          .Set("tablename", Value(table.name))
          .Set("indexname", Value(index.name))
          .SetNull("tablespace")
          .Set("indexdef", Value(IndexDefinition(table, index)));
    }
  }
}

void WritePgSequences(const Model& model, RowWriter* rows) {
  for (const ModelTable& table : model.tables) {
    for (const ModelColumn& column : table.columns) {
      if (!column.identity) continue;
      rows->Begin();
      rows->Set("schemaname", Value(NamespaceName(table.namespace_oid)))
          .Set("sequencename", Value(table.name + "_" + column.name + "_seq"))
          .Set("sequenceowner", kOwnerName)
          .Set("data_type", kInt8Oid)
          .Set("start_value", 1)
          .Set("min_value", 1)
          .Set("max_value", Value(INT64_MAX))
          .Set("increment_by", 1)
          .Set("cache_size", 1);
    }
  }
}

void WriteStatTables(const Model& model, RowWriter* rows) {
  for (const ModelTable& table : model.tables) {
    if (table.is_view) continue;
    rows->Begin();
    rows->Set("relid", table.oid)
        .Set("schemaname", Value(NamespaceName(table.namespace_oid)))
        .Set("relname", Value(table.name));
  }
}

void WriteStatIndexes(const Model& model, RowWriter* rows) {
  for (const ModelTable& table : model.tables) {
    for (const ModelIndex& index : table.indexes) {
      rows->Begin();
      rows->Set("relid", table.oid)
          .Set("indexrelid", index.oid)
          .Set("schemaname", Value(NamespaceName(table.namespace_oid)))
          .Set("relname", Value(table.name))
          .Set("indexrelname", Value(index.name));
    }
  }
}

struct Writer {
  std::string_view relation;
  void (*write)(const Model&, RowWriter*);
};

constexpr std::array kWriters = {
    Writer{"pg_attrdef", WritePgAttrdef},
    Writer{"pg_attribute", WritePgAttribute},
    Writer{"pg_class", WritePgClass},
    Writer{"pg_constraint", WritePgConstraint},
    Writer{"pg_depend", WritePgDepend},
    Writer{"pg_index", WritePgIndex},
    Writer{"pg_indexes", WritePgIndexes},
    Writer{"pg_rewrite", WritePgRewrite},
    Writer{"pg_sequence", WritePgSequence},
    Writer{"pg_sequences", WritePgSequences},
    Writer{"pg_stat_all_indexes", WriteStatIndexes},
    Writer{"pg_stat_all_tables", WriteStatTables},
    Writer{"pg_stat_user_indexes", WriteStatIndexes},
    Writer{"pg_stat_user_tables", WriteStatTables},
    Writer{"pg_tables", WritePgTables},
    Writer{"pg_trigger", WritePgTrigger},
    Writer{"pg_views", WritePgViews},
};

}  // namespace

bool WriteSchemaRows(std::string_view name, const RowSource& source, RowWriter* rows) {
  for (const Writer& writer : kWriters) {
    if (writer.relation != name) continue;
    writer.write(source.model, rows);
    return true;
  }
  return false;
}

}  // namespace sibyl::sql::server
