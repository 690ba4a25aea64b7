#!/usr/bin/env bash
# libFuzzer on one target, as CTest runs it: run_target.sh SIBYL_FUZZ TARGET CORPUS FOUND, for
# SIBYL_FUZZ_SECONDS seconds (60). An input that breaks something is left in FOUND.
set -euo pipefail
readonly FUZZER=$1 TARGET=$2 CORPUS=$3/$2 FOUND=$4
mkdir -p "$CORPUS" "$FOUND"
SIBYL_FUZZ_TARGET=$TARGET SIBYL_FUZZ_SEEDS=$CORPUS "$FUZZER" \
  -max_total_time="${SIBYL_FUZZ_SECONDS:-60}" -max_len=100000 -timeout=20 -rss_limit_mb=4096 \
  -artifact_prefix="$FOUND/$TARGET-" "$CORPUS"
