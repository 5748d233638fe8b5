#!/bin/sh
# Runs the test programs of the folders named behind the build folder, then the
# checks that are no programs ($CHECKS); the last line is `N passed, N failed`.
set -u
build=$1
shift
passed=0 failed=0 skipped=0
export QUANTBENCH="$build/quantbench" QUANTBENCH_BUILD="$build"
case $build in /*) export XDG_CACHE_HOME="$build/tests/cache" ;; *) export XDG_CACHE_HOME="$PWD/$build/tests/cache" ;; esac
unset QUANTBENCH_DB QUANTBENCH_PLUGIN_PATH QUANTBENCH_SIMD QUANTBENCH_DATA_REQUIRED 2>/dev/null

# One line for each test in TAP: ok, not ok, ok ... # SKIP. A program that dies has
# no complete file: it counts as a failure of its own.
for folder in "$@"; do
    tap="$build/tests/$folder.tap" log="$build/tests/$folder.log"
    rm -f "$tap"
    "$build/tests/test_$folder" --tap="$tap" >"$log" 2>&1
    status=$?
    ok=$(grep -c '^ok' "$tap" 2>/dev/null)
    bad=$(grep -c '^not ok' "$tap" 2>/dev/null)
    skip=$(grep -c '^\(not \)\{0,1\}ok.*# SKIP' "$tap" 2>/dev/null)
    [ "$status" -ne 0 ] && [ "${bad:-0}" -eq 0 ] && bad=1
    [ "${ok:-0}" -eq 0 ] && [ "${bad:-0}" -eq 0 ] && bad=1
    ok=$((${ok:-0} - ${skip:-0}))
    echo "$folder: $ok passed, ${bad:-0} failed"
    grep -h '# SKIP' "$tap" 2>/dev/null | sed 's/^/  /'
    grep -h '^  note: ' "$log" 2>/dev/null
    if [ "${bad:-0}" -ne 0 ]; then
        grep '^not ok' "$tap" 2>/dev/null
        grep -v 'Synthesis\|^  note: ' "$log"
    fi
    passed=$((passed + ok)) failed=$((failed + ${bad:-0})) skipped=$((skipped + ${skip:-0}))
done

# The strings that fuzzing has kept, as the readers of this build read them ($REPLAYS).
for target in ${REPLAYS-}; do
    if said=$(QUANTBENCH_PLUGIN_PATH="$build/plugins" "$build/tests/replay_$target" "tests/fuzz/corpus/$target" 2>&1); then
        echo "replay $target: $said"
        passed=$((passed + 1))
    else
        echo "replay $target: failed"
        echo "$said" | tail -20
        failed=$((failed + 1))
    fi
done

for check in ${CHECKS-check-layers check-format}; do
    if make --no-print-directory "$check"; then
        passed=$((passed + 1))
    else
        echo "$check: failed"
        failed=$((failed + 1))
    fi
done

sh tests/tools/check_emulated.sh "$build" arm64 quick
case $? in
0) passed=$((passed + 1)) ;;
77) skipped=$((skipped + 1)) ;;
*)
    echo "check-kernels-arm64: failed"
    failed=$((failed + 1))
    ;;
esac

if [ "$skipped" -ne 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
