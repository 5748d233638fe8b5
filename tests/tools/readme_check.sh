#!/bin/sh
# Runs README.md: every `sh` block, line by line, in a fresh folder, and every command that a
# paragraph names before a block of output; each must succeed, and what it prints must have the
# shape of the README's text: the same lines in the same order, numbers aside (`...` stands for
# any lines). Trainings are made small. Needs a built program; argument: the build folder.
set -u
build=$(cd "$1" && pwd) root=$(pwd)
work=$(mktemp -d) || exit 7
trap 'rm -rf "$work"' EXIT
failed=0 ran=0 skipped=0

# ---- the folder that a reader would stand in ----

mkdir -p "$work/blocks" "$work/repo"
git ls-files -co --exclude-standard | tar cf - -T - | tar xf - -C "$work/repo"
cp -a "$build" "$work/repo/build"
export QUANTBENCH_PLUGIN_PATH= XDG_DATA_HOME="$work/data"
unset QUANTBENCH_DB

# ---- the README as numbered blocks: NN.sh, NN.text, NN.yaml, NN.c ----
# A block of output without an `sh` block right before it belongs to the last command that
# stands in `quotes` in the paragraph before: that becomes an sh block. Without such a command
# it is an example of something that did not happen here.
awk -v dir="$work/blocks" '
function name(kind) { return sprintf("%s/%02d.%s", dir, ++count, kind) }
/^```/ && !inside {
    inside = 1; kind = substr($0, 4); if (kind == "") kind = "text"
    if (kind == "text" && last != "sh" && command != "") print command > name("sh")
    else if (kind == "text" && last != "sh") kind = "example"
    file = name(kind); next
}
/^```/ { inside = 0; last = kind; command = ""; close(file); next }
inside { print > file; next }
{
    if ($0 ~ /[^ ]/) last = ""
    paragraph = $0 == "" ? "" : paragraph " " $0
    rest = paragraph
    while (match(rest, /`[^`]*`/)) {
        quoted = substr(rest, RSTART + 1, RLENGTH - 2); rest = substr(rest, RSTART + RLENGTH)
        if (quoted ~ /^(build\/quantbench|python3) |^make (demo|test)$/) command = quoted
    }
}' README.md

# ---- running and comparing ----

complain() {
    echo "README: $*"
    failed=$((failed + 1))
}

# What a line is when numbers, spaces and the names of kernels and processors are aside.
shape() { sed -E 's/^[^,]*, (.*) (scalar|sse4|avx2|avx512|neon) kernels/CPU, \1 kernels/
    s/[-+]?[0-9][0-9.,]*/N/g; s/[[:space:]]+/ /g; s/ $//'; }

# Can this machine run it? Says why not.
lacks() {
    case "$1" in
    python3*) python3 -c 'import torch' 2>/dev/null || echo "no torch for Python" ;;
    sqlite3*) command -v sqlite3 >/dev/null || echo "no sqlite3 program" ;;
    *mnist_* | *ptq_weights*) [ -d "${QUANTBENCH_DATA:-}/mnist" ] || echo "no MNIST in QUANTBENCH_DATA" ;;
    "make test"*) [ "$here" != "$work/repo" ] || echo "counted below" ;;
    esac
}

# The same command, but it trains less and measures for a second.
smaller() {
    case "$1" in
    *"run first.yaml"*) echo "$1 --set train.epochs=1 --set data.train.n=1000 --set data.test.n=200" ;;
    *"run experiments/"*) echo "$1 --set train.epochs=1 --set repeats=1" ;;
    *) printf '%s\n' "$1" | sed 's/--seconds [0-9]*/--seconds 1/' ;;
    esac
}

run_line() { # command; appends to $output
    why=$(lacks "$1")
    if [ -n "$why" ]; then
        echo "skipped  $1  ($why)"
        skipped=$((skipped + 1))
        return
    fi
    uid=$(ls "$work/repo/results/runs" 2>/dev/null | head -1)
    line=$(smaller "$1" | sed "s|/UID/|/$uid/|")
    case "$line" in "cd "*)
        here="$here/${line#cd }"
        return
        ;;
    esac
    if (cd "$here" && sh -c "$line") >"$work/out" 2>&1; then
        ran=$((ran + 1))
    else
        complain "\`$1\` ends with exit code $?:"
        sed 's/^/    /' "$work/out"
    fi
    cat "$work/out" >>"$output"
}

run_block() { # file
    output="$work/output" here="$work/repo"
    : >"$output"
    while IFS= read -r text; do
        command=$(printf '%s' "$text" | sed 's/ *#.*//')
        [ -n "$command" ] && run_line "$command"
    done <"$1"
}

compare_block() { # file: each of its lines, in their order, is in the output
    shape <"$output" >"$work/shapes"
    from=1
    while IFS= read -r text; do
        want=$(printf '%s\n' "$text" | shape)
        case "$want" in '' | ...) continue ;; esac
        at=$(tail -n +$from "$work/shapes" | grep -nFx -- "$want" | head -1 | cut -d: -f1)
        if [ -z "$at" ]; then
            complain "no command printed a line like: $text"
        else
            from=$((from + at))
        fi
    done <"$1"
}

for block in "$work"/blocks/*; do
    case "$block" in
    *.yaml) cp "$block" "$work/repo/first.yaml" ;;
    *.c) grep -q '^#include' "$block" && cp "$block" "$work/repo/hello.c" ;;
    *.sh)
        # the file of weights that the README speaks of
        weights=$(ls "$work"/repo/results/runs/*/weights.safetensors 2>/dev/null | head -1)
        [ -n "$weights" ] && cp "$weights" "$work/repo/"
        run_block "$block"
        ;;
    *.text)
        if grep -q '^[0-9]* passed, 0 failed$' "$block"; then
            # check-layers, check-format, the kernels on arm64, and what fuzzing kept
            said=$(sed 's/ .*//' "$block") have=$((3 + $(ls tests/fuzz/corpus | wc -l)))
            for folder in tests/*/test_*.c; do echo "${folder%/*}"; done | sort -u >"$work/folders"
            for folder in $(sed 's|tests/||' "$work/folders"); do
                have=$((have + $("$build/tests/test_$folder" --list 2>/dev/null | grep -c '[├└]── ')))
            done
            [ "$said" = "$have" ] || complain "it says $said tests; there are $have"
        elif [ -s "$output" ]; then
            compare_block "$block"
        fi
        ;;
    esac
done

echo "readme-check: $ran commands of README.md ran, $skipped skipped, $failed failed"
[ "$failed" -eq 0 ] && [ "$ran" -gt 20 ]
