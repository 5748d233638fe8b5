#!/bin/sh
# fuzz_corpus.sh FUZZ_BUILD BUILD TARGET...: makes tests/fuzz/corpus anew from what is there, what
# `make fuzz` found and valid files: of each target at most 60 strings of at most 4 KiB that
# together reach every line that all of them reach.
set -u
fuzz=$1 build=$2
shift 2
most=60
export QUANTBENCH_PLUGIN_PATH="$PWD/$build/plugins" XDG_CACHE_HOME="$PWD/$fuzz/cache" ASAN_OPTIONS=quarantine_size_mb=4
for target in "$@"; do
    saved="tests/fuzz/corpus/$target" own="$fuzz/runs/$target"
    rm -rf "$own/new" "$own/valid"
    mkdir -p "$saved" "$own/strings" "$own/new" "$own/valid"
    "$build/tests/replay_$target" -make "$own/valid" 40
    LLVM_PROFILE_FILE=/dev/null "$fuzz/tests/fuzz_target_$target" -set_cover_merge=1 -use_counters=0 \
        -max_len=4096 "$own/new" "$saved" "$own/valid" "$own/strings" >"$own/merge.log" 2>&1 || {
        tail -5 "$own/merge.log"
        exit 1
    }
    # Findings stay for ever: their names say so.
    find "$saved" -type f ! -name 'found-*' -delete
    find "$own/new" -type f -size -9 | sort | head -n "$most" | while read -r string; do
        cp "$string" "$saved/$(basename "$string" | cut -c 1-12)"
    done
    echo "$target: $(find "$saved" -type f | wc -l) strings"
done
