#!/bin/sh
# Who may include whom. The table is that of core/README.md: a folder of core and
# the folders that its files may include. Also: some headers of others may be
# included in one place only, and every header compiles alone.
set -u
cc=$1 flags=$2
bad=0

complain() {
    echo "$*"
    bad=1
}

# `FILE <PATH` or `FILE "PATH` for each include, however it is spaced
includes() {
    grep -HE '^[[:space:]]*#[[:space:]]*include' "$@" |
        sed -nE 's/^([^:]*):[[:space:]]*#[[:space:]]*include[[:space:]]*([<"][^">]*)[">].*/\1 \2/p'
}

ruled=
# folder, the folders that it may include
allow() {
    ruled="$ruled $1"
    eval "allowed_$1=\"$*\""
}

onlys=
# header, the only file or folder/ that may include it
only() { onlys="$onlys $1=$2"; }

# Does $file, in $folder, include the project's header $path as it may?
check_project_header() {
    case "/$path" in
    */../* | */./*)
        complain "$file includes $path: say it by its folder"
        return
        ;;
    esac
    eval "allowed=\${allowed_$folder-}"
    case " $allowed " in
    *" ${path%%/*} "*) ;;
    *) complain "$file includes $path, which $folder/ may not" ;;
    esac
}

check_include() {
    folder=${file#core/} && folder=${folder%%/*}
    path=${included#?} mark=${included%"${included#?}"}
    for rule in $onlys; do
        header=${rule%%=*} where=${rule#*=}
        case "$mark$path" in
        ?"$header" | "<"*/"$header")
            case "$file" in
            "$where" | "${where%/}"/*) ;;
            *) complain "$file includes $header, which only $where may" ;;
            esac
            ;;
        esac
    done
    case "$file $mark$path" in
    'core/run/environment.c "commit.h') ;; # made by the Makefile
    *' '?*/*)
        # <sys/stat.h> is none of ours
        if [ "$mark" = '"' ] || [ -d "core/${path%%/*}" ] || [ "${path%%/*}" = quantbench ]; then
            check_project_header
        fi
        ;;
    *' "'*) complain "$file includes $path: say it by its folder" ;;
    esac
}

# `FILE <PATH` lines on stdin; the headers that the files may include
nothing_but() {
    while read -r file included; do
        case " $* " in
        *" $included> "*) ;;
        *) echo "$file includes ${included#?}: more than plugin.h and the C library" ;;
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
allow conformance quantbench util simd host quant
allow spec util host
allow plan util host spec quant nn data
allow run util simd host io store quant nn data spec plan
allow report util store
allow cli util host conformance spec plan run report store

only omp.h core/util/parallel.c
only dlfcn.h core/host/
only sqlite3.h core/store/
only cblas.h core/nn/
only yaml.h core/spec/
only zlib.h core/io/
only zip.h core/io/
only isa-l.h core/io/erasure.c
only crc.h core/io/erasure.c
only erasure_code.h core/io/erasure.c
only jansson.h core/util/json.h

while read -r file included; do
    check_include
done <<EOF
$(includes core/*/*.[ch])
EOF

for folder in core/*/; do
    folder=$(basename "$folder")
    case " include $ruled " in
    *" $folder "*) ;;
    *) complain "core/$folder has no rule in tests/tools/check_layers.sh" ;;
    esac
done

more=$(
    includes core/include/quantbench/*.h |
        nothing_but "<math.h>" "<stdbool.h>" "<stddef.h>" "<stdint.h>"
    includes plugins/*/*.c | nothing_but "<quantbench/plugin.h>" "<math.h>" "<string.h>" \
        "<stdint.h>" "<stddef.h>" "<stdbool.h>" "<float.h>" "<limits.h>" "<stdlib.h>"
)
[ -z "$more" ] || complain "$more"

for header in core/*/*.h; do
    if ! echo "#include \"${header#core/}\"" | eval "$cc $flags -x c -fsyntax-only -" 2>/dev/null; then
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
