#!/usr/bin/env bash
# Goal: a script can rely on `sibyl`: its answers, exit codes and messages stay as documented.
# Method: drives the binary given as $1 through a life of two databases, key-value and SQL, and
# hostile input, in a folder of its own. Every check that fails is shown; the last line says how
# many did.

set -uo pipefail
SIBYL=$(realpath "${1:?usage: command_line_test.sh PATH-OF-SIBYL}")
FOLDER=$(mktemp -d "${TMPDIR:-/tmp}/sibyl-command-line.XXXXXX")
trap 'rm -rf "$FOLDER"' EXIT
cd "$FOLDER" || exit 1
failures=0

# Runs sibyl with the given words; leaves its answer, message and exit code in out, err, code.
run() {
  command_line="sibyl $*"
  "$SIBYL" "$@" >out.txt 2>err.txt
  code=$?
  out=$(cat out.txt)
  err=$(cat err.txt)
}

problem() {
  failures=$(( failures + 1 ))
  echo "FAILED: $command_line"
  echo "  $*"
  echo "  exit code $code; said: ${out:0:300}"
  echo "  complained: ${err:0:300}"
}

# The last run ended with this exit code; nothing but "sibyl: ..." lines may be on standard error.
expect_code() {
  [[ $code == "$1" ]] || problem "expected exit code $1"
  local other
  other=$(grep -v '^sibyl: ' err.txt)
  [[ -z $other ]] || problem "a line on standard error does not begin with 'sibyl: '"
  [[ $1 == 0 || -n $err ]] || problem "failed without a message"
}
expect_out() { [[ $out == "$1" ]] || problem "expected the answer: $1"; }
expect_out_has() { [[ $out == *"$1"* ]] || problem "expected in the answer: $1"; }
expect_err_has() { [[ $err == *"$1"* ]] || problem "expected in the message: $1"; }

test_help() {
  run --help; expect_code 0; expect_out_has "Exit codes"
  run --version; expect_code 0; expect_out_has "sibyl "
  local name
  for name in shell load get put delete scan compact stats verify inspect tree checkpoint \
    backup backups restore repair import export; do
    run "$name" --help; expect_code 0; expect_out_has "sibyl $name"
  done
}

test_usage_errors() {
  run; expect_code 2
  run frobnicate; expect_code 2
  run get; expect_code 2
  run get a.db; expect_code 2; expect_err_has KEY
  run get a.db k --keys base64; expect_code 2; expect_err_has base64
  run scan a.db --limit many; expect_code 2
  run get a.db 'bad\q'; expect_code 2; expect_err_has 'position 3'
  run get a.db --keys u64 -- -1; expect_code 2
  [[ ! -e a.db ]] || problem "a usage error created a database"
}

test_one_record() {
  run get kv.db k; expect_code 3; expect_err_has "kv.db"
  [[ ! -e kv.db ]] || problem "a read created a database"
  run put kv.db greeting 'hello\tworld'; expect_code 0; expect_out ""
  run get kv.db greeting; expect_code 0; expect_out 'hello\tworld'
  run get kv.db greeting --raw; expect_code 0; expect_out $'hello\tworld'
  run get kv.db absent; expect_code 1; expect_err_has 'not found: "absent"'
  run put kv.db greeting new; run get kv.db greeting; expect_out new
  run delete kv.db greeting; expect_code 0
  run delete kv.db greeting; expect_code 1
  run get kv.db greeting; expect_code 1
}

test_awkward_keys() {
  local key
  # shellcheck disable=SC2016
  for key in '' '[a,b]' '{}' 'a b' '-' '\0' '\0\0' 'a\0' '\xff\xff' 'grün' "it's" '$HOME' '%s'; do
    run put kv.db -- "$key" "value of $key"; expect_code 0
    run get kv.db -- "$key"; expect_code 0; expect_out "value of $key"
  done
  run put kv.db -- -k dashed; expect_code 0
  run get kv.db -- -k; expect_out dashed
  run put kv.db empty ''; expect_code 0
  run get kv.db empty; expect_code 0; expect_out ""
  run put kv.db --keys hex 00ff10 hex; run get kv.db '\0\xff\x10'; expect_out hex
  run put kv.db --keys u64 18446744073709551615 most
  run get kv.db --keys hex ffffffffffffffff; expect_out most
  head -c 70000 /dev/zero | tr '\0' k >long.txt
  run put kv.db "$(cat long.txt)" v; expect_code 3; expect_err_has 65
}

