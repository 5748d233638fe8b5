#!/bin/sh
# Who may include whom. The table is that of core/README.md: a folder of core and
# the folders that its files may include. Also: some headers of others may be
# included in one place only, and every header compiles alone.
set -u
cc=$1 flags=$2
bad=0

allow() {
    folder=$1
    shift
    for file in core/"$folder"/*.[ch]; do
        for included in $(sed -n 's/^#include "\([a-z_]*\)\/.*/\1/p' "$file" | sort -u); do
            case " $folder $* " in
            *" $included "*) ;;
            *)
                echo "$file includes $included/, which $folder/ may not"
                bad=1
                ;;
            esac
        done
    done
}

# header, the only files that may include it
only() {
    header=$1
    shift
    for file in $(grep -lE "^#include [<\"]$header[>\"]" core/*/*.[ch] plugins/*/*.c 2>/dev/null); do
        case " $* " in
        *" $file "* | *" $(dirname "$file")/ "*) ;;
        *)
            echo "$file includes $header, which only $* may"
            bad=1
            ;;
        esac
    done
}

allow util
allow simd util
allow host quantbench util simd
allow io util
allow store util
allow quant quantbench util simd host io
allow nn util simd quant
allow data util io
allow spec util host
allow plan util host spec quant nn data
allow run util simd host io store quant nn data spec plan
allow report util store
allow cli util host spec plan run report store

only omp.h core/util/parallel.c
only dlfcn.h core/host/
only sqlite3.h core/store/
only cblas.h core/nn/
only yaml.h core/spec/
only zlib.h core/io/
only zip.h core/io/
only jansson.h core/util/

for file in plugins/*/*.c; do
    if grep -qE '^#include "' "$file" || grep -E '^#include <' "$file" | grep -qvE '<(quantbench/plugin|math|string|stdint|stddef|stdbool|float|limits|stdlib)\.h>'; then
        echo "$file includes more than plugin.h and the C library"
        bad=1
    fi
done

for header in core/*/*.h; do
    # shellcheck disable=SC2086
    if ! echo "#include \"${header#core/}\"" | $cc $flags -x c -fsyntax-only - 2>/dev/null; then
        echo "$header does not compile alone"
        bad=1
    fi
done
for std in "-x c -std=c99" "-x c -std=c11" "-x c -std=c17" "-x c++ -std=c++17"; do
    # shellcheck disable=SC2086
    if ! echo '#include <quantbench/plugin.h>' | $cc $std -Wall -Wextra -Werror -Icore/include -fsyntax-only - 2>/dev/null; then
        echo "plugin.h does not compile with $std"
        bad=1
    fi
done

[ "$bad" -eq 0 ] && echo "check-layers: includes point downwards, every header compiles alone"
exit "$bad"
