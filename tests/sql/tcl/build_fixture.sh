#!/usr/bin/env bash
# Compiles SQLite's Tcl test harness, and an amalgamation for it, into one archive.
#
#   build_fixture.sh SQLITE_DIR AMALGAMATION INCLUDE_DIR TCL_INCLUDE OUTPUT.a OPTION...
#
# SQLITE_DIR has source/ and original/ as cmake/GenerateSqlite.cmake left them. The options are those of
# the build of SQLite under test. Left out: what tests the inside of btree.c (test3.c, test_btree.c).
set -euo pipefail
sqlite_dir=$1 amalgamation=$2 include_dir=$3 tcl_include=$4 output=$5
shift 5

source_dir=$(echo "$sqlite_dir"/source/*)
generated=$sqlite_dir/original
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-O1 -w -fPIC -fno-strict-aliasing -I"$generated" -I"$source_dir/src" -I"$source_dir/ext/rtree"
  -I"$source_dir/ext/fts3" -I"$source_dir/ext/session" -I"$source_dir/ext/icu" -I"$tcl_include"
  -I"$include_dir" "$@"
  # As in SQLite's Makefile:
  -DSQLITE_TEST=1 -DSQLITE_CRASH_TEST=1 -DTCLSH_INIT_PROC=sqlite3TestInit -DSQLITE_SERVER=1
  -DSQLITE_PRIVATE= -DSQLITE_CORE -DBUILD_sqlite -DSQLITE_SERIES_CONSTRAINT_VERIFY=1
  -DSQLITE_DEFAULT_PAGE_SIZE=1024 -DSQLITE_ENABLE_DBPAGE_VTAB -DSQLITE_ENABLE_BYTECODE_VTAB
  -DSQLITE_CKSUMVFS_STATIC -DSQLITE_NO_SYNC=1)
compiler=(${CC:-cc})
if command -v ccache >/dev/null; then compiler=(ccache "${compiler[@]}"); fi

printf 'include Makefile\nlist:\n\t@echo $(TESTSRC)\n' >"$work/list.mk"
sources=$(cd "$generated" && make -s -f "$work/list.mk" list)
for file in $sources "$source_dir/src/tclsqlite.c" "$amalgamation"; do
  case $file in
    */test3.c | */test_btree.c) continue ;;
    "$amalgamation") ;;
    *) file=$source_dir/${file#*/sqlite3-3.40.1/} ;;
  esac
  printf '%s\0' "$file"
done | (cd "$work" && xargs -0 -n 1 -P 2 "${compiler[@]}" "${flags[@]}" -c)
rm -f "$output"
ar rcs "$output" "$work"/*.o