test_value_from_stdin() {
  head -c 1000000 /dev/urandom >big.bin
  "$SIBYL" put kv.db big - <big.bin || problem "put from standard input"
  "$SIBYL" get kv.db big --raw >back.bin
  cmp -s big.bin back.bin || problem "a value of 1 MB came back changed"
}

test_load_lines_and_scan() {
  seq -f 'word%06.0f' 0 19999 | shuf --random-source=<(yes) >words.txt
  run load words.db words.txt; expect_code 0; expect_out_has "loaded 20,000 records"
  run get words.db word012345; expect_code 0
  expect_out "$(( $(grep -n word012345 words.txt | cut -d: -f1) - 1 ))"
  run scan words.db --limit 3; expect_code 0
  [[ $(cut -f1 out.txt | tr '\n' ' ') == "word000000 word000001 word000002 " ]] || problem order
  run scan words.db --reverse --limit 2
  [[ $(cut -f1 out.txt | tr '\n' ' ') == "word019999 word019998 " ]] || problem "reverse order"
  run scan words.db --from word000005 --to word000008
  [[ $(wc -l <out.txt) == 3 ]] || problem "a range includes its start and not its end"
  run scan words.db --prefix word0001
  [[ $(wc -l <out.txt) == 100 ]] || problem "a prefix"
  run scan words.db --prefix word0001 --from word000198 --to word000300
  [[ $(wc -l <out.txt) == 2 ]] || problem "a prefix within a range"
  run scan words.db --from x; expect_code 0; expect_out ""
  [[ $("$SIBYL" scan words.db | wc -l) == 20000 ]] || problem "scan of all"
  [[ $("$SIBYL" scan words.db | head -n 1 | cut -f1) == word000000 ]] || problem "a closed pipe"
}

test_maintenance() {
  run compact words.db; expect_code 0; expect_out_has "compacted: 20,000 records"
  run verify words.db; expect_code 0; expect_out_has "ok: "; expect_out_has "20,000 records"
  run verify words.db --json; expect_code 0; expect_out_has '"ok": true'
  run inspect words.db; expect_code 0; expect_out_has pieces; expect_out_has default
  run inspect words.db --json; expect_code 0; expect_out_has '"training_ns"'
  run stats words.db; expect_code 0; expect_out_has "20,000"
  run stats words.db --json; expect_code 0; expect_out_has '"model_bound_violations": 0'
  expect_out_has '"delta_bytes"'; expect_out_has '"p99_ns"'; expect_out_has '"merging_stopped_by": ""'
  run stats words.db --prometheus; expect_code 0; expect_out_has 'sibyl_merging_stopped 0'
}

# The u64 arguments, as little-endian bytes.
u64s() {
  local number hex
  for number in "$@"; do
    printf -v hex '%016x' "$number"
    # shellcheck disable=SC2059
    printf "$(sed -E 's/(..)(..)(..)(..)(..)(..)(..)(..)/\\x\8\\x\7\\x\6\\x\5\\x\4\\x\3\\x\2\\x\1/' <<<"$hex")"
  done
}

test_load_sosd() {
  u64s 5 0 3 1000 9223372036854775807 -1 >set_uint64
  run load sosd.db set_uint64; expect_code 0; expect_out_has "5 keys"
  run scan sosd.db --keys u64; expect_code 0
  [[ $(cut -f1 out.txt | tr '\n' ' ') == "0 3 1000 9223372036854775807 18446744073709551615 " ]] ||
    problem "SOSD keys in order"
  u64s 5 0 3 >short_uint64
  run load sosd.db short_uint64; expect_code 3; expect_err_has short_uint64; expect_err_has trunc
  u64s 1 0 3 >long_uint64
  run load sosd.db long_uint64; expect_code 3; expect_err_has "goes on"
  run scan sosd.db --keys u64; [[ $(wc -l <out.txt) == 5 ]] || problem "a failed load left records"
}

