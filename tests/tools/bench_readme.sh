#!/bin/sh
# make bench: measures, and writes the tables between the marks of core/simd/README.md.
# usage: bench_readme.sh PROGRAM README
set -eu
program=$1 readme=$2
dir=$(mktemp -d "${TMPDIR:-/tmp}/bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT

# kernels: a line for each kernel and place, its levels beside each other
kernels() {
    "$program" bench kernels --json > "$dir/kernels"
    awk '
    function field(name,    v) {
        if (!match($0, "\"" name "\":(\"[^\"]*\"|[^,}]*)")) return ""
        v = substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
        gsub(/"/, "", v)
        return v
    }
    function number(v, form) { return v == "null" || v == "" ? "-" : sprintf(form, v) }
    {
        op = field("op"); place = field("place"); isa = field("isa"); key = op SUBSEP place
        if (!(key in seen)) order[++n] = key
        seen[key] = 1
        if (!(isa in is_level)) level[++levels] = isa
        is_level[isa] = 1
        rate[key, isa] = field("median"); ratio[key, isa] = field("ratio_scalar")
        share[key] = field("share_of_ceiling"); ceiling[key] = field("ceiling")
        why = field("why")
        if (why != "" && why != "null") whys[++n_whys] = "- " op " in " place ", " sprintf("%.0f %%", 100 * share[key]) ": " why
    }
    END {
        printf "| kernel | in | scalar GB/s |"
        for (i = 2; i <= levels; i++) printf " %s |", level[i]
        printf " ceiling GB/s | of it |\n|---|---|---:|"
        for (i = 2; i <= levels; i++) printf "---:|"
        print "---:|---:|"
        for (i = 1; i <= n; i++) {
            split(order[i], part, SUBSEP)
            mean = part[1] == "geometric mean"
            printf "| %s | %s | %s |", part[1], part[2], mean ? "" : number(rate[order[i], "scalar"], "%.2f")
            for (k = 2; k <= levels; k++) printf " %s |", number(ratio[order[i], level[k]], "%.2f")
            if (mean) print " | |"
            else printf " %s | %s |\n", number(ceiling[order[i]], "%.1f"), share[order[i]] == "null" ? "-" : sprintf("%.0f %%", 100 * share[order[i]])
        }
        if (n_whys > 0) print "\nUnder 40 % of the ceiling, and why:\n"
        for (i = 1; i <= n_whys; i++) print whys[i]
    }' "$dir/kernels"
}

{
    for part in ceilings schemes packers linear; do
        echo
        "$program" bench $part --format markdown
    done
    echo
    echo "kernels: the levels as multiples of scalar, which the compiler vectorizes"
    echo
    kernels
    echo
} > "$dir/block"

awk -v block="$dir/block" '
/^<!-- bench:/ { print; while ((getline line < block) > 0) print line; skip = 1 }
/^<!-- end of bench -->/ { skip = 0 }
!skip
' "$readme" > "$dir/readme"
grep -q '^<!-- end of bench -->' "$dir/readme"
cat "$dir/readme" > "$readme"
echo "$readme"
