#!/bin/sh
# fuzz.sh FUZZ_BUILD BUILD EXECUTIONS TARGET...: runs each fuzzer on its saved strings and its own,
# then says how many there were, how many decoded and how much of the reader's files they reached.
# It fails on a finding, under 10 % decoding or 95 % of the lines (and under EXECUTIONS).
set -u
fuzz=$1 build=$2 executions=$3
shift 3
export QUANTBENCH_PLUGIN_PATH="$PWD/$build/plugins" XDG_CACHE_HOME="$PWD/$fuzz/cache" OMP_NUM_THREADS=1
export ASAN_OPTIONS=quarantine_size_mb=4:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
llvm_cov=$(command -v llvm-cov || command -v llvm-cov-14)
llvm_profdata=$(command -v llvm-profdata || command -v llvm-profdata-14)

# The files that are a target's reader.
reader_of() {
    case $1 in
    npy) echo core/io/npy.c ;;
    npz) echo core/io/npz.c ;;
    idx) echo core/io/idx.c core/io/gzip.c ;;
    csv) echo core/io/csv_read.c ;;
    safetensors) echo core/io/safetensors.c ;;
    gguf) echo core/io/gguf.c core/io/gguf_value.c core/io/gguf_json.c ;;
    yaml) echo core/spec/yaml.c ;;
    elf) echo core/host/elf.c ;;
    packed) echo core/quant/packed.c core/io/integrity.c ;;
    *) echo "fuzz: which files are the reader of $1?" >&2 && exit 1 ;;
    esac
}

bad=0
printf '%-12s %10s %9s %9s  %s\n' target executions decoded lines reader
for target in "$@"; do
    own="$fuzz/runs/$target" program="$fuzz/tests/fuzz_target_$target" files=$(reader_of "$target")
    rm -rf "$own" && mkdir -p "$own/strings" "$own/findings"
    # What is found goes into the first folder, not among the saved ones.
    LLVM_PROFILE_FILE="$own/raw" "$program" -runs="$executions" -seed=1 -rss_limit_mb=256 -timeout=60 \
        -max_len=65536 -print_final_stats=1 -artifact_prefix="$own/findings/" "$own/strings" \
        "tests/fuzz/corpus/$target" >"$own/log" 2>&1
    code=$?
    "$llvm_profdata" merge -o "$own/profile" "$own/raw" 2>/dev/null
    lines=$("$llvm_cov" report "$program" -instr-profile="$own/profile" 2>/dev/null |
        awk -v files=" $files " 'index(files, " " $1 " ") { n += $8; missed += $9 }
            END { printf "%.1f", (n > 0 ? 100 * (n - missed) / n : 0) }')
    awk -v target="$target" -v code=$code -v want="$executions" -v lines="${lines:-0}" -v files="$files" '
        /^executions/ { n = $2; d = $4 }
        END {
            share = n > 0 ? 100 * d / n : 0
            printf "%-12s %10d %7.1f %% %7.1f %%  %s\n", target, n, share, lines, files
            exit !(code == 0 && n >= want && share >= 10 && lines >= 95)
        }' "$own/log" && continue
    bad=$((bad + 1))
    [ $code -ne 0 ] && tail -40 "$own/log" && echo "the strings: $own/findings; the log: $own/log"
done
[ "$bad" -eq 0 ] && echo "fuzz: no finding" || echo "fuzz: $bad targets failed"
[ "$bad" -eq 0 ]
