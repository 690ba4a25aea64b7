// Prepared statements and portals of a session, as PostgreSQL knows them.

#ifndef SIBYL_SQL_SERVER_PORTAL_H_
#define SIBYL_SQL_SERVER_PORTAL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sql/point_plan.h"
#include "sql/server/memory_budget.h"
#include "sql/server/result_rows.h"
#include "sql/server/translations.h"
#include "sql/server/wire/backend.h"

namespace sibyl::sql::server {

// A statement as the client wrote it, with its translation for one state of the schema.
struct Statement {
  std::string text;                            // PostgreSQL's
  std::vector<uint32_t> declared_oids;         // what the client said of $1, $2, ...
  Translation translation;                     // of `text`
  size_t index = 0;                            // in the translation
  uint64_t schema_generation = 0;              // of the translation and the fields
  std::vector<uint32_t> parameter_oids;        // kUnspecifiedOid: unknown
  std::vector<wire::FieldDescription> fields;  // of the rows, with type 0 where it is unknown
  bool fields_known = false;
  bool is_shape = false;     // of texts that differ in constants: they mean the same
  bool is_part = false;      // of DECLARE or COPY: its translation is a part of another
  bool fields_told = false;  // the client knows them: they must not change any more
  bool point_known = false;  // once it has run for this state of the schema:
  std::shared_ptr<const SibylPointPlan> point;  // it is a point lookup; else null
  MemoryLease memory;

  // Null for an empty text.
  const Translated* translated() const {
    return translation == nullptr || index >= translation->size() ? nullptr
                                                                  : &(*translation)[index];
  }
};

// A statement with its parameters, and its rows once it has started.
struct Portal {
  std::shared_ptr<Statement> statement;
  std::vector<OwnedValue> parameters;
  std::vector<int16_t> result_formats;
  std::vector<wire::FieldDescription> fields;  // with formats; once it has started
  std::unique_ptr<ResultRows> rows;            // once it has started
  bool hold = false;                           // a cursor WITH HOLD
  bool is_held = false;                        // outlived its transaction
  bool is_done = false;                        // all rows were sent
  uint64_t rows_sent = 0;
  MemoryLease memory;  // of the parameters
};

}  // namespace sibyl::sql::server

#endif  // SIBYL_SQL_SERVER_PORTAL_H_