test_load_other_formats() {
  printf 'a\t1\nb\t2\t3\n' | "$SIBYL" load t.db --format tsv - >/dev/null || problem "TSV on stdin"
  run scan t.db; expect_out $'a\t1\nb\t2\\t3'
  printf 'name,n\n"x,""y""",7\n' >c.csv
  run load c.db --header c.csv; expect_code 0
  run get c.db 'x,"y"'; expect_out 7
  zstd -q words.txt -o words.zst
  run load z.db words.zst; expect_code 0; expect_out_has "20,000 keys"
  head -c 5000 words.zst >cut.zst
  run load z.db cut.zst; expect_code 3; expect_err_has cut.zst; expect_err_has Zstandard
  run load z.db missing.txt; expect_code 3; expect_err_has missing.txt
  printf 'b\na\n' | "$SIBYL" load z.db --sorted - 2>err.txt; [[ $? == 3 ]] || problem "unsorted"
  grep -q '"a"' err.txt || problem "unsorted input is named"
  "$SIBYL" scan kv.db | "$SIBYL" load copy.db --format tsv --escaped - >/dev/null
  cmp -s <("$SIBYL" scan kv.db) <("$SIBYL" scan copy.db) || problem "a dump and its reload differ"
}

test_trees() {
  run put kv.db --tree second k v2; expect_code 0
  run get kv.db --tree second k; expect_out v2
  run get kv.db k; expect_code 1
  run get kv.db --tree third k; expect_code 1; expect_err_has third
  run scan kv.db --tree '#99'; expect_code 1
  run tree kv.db packed --create --compression lz4 --packed-keys true; expect_code 0
  run tree kv.db packed --create; expect_code 3; expect_err_has packed
  run tree kv.db counts --create --merge-operator uint64_add; expect_code 0
  run tree kv.db cache --create --ttl-seconds 3600; expect_code 0
  run tree kv.db x --create --merge-operator nobody; expect_code 3; expect_err_has nobody
  run tree kv.db x --create --compression zip; expect_code 3; expect_err_has zip
  run tree kv.db; expect_code 0; expect_out_has lz4; expect_out_has uint64_add; expect_out_has "3600 s"
  run tree kv.db second --compression zstd; expect_code 0; expect_out_has zstd
  run tree kv.db cache --ttl-seconds 5; expect_code 3; expect_err_has "time to live"
  run tree kv.db nothing --packed-keys true; expect_code 3; expect_err_has nothing
  run tree kv.db --packed-keys true; expect_code 3
  run put kv.db --tree packed k v; expect_code 0
  run compact kv.db; expect_code 0
  run inspect kv.db; expect_code 0; expect_out_has "compression=lz4 packed_keys=true"
  run stats kv.db --json; expect_code 0; expect_out_has '"ttl_seconds": 3600'
  run tree kv.db packed --drop; expect_code 0
  run get kv.db --tree packed k; expect_code 1
}

test_hostile_paths() {
  echo "not a database" >note.txt
  run get note.txt k; expect_code 3; expect_err_has note.txt
  run put note.txt k v; expect_code 3; [[ $(cat note.txt) == "not a database" ]] || problem wrote
  : >empty; run get empty k; expect_code 3; expect_err_has empty
  mkdir folder; run get folder k; expect_code 3; expect_err_has folder
  printf 'SQLite format 3\0' >native; run get native k; expect_code 3; expect_err_has shell
  run verify /dev/null; expect_code 3
  run put /proc/none k v; expect_code 3
  run get "$(printf 'x%.0s' {1..5000})" k; expect_code 3
}

# Two processes must not open one database; the loser says so and nothing breaks.
test_second_process() {
  (echo a; sleep 3; echo b) | "$SIBYL" load kv.db - >/dev/null &
  local pid=$!
  sleep 1
  run get kv.db empty --read-only; expect_code 0
  run get kv.db empty
  if [[ $code != 0 ]]; then expect_code 3; expect_err_has busy; else problem "two processes"; fi
  wait "$pid" || problem "the first process was disturbed"
  run get kv.db b; expect_code 0
}

