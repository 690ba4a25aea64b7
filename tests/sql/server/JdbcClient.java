// What JDBC's driver gives of the tables of clients_test.py, line by line, which that compares; and
// work as programs do it, which throws where an answer is wrong. JdbcClient URL

import java.io.StringReader;
import java.math.BigDecimal;
import java.sql.Array;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.sql.Timestamp;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.UUID;
import org.postgresql.PGConnection;
import org.postgresql.PGResultSetMetaData;
import org.postgresql.copy.CopyManager;

public class JdbcClient {
  static void print(String name, ResultSet rows, String... columns) throws SQLException {
    while (rows.next()) {
      StringBuilder line = new StringBuilder(name);
      for (String column : columns) line.append('|').append(rows.getString(column));
      System.out.println(line);
    }
  }

  static void same(Object found, Object expected) {
    if (!String.valueOf(found).equals(String.valueOf(expected))) {
      throw new AssertionError(found + " is not " + expected);
    }
  }

  static void metaData(Connection connection) throws SQLException {
    DatabaseMetaData meta = connection.getMetaData();
    System.out.println(meta.getDatabaseProductName() + " " + meta.getDatabaseMajorVersion());
    print("table", meta.getTables(null, "public", "%", new String[] {"TABLE", "VIEW"}),
          "TABLE_NAME", "TABLE_TYPE");
    print("column", meta.getColumns(null, "public", "ord", "%"), "COLUMN_NAME", "TYPE_NAME",
          "DATA_TYPE", "NULLABLE", "IS_AUTOINCREMENT", "COLUMN_SIZE");
    print("pk", meta.getPrimaryKeys(null, "public", "ord"), "COLUMN_NAME", "KEY_SEQ", "PK_NAME");
    print("fk", meta.getImportedKeys(null, "public", "ord"), "PKTABLE_NAME", "PKCOLUMN_NAME",
          "FKCOLUMN_NAME", "DELETE_RULE", "FK_NAME", "PK_NAME");
    print("exported", meta.getExportedKeys(null, "public", "cust"), "FKTABLE_NAME", "FKCOLUMN_NAME");
    print("index", meta.getIndexInfo(null, "public", "ord", false, false), "INDEX_NAME",
          "COLUMN_NAME", "NON_UNIQUE", "ASC_OR_DESC");
    print("schema", meta.getSchemas(), "TABLE_SCHEM");
    print("catalog", meta.getCatalogs(), "TABLE_CAT");
    print("type", meta.getTableTypes(), "TABLE_TYPE");
    print("procedure", meta.getProcedures(null, null, "%"), "PROCEDURE_NAME");
    print("function", meta.getFunctions(null, null, "%"), "FUNCTION_NAME");
    print("privilege", meta.getTablePrivileges(null, "public", "ord"), "PRIVILEGE");
    print("best", meta.getBestRowIdentifier(null, "public", "ord", 0, true), "COLUMN_NAME");
    int types = 0;
    try (ResultSet rows = meta.getTypeInfo()) {
      while (rows.next()) types++;
    }
    System.out.println("types " + (types > 20));
    same(meta.getMaxColumnNameLength(), 63);
    same(meta.getUserName(), "ann");
    try (Statement statement = connection.createStatement();
         ResultSet rows = statement.executeQuery("SELECT o.qty AS amount, 1 + 1 FROM ord o")) {
      ResultSetMetaData columns = rows.getMetaData();
      same(columns.getColumnLabel(1), "amount");
      same(columns.getTableName(1), "ord");
      same(((PGResultSetMetaData) columns).getBaseTableName(1), "ord");
      same(((PGResultSetMetaData) columns).getBaseColumnName(1), "qty");
      same(((PGResultSetMetaData) columns).getBaseTableName(2), "");
      same(columns.isNullable(1), ResultSetMetaData.columnNullable);
    }
  }

  // In a transaction, rolled back. Several times, for from the fifth on the driver uses a named
  // statement and binary formats.
  static void preparedStatements(Connection connection) throws SQLException {
    connection.setAutoCommit(false);
    try (PreparedStatement insert = connection.prepareStatement(
             "INSERT INTO cust (name, bal, ts) VALUES (?, ?, ?)", Statement.RETURN_GENERATED_KEYS)) {
      insert.setString(1, "jdbc");
      insert.setBigDecimal(2, new BigDecimal("3.25"));
      insert.setTimestamp(3, Timestamp.valueOf("2024-05-06 07:08:09.5"));
      insert.executeUpdate();
      print("key", insert.getGeneratedKeys(), "id");
    }
    for (int i = 0; i < 8; i++) {
      try (PreparedStatement select = connection.prepareStatement(
               "SELECT name, bal, ts, bal > 1 AS big, ts::date AS d FROM cust"
               + " WHERE name = ? AND id = ANY(?)")) {
        select.setString(1, "jdbc");
        select.setArray(2, connection.createArrayOf("bigint", new Long[] {1L, 2L, 3L, 4L, 5L}));
        ResultSet row = select.executeQuery();
        if (!row.next()) throw new AssertionError("the row is not there");
        String line = row.getString(1) + " " + row.getBigDecimal(2) + " " + row.getTimestamp(3)
            + " " + row.getBoolean(4) + " " + row.getDate(5);
        same(line, "jdbc 3.25 2024-05-06 07:08:09.5 true 2024-05-06");
      }
    }
    connection.rollback();
    connection.setAutoCommit(true);
  }

