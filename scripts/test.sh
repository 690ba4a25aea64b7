#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test: the `dev` build (address and undefined-
# behaviour sanitizers) under CTest, then the `release` build as its users run it. Ends with one
# line, "PASSED" or what failed. Under 15 minutes from nothing on two cores.

source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# CTest's own report goes to the screen, all output of failing tests included.
run_ctest() {
  echo "  tests of the dev build:"
  cd "$ROOT"
  ctest --preset dev --parallel "$(nproc)" --output-log "$LOGS/ctest.log" ||
    fail "FAILED: tests of the dev build (everything they said: $LOGS/ctest.log)"
  TESTS_PASSED=$(grep -cE '^ *[0-9]+/[0-9]+ Test +#[0-9]+: .* Passed ' "$LOGS/ctest.log")
}

main() {
  local bin=$ROOT/build/release/bin
  "$ROOT/scripts/setup.sh"
  step "dev: configure and build" build-dev build_preset dev
  run_ctest
  step "release: configure and build" build-release build_preset release
  step "release: the sibyl binary, driven by a script" smoke-tool \
    "$ROOT/tests/tools/command_line_test.sh" "$bin/sibyl"
  step "release: programs written for SQLite" smoke-programs /usr/bin/python3 \
    "$ROOT/tests/sql/programs_test.py" "$ROOT/build/release/lib/sqlite" "$bin/sibyl"
  step "release: sibyl_engine_bench --quick" smoke-engine-bench "$bin/sibyl_engine_bench" --quick
  step "release: sibyl_sql_bench --quick" smoke-sql-bench "$bin/sibyl_sql_bench" --quick
  step "release: sibyl_index_bench, 200,000 keys" smoke-index-bench "$bin/sibyl_index_bench" \
    --generate uniform:200000 --benchmark_min_time=0.02
  echo "PASSED: $TESTS_PASSED tests of the dev build and the smoke run of release, $SECONDS s"
}

main "$@"
