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
  printf '.timer on\n%s;\n' "$sql" | "$BIN/sibyl" shell -column -header "$DB" |
    sed -E 's/ +$//; s/^Run Time: real ([0-9.]+).*/(\1 s)/; s/^/    /'
}

ask_questions() {
  ask "Which packages own the largest files? (a join of two trees of paths)" \
    "SELECT package, printf('%,d', size) AS bytes, path
     FROM files JOIN owners USING (path) ORDER BY size DESC LIMIT 3"
  ask "Which days brought most files below /usr? (a range of paths)" \
    "SELECT date(mtime_ns / 1000000000, 'unixepoch') AS day, count(*) AS files, sum(size) >> 20 AS mib
     FROM files WHERE path >= '/usr/' AND path < '/usr0' GROUP BY day ORDER BY files DESC LIMIT 3"
  ask "What are these programs? (point lookups in two trees)" \
    "SELECT path, package, description FROM owners JOIN packages ON name = package
     WHERE path IN ('/bin/bash', '/usr/bin/dpkg', '/usr/bin/perl') GROUP BY path"
}

# Column $1 of the files as SOSD: a count, then the sorted numbers, as little-endian u64s.
make_sosd() {
  cut -f"$1" "$DATA/files.tsv" | sort -n |
    perl -ne 'push @k, $_; END { print pack("Q<*", scalar @k, @k) }' >"$2"
}

# Runs a benchmark with its output in a log; $1: the log.
run_benchmark() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 && return
  tail -n 20 "$log" >&2
  fail "failed: ${1##*/} (everything it said: $log)"
}

# The table of sibyl_index_bench for SOSD file $1, fastest first.
compare_indexes() {
  local log=$LOGS/quickstart-index-${1##*/}.log
  run_benchmark "$log" "$BIN/sibyl_index_bench" --sosd "$1" --benchmark_repetitions=3 \
    --benchmark_min_time=0.03
  printf '\n  %-17s %8s %8s %8s %12s\n' "${1##*/}" single batched serial "bytes/key"
  awk -v OFS='\t' '/^structure/ { on = 1; next } /^fastest/ { on = 0 }
       on { print $1, $2, $3, $4, $5 }' "$log" | sort -t$'\t' -k2n |
    awk -F'\t' '{ printf "  %-17s %8.1f %8.1f %8.1f %12.3f\n", $1, $2, $3, $4, $5 }'
}

# The summary of sibyl_engine_bench for the keys in file $1.
compare_engines() {
  local log=$LOGS/quickstart-engines-${1##*/}.log
  run_benchmark "$log" "$BIN/sibyl_engine_bench" --quick --keys "$1" \
    --workloads load,uniform,absent,multiget32 --dir "$DATA"
  printf '\n  %s, ns per operation (x: times that of sibyl)\n' "$2"
  awk '/^ns per operation, CPU of the calling thread, compacted/ { on = 1; next } /^$/ { on = 0 }
       on { print "  " $0 }' "$log"
}

# "sibyl 359, lmdb 760 (2.12x), ...": row $2 of the engines' table in log $1, as a sentence.
row_of_engines() {
  awk -v row="$2" '
    /^ns per operation, CPU of the calling thread, compacted/ { on = 1; next } /^$/ { on = 0 }
    on && $1 == "workload" { for (i = 2; i <= NF; ++i) name[i - 1] = $i }
    on && $1 == row {
      printf "sibyl %s ns", $2
      for (i = 2; name[i]; ++i) if (name[i] !~ /-long/) printf ", %s %s (%s)", name[i], $(2 * i - 1), $(2 * i)
    }' "$1"
}

# The same for the indexes' table.
row_of_indexes() {
  awk '/^structure/ { on = 1; next } /^fastest/ { on = 0 }
    on { ns[$1] = $2; bytes[$1] = $5 }
    on && /^ *splus/ && (!tree || $2 < ns[tree]) { tree = $1 }
    END {
      printf "sibyl %s ns at %s bytes per key, static B-tree %s at %s, absl::btree %s at %s, binary search %s",
        ns["auto"], bytes["auto"], ns[tree], bytes[tree], ns["absl_btree"], bytes["absl_btree"],
        ns["std_lower_bound"]
    }' "$1"
}

# Every row of the comparison in which a rival was faster.
losses() {
  local log
  for log in "$LOGS"/quickstart-engines-*.log; do
    sed -n "s/^  slower: */${log##*-engines-}: /p" "$log" | sed 's/\.log//; s/_uint64//' |
      grep -v ': *nowhere' || true
  done
}

summarize() {
  local lost
  lost=$(losses)
  title "In short"
  echo "  read by inode   $(row_of_engines "$LOGS/quickstart-engines-inodes_uint64.log" uniform)"
  echo "  read by path    $(row_of_engines "$LOGS/quickstart-engines-paths.txt.log" uniform)"
  echo "  array of inodes $(row_of_indexes "$LOGS/quickstart-index-inodes_uint64.log")"
  echo "  lost            ${lost:-nothing here}"
}

compare() {
  make_sosd 3 "$DATA/mtimes_uint64"
  make_sosd 4 "$DATA/inodes_uint64"
  cut -f1 "$DATA/files.tsv" >"$DATA/paths.txt"
  title "5. Sorted arrays in memory, ns per lookup: learned (recursive, pieces; auto picks the best),
   static B-tree (splus), absl::btree, std::lower_bound"
  compare_indexes "$DATA/inodes_uint64"
  compare_indexes "$DATA/mtimes_uint64"
  title "6. Whole engines on these keys with 100-byte values: SibylDB, RocksDB, LMDB, SQLite
   (lmdb-long, sqlite-long: all reads in one transaction)"
  compare_engines "$DATA/inodes_uint64" "inode numbers"
  compare_engines "$DATA/paths.txt" "paths"
}

main() {
  echo "SibylDB: a key-value and SQL database whose B-trees are replaced by learned models, which"
  echo "predict the one block that can hold a key. Shown on the files and packages of this machine."
  title "1. Build"
  "$ROOT/scripts/setup.sh"
  step "release: configure and build" build-release \
    build_preset release sibyl sibyl_index_bench sibyl_engine_bench
  title "2. The data, loaded through SQL"
  step "walked the file system, read the package lists" quickstart-collect collect
  load_database
  title "3. SQL: SQLite's parser and planner over our storage"
  ask_questions
  title "4. The models: lines (pieces) in stages (depth); index B/key is all that is not data"
  "$BIN/sibyl" inspect "$DB" | sed 's/^/  /'
  "$BIN/sibyl" verify "$DB" | sed 's/^/  verify: /'
  compare
  summarize
  title "Done in $SECONDS s. Go on with"
  echo "  $BIN/sibyl shell $DB"
  echo "  $BIN/sibyl --help"
}

main "$@"