  static void types(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("CREATE TABLE j (a smallint, b int, c bigint, d real, e double precision,"
          + " f numeric(10,2), g boolean, h text, i bytea, j date, k time, l timestamp,"
          + " m timestamptz, n uuid, o int[], p text[])");
    }
    UUID uuid = UUID.fromString("00112233-4455-6677-8899-aabbccddeeff");
    Object[] values = {(short) -5, 6, 7L << 40, 1.5f, 2.5e-300, new BigDecimal("12.5"), true, "ä\n",
        new byte[] {0, -1}, LocalDate.of(2024, 2, 29), LocalTime.of(12, 30, 1),
        LocalDateTime.of(1999, 12, 31, 23, 59, 59, 500000),
        OffsetDateTime.parse("2024-02-29T12:00:00+02:00"), uuid,
        connection.createArrayOf("int", new Integer[] {1, null, 3}),
        connection.createArrayOf("text", new String[] {"a,b", null, "\"c\""})};
    for (int round = 0; round < 7; round++) {
      try (PreparedStatement insert = connection.prepareStatement(
               "INSERT INTO j VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
           PreparedStatement select = connection.prepareStatement("SELECT * FROM j LIMIT 1")) {
        for (int i = 0; i < values.length; i++) insert.setObject(i + 1, values[i]);
        same(insert.executeUpdate(), 1);
        ResultSet row = select.executeQuery();
        row.next();
        same(row.getBigDecimal(6).compareTo(new BigDecimal("12.5")), 0);
        for (int i : new int[] {0, 1, 2, 3, 4, 6, 7, 13}) same(row.getObject(i + 1), values[i]);
        same(Arrays.toString(row.getBytes(9)), "[0, -1]");
        same(row.getObject(10, LocalDate.class), values[9]);
        same(row.getObject(11, LocalTime.class), values[10]);
        same(row.getObject(12, LocalDateTime.class), values[11]);
        same(row.getObject(13, OffsetDateTime.class).toInstant(), "2024-02-29T10:00:00Z");
        same(Arrays.toString((Object[]) row.getArray(15).getArray()), "[1, null, 3]");
        Array texts = row.getArray(16);
        same(Arrays.toString((Object[]) texts.getArray()), "[a,b, null, \"c\"]");
      }
    }
  }

  static void batchesAndCursors(Connection connection) throws Exception {
    try (Statement statement = connection.createStatement()) {
      statement.execute("CREATE TABLE k (id int PRIMARY KEY, name text)");
    }
    connection.setAutoCommit(false);
    try (PreparedStatement insert = connection.prepareStatement("INSERT INTO k VALUES (?, ?)")) {
      for (int i = 0; i < 300; i++) {
        insert.setInt(1, i);
        insert.setString(2, "name " + i);
        insert.addBatch();
      }
      same(insert.executeBatch().length, 300);
    }
    connection.commit();
    try (PreparedStatement select = connection.prepareStatement("SELECT id FROM k ORDER BY id")) {
      select.setFetchSize(7);  // a portal with row limits
      ResultSet rows = select.executeQuery();
      int seen = 0;
      while (rows.next()) same(rows.getInt(1), seen++);
      same(seen, 300);
    }
    Savepoint point = connection.setSavepoint("p");
    try (Statement statement = connection.createStatement()) {
      statement.executeUpdate("INSERT INTO k VALUES (1, 'again')");
      throw new AssertionError("a key was taken twice");
    } catch (SQLException error) {
      same(error.getSQLState(), "23505");
    }
    connection.rollback(point);
    connection.commit();
    connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
    connection.setAutoCommit(true);
    CopyManager copies = ((PGConnection) connection).getCopyAPI();
    same(copies.copyIn("COPY k FROM STDIN", new StringReader("1000\tcopied\n1001\t\\N\n")), 2);
    java.io.StringWriter text = new java.io.StringWriter();
    copies.copyOut("COPY (SELECT * FROM k WHERE id >= 1000 ORDER BY id) TO STDOUT CSV", text);
    same(text, "1000,copied\n1001,\n");
    try (Statement statement = connection.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE,
                                                          ResultSet.CONCUR_UPDATABLE)) {
      ResultSet rows = statement.executeQuery("SELECT id, name FROM k WHERE id = 1000");
      rows.first();
      rows.updateString("name", "changed");
      rows.updateRow();
      rows = statement.executeQuery("SELECT name FROM k WHERE id = 1000");
      rows.first();
      same(rows.getString(1), "changed");
    }
  }

  public static void main(String[] arguments) throws Exception {
    try (Connection connection = DriverManager.getConnection(arguments[0])) {
      metaData(connection);
      preparedStatements(connection);
      types(connection);
      batchesAndCursors(connection);
      System.out.println("JDBC OK");
    }
  }
}
