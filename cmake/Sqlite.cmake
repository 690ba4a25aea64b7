# SQLite over our engine, as one object that all targets share: sibyl_sqlite_object, and its headers
# in SIBYL_SQLITE_DIR. The source is Debian's (scripts/fetch_sqlite.sh), or what SIBYL_SQLITE_SOURCE
# names; none of it is in our repository.

set(SIBYL_SQLITE_ARCHIVE sqlite3_3.40.1.orig.tar.xz)
if(SIBYL_SQLITE_SOURCE)
  set(sqlite_source ${SIBYL_SQLITE_SOURCE})
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(sqlite_source $ENV{XDG_CACHE_HOME}/sibyl/sqlite/${SIBYL_SQLITE_ARCHIVE})
else()
  set(sqlite_source $ENV{HOME}/.cache/sibyl/sqlite/${SIBYL_SQLITE_ARCHIVE})
endif()
if(NOT EXISTS ${sqlite_source})
  message(FATAL_ERROR "SQLite's source is missing: ${sqlite_source}\n"
    "Run scripts/fetch_sqlite.sh, or give -DSIBYL_SQLITE_SOURCE=/path/to/${SIBYL_SQLITE_ARCHIVE}, "
    "or build without SQL: -DSIBYL_SQL=OFF")
endif()
find_program(SIBYL_TCLSH tclsh REQUIRED)
find_program(SIBYL_MAKE make REQUIRED)
find_program(SIBYL_PATCH patch REQUIRED)

# Debian's own options (debian/rules of 3.40.1-2), so that what works with its SQLite works here.
set(sqlite_options
  SQLITE_SECURE_DELETE SQLITE_ENABLE_COLUMN_METADATA SQLITE_ENABLE_FTS3
  SQLITE_ENABLE_FTS3_PARENTHESIS SQLITE_ENABLE_FTS4 SQLITE_ENABLE_FTS5 SQLITE_ENABLE_RTREE=1
  SQLITE_SOUNDEX=1 SQLITE_ENABLE_UNLOCK_NOTIFY SQLITE_ENABLE_DBSTAT_VTAB
  SQLITE_ALLOW_ROWID_IN_VIEW SQLITE_ENABLE_UPDATE_DELETE_LIMIT=1 SQLITE_ENABLE_LOAD_EXTENSION
  SQLITE_ENABLE_JSON1 SQLITE_ENABLE_MATH_FUNCTIONS SQLITE_LIKE_DOESNT_MATCH_BLOBS
  SQLITE_THREADSAFE=1 SQLITE_ENABLE_FTS3_TOKENIZER=1 SQLITE_USE_URI=1 SQLITE_MAX_SCHEMA_RETRY=25
  SQLITE_ENABLE_PREUPDATE_HOOK SQLITE_ENABLE_SESSION SQLITE_ENABLE_STMTVTAB
  SQLITE_MAX_VARIABLE_NUMBER=250000)
# Ours: no global memory counters (a lock around every allocation), small allocations from lookaside
# buffers (Debian omits them), and what SQLite's configure would find.
list(APPEND sqlite_options
  SQLITE_DEFAULT_MEMSTATUS=0 HAVE_USLEEP=1 HAVE_FDATASYNC=1 HAVE_LOCALTIME_R=1 HAVE_GMTIME_R=1
  HAVE_STRERROR_R=1 HAVE_STRCHRNUL=1 _LARGE_FILE=1 _FILE_OFFSET_BITS=64)

set(SIBYL_SQLITE_OPTIONS ${sqlite_options} CACHE INTERNAL "How SQLite is compiled")
set(SIBYL_SQLITE_DIR ${PROJECT_BINARY_DIR}/sqlite CACHE INTERNAL "The generated sqlite3.h and sources")
add_custom_command(
  OUTPUT ${SIBYL_SQLITE_DIR}/sqlite3.c ${SIBYL_SQLITE_DIR}/shell.c ${SIBYL_SQLITE_DIR}/sqlite3.h
         ${SIBYL_SQLITE_DIR}/original/sqlite3.c ${SIBYL_SQLITE_DIR}/original/speedtest1.c
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${sqlite_source} -DOUTPUT=${SIBYL_SQLITE_DIR}
          "-DFLAGS=-DSQLITE_ENABLE_UPDATE_DELETE_LIMIT=1"
          -DPATCH=${PROJECT_SOURCE_DIR}/sql/patch_sqlite.tcl
          -P ${PROJECT_SOURCE_DIR}/cmake/GenerateSqlite.cmake
  DEPENDS ${sqlite_source} ${PROJECT_SOURCE_DIR}/sql/patch_sqlite.tcl
          ${PROJECT_SOURCE_DIR}/cmake/GenerateSqlite.cmake
  COMMENT "SQLite's amalgamation over our engine" VERBATIM)

add_library(sibyl_sqlite_object OBJECT ${SIBYL_SQLITE_DIR}/sqlite3.c)
target_compile_definitions(sibyl_sqlite_object PRIVATE ${sqlite_options})
target_include_directories(sibyl_sqlite_object PRIVATE ${PROJECT_SOURCE_DIR} ${SIBYL_SQLITE_DIR})
# SQLite aliases types as it likes; -w: its warnings are not ours to mend. Of `(c ? a : b)[i]`, where a and
# b are arrays, as balance_nonroot has it, g++ 12's sanitizer takes the wrong one's size.
target_compile_options(sibyl_sqlite_object PRIVATE -fno-strict-aliasing -w -fno-sanitize=object-size)
# What of ours is compiled inside the amalgamation, and the headers it includes.
set(SIBYL_SQLITE_PARTS append_plan.c append_plan.h btree_copy.c btree_cursor.c btree_database.c
  btree_dispatch.c btree_keys.c btree_open.c btree_rows.c index_record.h key_codec.h planner.c
  point_plan.c point_plan.h pragmas.c schema_keys.c statistics.h tree_store_c.h)
list(TRANSFORM SIBYL_SQLITE_PARTS PREPEND ${PROJECT_SOURCE_DIR}/sql/)
set(SIBYL_SQLITE_PARTS ${SIBYL_SQLITE_PARTS} CACHE INTERNAL "Ours inside the amalgamation")
set_source_files_properties(${SIBYL_SQLITE_DIR}/sqlite3.c PROPERTIES
  OBJECT_DEPENDS "${SIBYL_SQLITE_PARTS}")