test_damage() {
  local segment
  segment=$(find words.db -type f -name '*.seg*' | head -n 1)
  [[ -n $segment ]] || problem "no segment file found"
  cp -r words.db damaged.db
  segment=damaged.db/${segment#words.db/}
  printf '\xff\x00\xff\x00' | dd of="$segment" bs=1 seek=5000 conv=notrunc status=none
  run verify damaged.db; expect_code 1; expect_err_has "$(basename "$segment")"
  run verify damaged.db --json; [[ $code == 1 ]] || problem "exit code"; expect_out_has '"ok": false'
  truncate -s 100 "$segment"
  run verify damaged.db; expect_code 1
  run get damaged.db word000001; expect_code 3; expect_err_has corruption
  run verify words.db; expect_code 0
}

test_copies() {
  run checkpoint words.db twin.db; expect_code 0; expect_out_has "0 B copied"
  run checkpoint words.db twin.db; expect_code 3; expect_err_has "twin.db"
  run put twin.db word000000 changed; run get words.db word000000; [[ $out != changed ]] || problem shared
  run backup words.db backups; expect_code 0; expect_out_has "backup 1"
  run put words.db zzz new
  run backup words.db backups --keep 5; expect_code 0; expect_out_has "backup 2"
  run backups backups --verify; expect_code 0; expect_out_has "ok: "
  [[ $(wc -l <out.txt) == 4 ]] || problem "two backups, a header and a verdict"
  run restore backups first.db --number 1; expect_code 0
  run get first.db zzz; expect_code 1
  run restore backups newest.db; expect_code 0
  run get newest.db zzz; expect_code 0; expect_out new
  run restore backups another.db --number 9; expect_code 3; expect_err_has "no backup 9"
  run backups words.db; expect_code 3
  run delete words.db zzz
}

test_repair() {
  run compact words.db; expect_code 0  # what was overwritten or deleted counts until then
  run repair words.db repaired.db; expect_code 0; expect_out_has "20,000 records"
  run verify repaired.db --read-only; expect_code 0
  run repair damaged.db mended.db; expect_code 1; expect_err_has "lost: "
  run verify mended.db; expect_code 0
  run repair /tmp nothing.db; expect_code 3
}

test_full_device() {
  "$SIBYL" scan words.db >/dev/full 2>err.txt
  code=$?
  [[ $code == 3 && $(cat err.txt) == "sibyl: "*output* ]] || problem "output lost in silence"
}

# There and back again; sibyl itself reads SQLite's files, too.
test_sqlite_files() {
  run shell 'file:in.sqlite?engine=sqlite' "PRAGMA user_version = 42;
    CREATE TABLE t(a, b TEXT COLLATE NOCASE, g AS (a||b) STORED); CREATE INDEX tp ON t(a) WHERE a>5;
    INSERT INTO t(rowid, a, b) VALUES(-5, 1, 'x'), (9000000000, 2.5, NULL), (7, x'00ff', '\xc3\xa4');
    CREATE TABLE k(i INTEGER PRIMARY KEY AUTOINCREMENT, v); INSERT INTO k(v) VALUES(1), (2);
    DELETE FROM k WHERE i = 2; CREATE VIEW v AS SELECT a FROM t; CREATE TABLE log(m);
    CREATE TABLE w(x, y, z, PRIMARY KEY(y DESC, x)) WITHOUT ROWID; INSERT INTO w VALUES('a', 1, 2);
    CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES(new.a); END;
    CREATE TABLE r(rowid TEXT, b); INSERT INTO r VALUES('z', 1);
    CREATE VIRTUAL TABLE f USING fts5(body); INSERT INTO f VALUES('quick brown'), ('lazy dog')"
  expect_code 0
  [[ $(head -c 15 in.sqlite) == "SQLite format 3" ]] || problem "no file of SQLite"
  run import in.sqlite in.db; expect_code 0; expect_out_has "compared and equal: in.db"
  run import in.sqlite in.db; expect_code 3; expect_err_has "exists already"
  run import in.db other.db; expect_code 3; expect_err_has "not a file of SQLite"
  run export in.sqlite other.sqlite; expect_code 3; expect_err_has "not a SQL database of SibylDB"
  run import absent.sqlite other.db; expect_code 3
  [[ ! -e other.db && ! -e other.sqlite ]] || problem "a refused copy left something behind"
  run export in.db "out %#?.sqlite"; expect_code 0; expect_out_has "compared and equal"
  [[ $(head -c 15 "out %#?.sqlite") == "SQLite format 3" ]] || problem "no file of SQLite"
  local file
  for file in in.db "out %#?.sqlite"; do
    run shell "$file" "PRAGMA integrity_check; PRAGMA user_version; SELECT rowid FROM t;
      SELECT body FROM f WHERE f MATCH 'lazy'; INSERT INTO k(v) VALUES(3) RETURNING i;
      INSERT INTO t(a) VALUES(6); SELECT m FROM log; SELECT z FROM w WHERE y = 1"
    expect_code 0
    expect_out $'ok\n42\n-5\n7\n9000000000\nlazy dog\n3\n6\n2'
  done
  run shell 'file:in2.sqlite?engine=sqlite' "CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES(1)"
  run shell in2.sqlite "PRAGMA writable_schema = on; UPDATE sqlite_schema SET rootpage = 2;"
  run import in2.sqlite in2.db; expect_code 3
}

test_sql() {
  run shell :memory: "SELECT 1"
  if [[ $err == *"built without SQL"* ]]; then
    echo "skipped: SQL, which this sibyl was built without"
    return
  fi
  run shell shop.db "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); INSERT INTO t VALUES(1,'x'),(2,'y');"
  expect_code 0
  [[ -f shop.db && -d shop.db-sibyl ]] || problem "no marker file with its folder"
  run shell shop.db "SELECT b FROM t WHERE a=2"; expect_code 0; expect_out y
  run shell -csv -header shop.db "SELECT * FROM t ORDER BY a DESC"; expect_out_has "a,b"
  run shell shop.db "SELECT nonsense"; [[ $code != 0 ]] || problem "an SQL error passed"
  printf 'id,name,price\n1,"nut, small",3\n2,bolt,10\n' >parts.csv
  run load shop.db --table parts --header parts.csv; expect_code 0; expect_out_has "2 records"
  run shell shop.db "SELECT name FROM parts WHERE id='1'"; expect_out "nut, small"
  printf '1,2\n' >narrow.csv
  run load shop.db --table parts narrow.csv; expect_code 3; expect_err_has "row 1 of narrow.csv"
  run load shop.db --table keys set_uint64; expect_code 3; expect_err_has 18446744073709551615
  run shell shop.db "SELECT count(*) FROM parts"; expect_out 2
  run shell shop.db ".tables"; [[ $out != *keys* ]] || problem "a failed load left its table"
  run compact shop.db; expect_code 0
  run verify shop.db; expect_code 0
  run inspect shop.db; expect_code 0; expect_out_has parts
  run shell shop.db "SELECT sum(price) FROM parts"; expect_out 13
  run checkpoint shop.db shop2.db; expect_code 0; expect_out_has "SQL"
  run shell shop2.db "SELECT sum(price) FROM parts"; expect_out 13
  run backup shop.db backups; expect_code 0
  run restore backups back.db; expect_code 0
  run shell back.db "SELECT sum(price) FROM parts"; expect_out 13
  run load shop.db --table x --keys u64 words.txt; expect_code 2
  run stats shop.db-sibyl; expect_code 0
  test_sqlite_files
}

test_help
test_usage_errors
test_one_record
test_awkward_keys
test_value_from_stdin
test_load_lines_and_scan
test_maintenance
test_load_sosd
test_load_other_formats
test_trees
test_hostile_paths
test_second_process
test_damage
test_copies
test_repair
test_full_device
test_sql

if (( failures > 0 )); then
  echo "$failures checks failed"
  exit 1
fi
echo "all checks passed"
