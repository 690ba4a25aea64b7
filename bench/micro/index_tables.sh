#!/usr/bin/env bash
# Runs sibyl_index_bench for every table on indexes in docs/benchmarks.md, a group at a time:
#
#   bench/micro/index_tables.sh GROUP... [-- OUT]
#
# Groups: 100m-KIND (uniform dense lognormal weblog fb osm; counters-100m-KIND and plots-100m-KIND
# too), plots (the pictures of docs/plots, into OUT), 10m, 1m, real, budgets, adversaries, strings, points, filters, roots, reports, or quick for
# all of those that need no minutes. Each leaves its table, JSON and pictures in OUT (index_tables).
# Nothing else should run meanwhile. Needs the preset `bench` built.

set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BENCH=$ROOT/build/bench/bin/sibyl_index_bench
DATA=${SIBYL_DATA:-$ROOT/../shared/data}
OUT=index_tables

readonly AUTOS=auto,auto_latency,auto_smallest,splus,splus_branchy
readonly SMOOTH_AND_ROUGH=(uniform dense lognormal weblog fb osm)
readonly INTEGERS=(osm_s2_1039538_uint64 packoff_ansible_1702445_uint64
                   git_commit_times_2066374_uint64 ecoli_k16_4843913_uint64)
readonly STRINGS=(git_paths_1137429 geonames_postal_keys_1192315)
readonly ROOTS=rmi_linear-200k,rmi_log_linear-200k,rmi_cubic-200k,rmi_spline-200k,rmi_radix-200k
readonly NETS=rmi_net0-200k,rmi_net1x16-200k,rmi_net2x32-200k

# run NAME ARGUMENT...: its table in OUT/NAME.txt and on the screen, all runs in OUT/NAME.json.
run() {
  local name=$1 start=$SECONDS
  shift
  "$BENCH" "$@" --json "$OUT/$name.json" >"$OUT/$name.txt" 2>&1 ||
    { tail -5 "$OUT/$name.txt"; echo "$name: FAILED"; exit 1; }
  grep -vE '^(LowerBound/|---|Benchmark )' "$OUT/$name.txt"
  echo "$name: $((SECONDS - start)) s"
}

# Adds the arguments that name generated sets of $1 keys, or the files of keys, to `sets`.
generated() { for kind in "${SMOOTH_AND_ROUGH[@]}"; do sets+=(--generate "$kind:$1"); done; }
sosd_files() { for file in "${INTEGERS[@]}"; do sets+=(--sosd "$DATA/$file.zst"); done; }
string_files() { for file in "${STRINGS[@]}"; do sets+=(--strings "$DATA/$file.txt.zst"); done; }

group() {
  local name=$1
  local -a sets=()
  case $name in
    100m-*)
      run "$name" --generate "${name#100m-}:100000000" --structures "$AUTOS,absl_btree" \
        --benchmark_repetitions=5 --benchmark_min_time=0.03 ;;
    counters-100m-*)
      run "$name" --generate "${name#counters-100m-}:100000000" --sweep \
        --structures recursive-16,recursive_branchy-64,pieces-32,pieces_branchy-64,splus-16,splus_branchy-64 \
        --counters cycles,instructions,branch-misses,r0844,r0244 \
        --benchmark_repetitions=5 --benchmark_min_time=0.03
      grep -E '_median' "$OUT/$name.txt" ;;
    plots-100m-*)
      run "$name" --generate "${name#plots-100m-}:100000000" --sweep --plots "$OUT" \
        --structures auto,recursive,pieces,budget,splus,pgm,radix_spline,rmi_linear,absl_btree \
        --benchmark_repetitions=3 --benchmark_min_time=0.02 ;;
    plots)
      for kind in lognormal fb osm; do sets+=(--generate "$kind:10000000"); done
      run "$name" "${sets[@]}" --sweep --plots "$OUT" \
        --structures auto,recursive,pieces,budget,splus,pgm,radix_spline,rmi_linear,absl_btree \
        --benchmark_repetitions=5 --benchmark_min_time=0.01 ;;
    10m | 1m)
      generated "${name/m/000000}"
      run "$name" "${sets[@]}" --structures "$AUTOS" --benchmark_repetitions=7 \
        --benchmark_min_time=0.03 ;;
    real)
      sosd_files
      run "$name" "${sets[@]}" --structures "$AUTOS" --benchmark_repetitions=9 \
        --benchmark_min_time=0.03 ;;
    budgets)
      run "$name" --generate uniform:100000000 --generate osm:100000000 --sweep \
        --structures budget,splus-16 --benchmark_repetitions=3 --benchmark_min_time=0.02 ;;
    adversaries)
      for kind in poisoned clustered doubling runs denormal; do
        sets+=(--generate "$kind:1000000" --generate "$kind:10000000")
      done
      run "$name" "${sets[@]}" --structures auto,recursive,pieces,splus-16,splus-32 \
        --benchmark_repetitions=7 --benchmark_min_time=0.02 ;;
    strings)
      string_files
      run "$name" "${sets[@]}" --sweep --plots "$OUT" ;;
    points)
      sosd_files
      run "$name" --points "${sets[@]}" ;;
    filters)
      string_files
      sosd_files
      run "$name" --filters "${sets[@]}" ;;
    roots)
      run "$name" --generate lognormal:10000000 --generate osm:10000000 --sweep \
        --structures "$ROOTS,$NETS,recursive-16,pieces-32,splus-16" \
        --benchmark_repetitions=5 --benchmark_min_time=0.02 ;;
    reports)
      sosd_files
      string_files
      "$BENCH" --report "${sets[@]}" | tee "$OUT/reports.txt" ;;
    quick)
      for each in 1m 10m real adversaries strings points filters roots reports; do
        group "$each"
      done ;;
    *) echo "no such group: $name"; exit 2 ;;
  esac
}

groups=()
while (($# > 0)) && [[ $1 != -- ]]; do
  groups+=("$1")
  shift
done
(($# > 1)) && OUT=$2
mkdir -p "$OUT"
for name in "${groups[@]}"; do group "$name"; done
