// What JDBC's DatabaseMetaData, generated keys and types give, line by line: clients_test.py
// compares them. MetaData URL
import java.sql.*;
public class MetaData {
  static void rows(String name, ResultSet r, String... columns) throws Exception {
    while (r.next()) { StringBuilder b = new StringBuilder(name); for (String c : columns) b.append('|').append(r.getString(c)); System.out.println(b); }
  }
  public static void main(String[] a) throws Exception {
    try (Connection c = DriverManager.getConnection(a[0])) {
      DatabaseMetaData m = c.getMetaData();
      System.out.println(m.getDatabaseProductName() + " " + m.getDatabaseMajorVersion());
      rows("table", m.getTables(null, "public", "%", new String[]{"TABLE","VIEW"}), "TABLE_NAME", "TABLE_TYPE");
      rows("column", m.getColumns(null, "public", "ord", "%"), "COLUMN_NAME", "TYPE_NAME", "DATA_TYPE", "NULLABLE", "IS_AUTOINCREMENT", "COLUMN_SIZE");
      rows("pk", m.getPrimaryKeys(null, "public", "ord"), "COLUMN_NAME", "KEY_SEQ", "PK_NAME");
      rows("fk", m.getImportedKeys(null, "public", "ord"), "PKTABLE_NAME", "PKCOLUMN_NAME", "FKCOLUMN_NAME", "DELETE_RULE", "FK_NAME", "PK_NAME");
      rows("exp", m.getExportedKeys(null, "public", "cust"), "FKTABLE_NAME", "FKCOLUMN_NAME");
      rows("index", m.getIndexInfo(null, "public", "ord", false, false), "INDEX_NAME", "COLUMN_NAME", "NON_UNIQUE", "ASC_OR_DESC");
      rows("schema", m.getSchemas(), "TABLE_SCHEM");
      rows("catalog", m.getCatalogs(), "TABLE_CAT");
      rows("type", m.getTableTypes(), "TABLE_TYPE");
      int types = 0; try (ResultSet r = m.getTypeInfo()) { while (r.next()) types++; } System.out.println("types " + (types > 20));
      rows("procedure", m.getProcedures(null, null, "%"), "PROCEDURE_NAME");
      rows("function", m.getFunctions(null, null, "%"), "FUNCTION_NAME");
      rows("privilege", m.getTablePrivileges(null, "public", "ord"), "PRIVILEGE");
      rows("best", m.getBestRowIdentifier(null, "public", "ord", 0, true), "COLUMN_NAME");
      System.out.println("keywords " + (m.getSQLKeywords().length() > 0) + " " + m.getMaxColumnNameLength() + " " + m.getUserName());
      c.setAutoCommit(false);
      try (PreparedStatement p = c.prepareStatement("INSERT INTO cust (name, bal, ts) VALUES (?, ?, ?)", Statement.RETURN_GENERATED_KEYS)) {
        p.setString(1, "jdbc"); p.setBigDecimal(2, new java.math.BigDecimal("3.25")); p.setTimestamp(3, Timestamp.valueOf("2024-05-06 07:08:09.5")); p.executeUpdate();
        rows("key", p.getGeneratedKeys(), "id");
      }
      for (int i = 0; i < 8; i++)
        try (PreparedStatement p = c.prepareStatement("SELECT name, bal, ts, bal > 1 AS big, ts::date AS d FROM cust WHERE name = ? AND id = ANY(?::bigint[])")) {
          p.setString(1, "jdbc"); p.setString(2, "{1,2,3,4,5,6,7}");
          try (ResultSet r = p.executeQuery()) { while (r.next()) if (i == 7) System.out.println(r.getString(1)+" "+r.getBigDecimal(2)+" "+r.getTimestamp(3)+" "+r.getBoolean(4)+" "+r.getDate(5)); }
        }
      c.rollback();
      System.out.println("JDBC OK");
    }
  }
}
