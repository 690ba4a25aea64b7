#!/usr/bin/env bash
# Installs what is missing, builds `release`, and shows SibylDB on real data that every machine has:
# its own files and its package index. Loads them through SQL, trains the models, asks three
# questions, shows the models, and measures learned indexes and engine against their rivals on these
# very keys. Under 15 minutes from nothing on two cores, under one once built.

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

BIN=$ROOT/build/release/bin
DATA=$ROOT/build/quickstart   # made anew on each run
DB=$DATA/machine.db
MAX_FILES=1000000             # so that a file server does not make this take an hour

title() { printf '\n%s\n' "$*"; }

# path TAB size TAB mtime in ns TAB inode, of every regular file of the root file system. Paths with
# a tab or a newline in them, and times before 1970, are left out.
list_files() {
  find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path "$ROOT/build" \) -prune -o \
      -type f ! -path $'*[\t\n]*' -printf '%p\t%s\t%T@\t%i\n' 2>/dev/null |
    awk -F'\t' -v OFS='\t' -v max="$MAX_FILES" '
      NR > max { exit }
      $3 !~ /^-/ {
        split($3, time, ".")
        print $1, $2, time[1] substr(time[2] "000000000", 1, 9), $4
      }' >"$DATA/files.tsv" || true  # find may meet folders it cannot read
}

# package TAB path, from the lists that dpkg keeps.
list_owners() {
  local list package
  for list in /var/lib/dpkg/info/*.list; do
    package=${list##*/}
    package=${package%.list}
    sed "s|^|${package%%:*}\t|" "$list"
  done >"$DATA/owners.tsv"
}

# name TAB version TAB section TAB installed size in KiB TAB description.
list_packages() {
  local source=(apt-cache dumpavail)
  (( $("${source[@]}" 2>/dev/null | grep -c '^Package:') > 0 )) || source=(cat /var/lib/dpkg/status)
  "${source[@]}" 2>/dev/null | awk -v OFS='\t' '
    function flush() { if (name) print name, version, section, size + 0, description; name = "" }
    /^$/ { flush() }
    /^Package: / { name = $2 }
    /^Version: / { version = $2 }
    /^Section: / { section = $2 }
    /^Installed-Size: / { size = $2 }
    /^Description(-en)?: / { sub(/^[^:]*: /, ""); gsub(/\t/, " "); description = $0 }
    END { flush() }' >"$DATA/packages.tsv"
}

collect() {
  rm -rf "$DATA"
  mkdir -p "$DATA"
  list_files
  list_owners
  list_packages
}

SCHEMA='
CREATE TABLE files(path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, inode INTEGER) WITHOUT ROWID;
CREATE TABLE owners(package TEXT, path TEXT, PRIMARY KEY(path, package)) WITHOUT ROWID;
CREATE TABLE packages(name TEXT, version TEXT, section TEXT, installed_kib INTEGER, description TEXT);
CREATE INDEX files_by_time ON files(mtime_ns);
CREATE INDEX files_by_inode ON files(inode);
CREATE INDEX packages_by_name ON packages(name);'

load_database() {
  "$BIN/sibyl" shell "$DB" "$SCHEMA"
  local table
  for table in files owners packages; do
    printf '  %-9s' "$table"
    "$BIN/sibyl" load "$DB" --table "$table" "$DATA/$table.tsv"
  done
  printf '  %-9s' ""
  "$BIN/sibyl" compact "$DB"
}

# ask QUESTION SQL: shows both and the answer, with the time it took.
ask() {
  local question=$1 sql=$2
  printf '\n  %s\n' "$question"
  printf '%s\n' "$sql" | sed 's/^ */    sql> /'
  "$BIN/sibyl" shell -column "$DB" ".timer on" "$sql" |
    sed -E 's/^Run Time: real ([0-9.]+).*/(\1 s)/; s/^/    /'
}

ask_questions() {
  ask "Which packages own the largest files?" \
    "SELECT package, printf('%,d', size) AS bytes, path
     FROM files JOIN owners USING (path) ORDER BY size DESC LIMIT 3"
  ask "Which files changed last outside /tmp, /var and /root? (an index, read backwards)" \
    "SELECT datetime(mtime_ns / 1000000000, 'unixepoch') AS changed, path FROM files
     WHERE path NOT LIKE '/tmp/%' AND path NOT LIKE '/var/%' AND path NOT LIKE '/root/%'
     ORDER BY mtime_ns DESC LIMIT 3"
  ask "What do the installed header packages say they are? (ranges and lookups in three tables)" \
    "SELECT DISTINCT name, description FROM packages
     JOIN owners ON package = name JOIN files USING (path)
     WHERE path >= '/usr/include/r' AND path < '/usr/include/s' LIMIT 3"
}

# Column $1 of the files as SOSD: a count, then the sorted numbers, as little-endian u64s.
make_sosd() {
  cut -f"$1" "$DATA/files.tsv" | sort -n |
    perl -ne 'push @k, $_; END { print pack("Q<*", scalar @k, @k) }' >"$2"
}

# The table that sibyl_index_bench prints for one dataset.
compare_indexes() {
  local keys=$1 log=$LOGS/quickstart-index-${1##*/}.log
  "$BIN/sibyl_index_bench" --sosd "$keys" --benchmark_repetitions=3 --benchmark_min_time=0.03 \
    >"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "failed: sibyl_index_bench (log: $log)"; }
  sed -n '/ns per LowerBound/,/^fastest/p' "$log" | sed 's/^/  /'
}

# The summary that sibyl_engine_bench prints for one set of keys.
compare_engines() {
  local keys=$1 log=$LOGS/quickstart-engines-${1##*/}.log
  "$BIN/sibyl_engine_bench" --quick --keys "$keys" --workloads load,uniform,absent,multiget32 \
    --dir "$DATA" >"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "failed: sibyl_engine_bench (log: $log)"; }
  sed -n '/^ns per operation, CPU of the calling thread, compacted/,/^$/p; /^Verdict/,/^$/p' "$log" |
    sed 's/^/  /'
}

compare() {
  make_sosd 3 "$DATA/mtimes_uint64"
  make_sosd 4 "$DATA/inodes_uint64"
  cut -f1 "$DATA/files.tsv" >"$DATA/paths.txt"
  title "5. Sorted arrays in memory: learned indexes, a static B-tree (splus), absl::btree, binary search"
  compare_indexes "$DATA/mtimes_uint64"
  compare_indexes "$DATA/inodes_uint64"
  title "6. Whole engines on the same records: SibylDB, RocksDB, LMDB, SQLite (100-byte values)"
  printf '\n  keys: inode numbers\n'
  compare_engines "$DATA/inodes_uint64"
  printf '  keys: paths\n'
  compare_engines "$DATA/paths.txt"
}

main() {
  title "1. Build"
  "$ROOT/scripts/setup.sh"
  step "release: configure and build" build-release \
    build_preset release sibyl sibyl_index_bench sibyl_engine_bench
  title "2. This machine's files and package index become a SQL database on learned indexes"
  step "walked the file system, read the package lists" quickstart-collect collect
  load_database
  title "3. SQL: SQLite's parser and planner, our storage"
  ask_questions
  title "4. The models that replaced the B-trees (sibyl inspect)"
  "$BIN/sibyl" inspect "$DB" | sed 's/^/  /'
  "$BIN/sibyl" verify "$DB" | sed 's/^/  verify: /'
  compare
  title "Done in $SECONDS s. Next:"
  echo "  $BIN/sibyl shell $DB     ask your own questions"
  echo "  $BIN/sibyl --help        the key-value side"
}

main "$@"
