#!/bin/sh
# The check of the kernels on CPUs that this machine is not, under qemu-user:
#     check_emulated.sh BUILD arm64|x86 [quick | only BEGINNING_OF_NAMES]
# arm64 builds it in BUILD/arm64 and runs it on a CPU with dot product and (not quick) on one
# without; x86 takes the check and the program in BUILD to a CPU with SSE4.1 alone and to one
# with AVX2. Exit 77: not run.
set -u
build=$1 machine=$2
shift 2
how=$*
bad=0

complain() {
    echo "check_emulated: $*"
    bad=1
}

skip() {
    echo "check-kernels-$machine skipped: $*; \`make deps\` installs what it needs"
    exit 77
}

# PROGRAM...: all there, else skipped
need() {
    missing=
    for program in "$@"; do
        command -v "$program" >/dev/null 2>&1 || missing="$missing $program"
    done
    [ -z "$missing" ] || skip "there is no$missing"
}

# CPU CHECK EMULATOR...: the check under the emulator; its output is also in $log
check_on() {
    cpu=$1 check=$2
    shift 2
    echo "$*:"
    # shellcheck disable=SC2086
    CHECK_KERNELS_EMULATOR="$*" "$@" "$check" $how >"$log"
    status=$?
    sed 's/^/  /' "$log"
    [ "$status" -eq 0 ] || complain "$cpu: the check failed (exit $status)"
}

# TEXT: a line of the check's output begins with it
said() { grep -q "^$1" "$log" || complain "$cpu: no line of the check begins with '$1'"; }

# A product must not be fused with a sum (core/simd/README.md).
nothing_is_fused() {
    fused=$(aarch64-linux-gnu-objdump -d "$build"/arm64/core/simd/*.o |
        awk -F '\t' '$3 ~ /^f(n?m(add|sub)|ml(a|s|al|sl)2?)$/' | wc -l)
    [ "$fused" -eq 0 ] && echo "  arm64 kernels: no fused multiply-add among the instructions" && return
    complain "$fused fused multiply-adds in $build/arm64/core/simd"
}

# What only some CPUs have stands in the file that only they call.
only_there_is_dot_product() {
    files=$(aarch64-linux-gnu-objdump -d "$build"/arm64/core/simd/*.o |
        awk -F '\t' '/file format/ { file = $0; sub(/:.*/, "", file); sub(/.*\//, "", file) }
            $3 ~ /^[su]dot$/ { print file }' | sort -u)
    [ "$files" = neon_dotprod.o ] && echo "  arm64 kernels: dot products in neon_dotprod.o alone" && return
    complain "dot products in '$files', not in neon_dotprod.o alone"
}

check_arm64() {
    need aarch64-linux-gnu-gcc aarch64-linux-gnu-objdump qemu-aarch64-static
    [ -f "$(aarch64-linux-gnu-gcc -print-file-name=libc.a)" ] || skip "there is no libc.a for arm64"
    # /usr/include comes last: of it only jansson.h is wanted, and nothing of that is linked
    make --no-print-directory CC=aarch64-linux-gnu-gcc BUILD="$build/arm64" LIBS=-lm \
        CFLAGS="-ffunction-sections -idirafter /usr/include" \
        LDFLAGS="-static -Wl,--gc-sections" "$build/arm64/tests/check_kernels" >"$log" 2>&1 || {
        cat "$log"
        complain "the arm64 build failed"
        return
    }
    nothing_is_fused
    only_there_is_dot_product
    check_on default "$build/arm64/tests/check_kernels" qemu-aarch64-static
    said 'arm64 *with dot product' && said 'neon ' && said 'neon-only '
    [ "$how" = quick ] && return
    check_on cortex-a72 "$build/arm64/tests/check_kernels" qemu-aarch64-static -cpu cortex-a72
    said 'arm64 *without dot product' && said 'neon '
}

# CPU EXPECTED_EXIT WORDS...: the program under qemu. It would start itself anew to set what
# OpenMP reads, and the new process would be a native one.
program_on() {
    cpu=$1 expected=$2
    shift 2
    QUANTBENCH_RESTARTED=1 OPENBLAS_NUM_THREADS=1 qemu-x86_64-static -cpu "$cpu" \
        "$build/quantbench" "$@" >"$log" 2>&1
    status=$?
    [ "$status" -eq "$expected" ] && return
    sed 's/^/  /' "$log"
    complain "quantbench $* on $cpu: exit $status, not $expected"
}

# A matrix of 64 rows by 256 as .npy: digits and line ends, read as floats of both signs.
write_matrix() {
    printf '\223NUMPY\001\000\166\000'
    printf '%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (64, 256), }"
    seq 1 99999 | LC_ALL=C tr 0-4 '\260-\264' | head -c 65536
}

# CPU LEVEL: the program's best level there, and what it quantizes and packs
program_has_level() {
    was=$bad bad=0
    program_on "$1" 0 version
    grep -q "^$2 kernels" "$log" || complain "$1: quantbench version does not say '$2 kernels'"
    for scheme in bitnet158 "int --set bits=4 --set granularity=group --set group_size=32"; do
        # shellcheck disable=SC2086
        program_on "$1" 0 quantize "$folder/w.npy" --scheme $scheme -o "$folder/emulated.safetensors"
        # shellcheck disable=SC2086
        "$build/quantbench" quantize "$folder/w.npy" --scheme $scheme -o "$folder/native.safetensors" >/dev/null
        cmp "$folder/emulated.safetensors" "$folder/native.safetensors" ||
            complain "$1: quantize --scheme $scheme writes another file than on this CPU"
    done
    [ "$bad" -eq 0 ] && echo "  quantbench: $2 kernels, packed files as this CPU writes them"
    [ "$was" -eq 0 ] || bad=1
}

# CPU LEVEL: forcing it is an error that names it
program_lacks() {
    program_on "$1" 2 version --simd "$2"
    if ! grep -q "this CPU lacks the SIMD level '$2'" "$log"; then
        complain "$1: --simd $2 is not refused by name"
        return
    fi
    echo "  quantbench --simd $2: exit 2, $(sed -n 's/.*error: //p' "$log")"
}

check_x86() {
    need qemu-x86_64-static
    write_matrix >"$folder/w.npy"
    check_on Nehalem "$build/tests/check_kernels" qemu-x86_64-static -cpu Nehalem
    said sse4 && said 'avx2 *skipped' && said 'avx512 *skipped'
    program_has_level Nehalem sse4
    program_lacks Nehalem avx2
    program_lacks Nehalem avx512
    # qemu 7.2 reads what vmaskmovps masks: its reads outside of buffers prove nothing
    check_on max "$build/tests/check_kernels" env CHECK_KERNELS_FREE_READS=1 qemu-x86_64-static -cpu max
    said avx2
    program_has_level max avx2
}

folder=$(mktemp -d) || exit 7
trap 'rm -rf "$folder"' EXIT
log=$folder/log
unset QUANTBENCH_SIMD QUANTBENCH_PLUGIN_PATH
case $machine in
arm64) check_arm64 ;;
x86) check_x86 ;;
*) complain "arm64 or x86, not '$machine'" ;;
esac
exit "$bad"
