// libpq as programs use it: parameters and results in binary, one row at a time, a pipeline, COPY,
// cancelling, notices, errors with all their fields, descriptions. Prints "libpq OK", or the first
// check that failed. libpq_client CONNECTION_STRING
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static PGconn* connection;

#define CHECK(condition)                                                              \
  do {                                                                                \
    if (!(condition)) {                                                               \
      printf("line %d: %s: %s\n", __LINE__, #condition, PQerrorMessage(connection));  \
      exit(1);                                                                        \
    }                                                                                 \
  } while (0)

static PGresult* Run(const char* sql, ExecStatusType expected) {
  PGresult* result = PQexec(connection, sql);
  CHECK(PQresultStatus(result) == expected);
  return result;
}

static void BinaryParameters(void) {
  const uint32_t number = htonl(41);
  const char* values[] = {(const char*)&number, "x\0y", NULL};
  const int sizes[] = {4, 3, 0};
  const int formats[] = {1, 1, 0};
  const Oid types[] = {23, 17, 25};
  PGresult* result = PQexecParams(connection, "SELECT $1 + 1, $2, $3", 3, types, values, sizes,
                                  formats, 1);
  CHECK(PQresultStatus(result) == PGRES_TUPLES_OK);
  CHECK(PQftype(result, 0) == 23 && PQfformat(result, 0) == 1 && PQgetlength(result, 0, 0) == 4);
  uint32_t answer;
  memcpy(&answer, PQgetvalue(result, 0, 0), 4);
  CHECK(ntohl(answer) == 42);
  CHECK(PQgetlength(result, 0, 1) == 3 && memcmp(PQgetvalue(result, 0, 1), "x\0y", 3) == 0);
  CHECK(PQgetisnull(result, 0, 2));
  PQclear(result);
}

static void Descriptions(void) {
  PQclear(Run("CREATE TABLE pq (a int PRIMARY KEY, b text, c numeric(8,3))", PGRES_COMMAND_OK));
  PGresult* result = PQprepare(connection, "get", "SELECT a, b AS x, c, 1 FROM pq WHERE b = $1", 0,
                               NULL);
  CHECK(PQresultStatus(result) == PGRES_COMMAND_OK);
  PQclear(result);
  result = PQdescribePrepared(connection, "get");
  CHECK(PQnparams(result) == 1 && PQparamtype(result, 0) == 25);
  CHECK(PQnfields(result) == 4 && strcmp(PQfname(result, 1), "x") == 0);
  CHECK(PQftable(result, 0) != 0 && PQftable(result, 0) == PQftable(result, 2));
  CHECK(PQftablecol(result, 1) == 2 && PQftablecol(result, 2) == 3);
  CHECK(PQftable(result, 3) == 0 && PQftablecol(result, 3) == 0);
  CHECK(PQfmod(result, 2) == ((8 << 16) | 3) + 4);
  char text[100];
  snprintf(text, sizeof(text), "SELECT %u = 'pq'::regclass::oid", PQftable(result, 0));
  PQclear(result);
  result = Run(text, PGRES_TUPLES_OK);
  CHECK(strcmp(PQgetvalue(result, 0, 0), "t") == 0);
  PQclear(result);
}

static void OneRowAtATime(void) {
  CHECK(PQsendQuery(connection, "SELECT generate_series(1, 1000)"));
  CHECK(PQsetSingleRowMode(connection));
  int rows = 0;
  for (PGresult* result; (result = PQgetResult(connection)) != NULL; PQclear(result)) {
    if (PQresultStatus(result) == PGRES_SINGLE_TUPLE) ++rows;
  }
  CHECK(rows == 1000);
}

// Statements are sent without waiting; the second one fails, and so does what follows up to Sync.
static void Pipeline(void) {
  CHECK(PQenterPipelineMode(connection));
  const char* value = "1";
  CHECK(PQsendQueryParams(connection, "INSERT INTO pq VALUES ($1)", 1, NULL, &value, NULL, NULL, 0));
  CHECK(PQsendQueryParams(connection, "INSERT INTO pq VALUES ($1)", 1, NULL, &value, NULL, NULL, 0));
  CHECK(PQsendQueryParams(connection, "SELECT 1", 0, NULL, NULL, NULL, NULL, 0));
  CHECK(PQpipelineSync(connection));
  CHECK(PQsendQueryParams(connection, "SELECT count(*) FROM pq", 0, NULL, NULL, NULL, NULL, 0));
  CHECK(PQpipelineSync(connection));
  const ExecStatusType expected[] = {PGRES_COMMAND_OK, PGRES_FATAL_ERROR, PGRES_PIPELINE_ABORTED};
  for (int i = 0; i < 3; ++i) {
    PGresult* result = PQgetResult(connection);
    CHECK(PQresultStatus(result) == expected[i]);
    PQclear(result);
    CHECK(PQgetResult(connection) == NULL);
  }
  PGresult* result = PQgetResult(connection);
  CHECK(PQresultStatus(result) == PGRES_PIPELINE_SYNC);
  PQclear(result);
  result = PQgetResult(connection);  // all up to the Sync was one transaction
  CHECK(PQresultStatus(result) == PGRES_TUPLES_OK && strcmp(PQgetvalue(result, 0, 0), "0") == 0);
  PQclear(result);
  CHECK(PQgetResult(connection) == NULL);
  PQclear(PQgetResult(connection));
  CHECK(PQexitPipelineMode(connection));
}

static void Copy(void) {
  PQclear(Run("COPY pq (a, b) FROM STDIN (FORMAT csv)", PGRES_COPY_IN));
  const char* rows = "10,ten\n11,\"el\nev\"\n";
  for (size_t i = 0; i < strlen(rows); i += 5) {  // rows begin anywhere in a message
    const size_t left = strlen(rows) - i;
    CHECK(PQputCopyData(connection, rows + i, left < 5 ? (int)left : 5) == 1);
  }
  CHECK(PQputCopyEnd(connection, NULL) == 1);
  PGresult* result = PQgetResult(connection);
  CHECK(strcmp(PQcmdStatus(result), "COPY 2") == 0);
  PQclear(result);
  CHECK(PQgetResult(connection) == NULL);
  PQclear(Run("COPY pq FROM STDIN", PGRES_COPY_IN));
  CHECK(PQputCopyEnd(connection, "no more") == 1);
  result = PQgetResult(connection);
  CHECK(strcmp(PQresultErrorField(result, PG_DIAG_SQLSTATE), "57014") == 0);
  PQclear(result);
  CHECK(PQgetResult(connection) == NULL);
  PQclear(Run("COPY (SELECT a, b FROM pq ORDER BY a) TO STDOUT", PGRES_COPY_OUT));
  char* line = NULL;
  CHECK(PQgetCopyData(connection, &line, 0) == 7 && strcmp(line, "10\tten\n") == 0);
  PQfreemem(line);
  CHECK(PQgetCopyData(connection, &line, 0) > 0 && strcmp(line, "11\tel\\nev\n") == 0);
  PQfreemem(line);
  CHECK(PQgetCopyData(connection, &line, 0) == -1);
  while ((result = PQgetResult(connection)) != NULL) PQclear(result);
}

static void Cancel(void) {
  CHECK(PQsendQuery(connection, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                    " SELECT count(*) FROM n"));
  PGcancel* cancel = PQgetCancel(connection);
  char error[256];
  do {  // one that comes before the statement has begun cancels nothing
    CHECK(PQcancel(cancel, error, sizeof(error)));
    usleep(20000);
    CHECK(PQconsumeInput(connection));
  } while (PQisBusy(connection));
  PQfreeCancel(cancel);
  PGresult* result = PQgetResult(connection);
  CHECK(strcmp(PQresultErrorField(result, PG_DIAG_SQLSTATE), "57014") == 0);
  PQclear(result);
  CHECK(PQgetResult(connection) == NULL);
}

static int notices;
static void CountNotice(void* unused, const PGresult* notice) {
  (void)unused;
  (void)notice;
  ++notices;
}

static void ErrorsAndNotices(void) {
  PQsetNoticeReceiver(connection, CountNotice, NULL);
  PQclear(Run("COMMIT", PGRES_COMMAND_OK));
  CHECK(notices == 1);
  PGresult* result = Run("SELECT  nothing FROM pq", PGRES_FATAL_ERROR);
  CHECK(strcmp(PQresultErrorField(result, PG_DIAG_SQLSTATE), "42703") == 0);
  CHECK(strcmp(PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION), "9") == 0);
  CHECK(strcmp(PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED), "ERROR") == 0);
  PQclear(result);
  CHECK(strcmp(PQparameterStatus(connection, "server_encoding"), "UTF8") == 0);
  CHECK(PQserverVersion(connection) == 150000);
  CHECK(PQtransactionStatus(connection) == PQTRANS_IDLE);
}

int main(int count, char** arguments) {
  connection = PQconnectdb(count > 1 ? arguments[1] : "");
  CHECK(PQstatus(connection) == CONNECTION_OK);
  BinaryParameters();
  Descriptions();
  OneRowAtATime();
  Pipeline();
  Copy();
  Cancel();
  ErrorsAndNotices();
  PQfinish(connection);
  puts("libpq OK");
  return 0;
}
