#!/bin/bash
# Draws what ./dev sim --sweep measured: plot.sh build/sim/sweep.jsonl
# writes simulations/sweep-time.svg, sweep-messages.svg, sweep-memory.svg and the tables between the marks in
# simulations/RESULTS.md. Needs awk alone.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
input=${1:?the file sweep.jsonl of a sweep}

# One row a point: view nodes | steady: p50 p99 max runs messages cosigns bytes incomplete | gone: the same | memory, s | later: the same
rows() {
    awk '
    function field(text, name,   at, rest) {
        at = index(text, "\"" name "\": ")
        rest = substr(text, at + length(name) + 4)
        gsub(/^"/, "", rest)
        match(rest, /^[-a-z0-9.]+/)
        return substr(rest, 1, RLENGTH)
    }
    function phase(text, name,   at, rest) {
        at = index(text, "\"" name "\": {")
        rest = substr(text, at)
        rest = substr(rest, 1, index(rest, "}"))
        return field(rest, "p50_ms") " " field(rest, "p99_ms") " " field(rest, "max_ms") " " field(rest, "runs") " " \
               field(rest, "messages") " " field(rest, "cosigns") " " field(rest, "bytes") " " field(rest, "incomplete")
    }
    /"cpu_s"/ { print field($0, "view"), field($0, "nodes"), phase($0, "steady"), phase($0, "gone"), \
                 field($0, "node_bytes"), field($0, "cpu_s"), phase($0, "later") }' "$input" | sort -k1,1 -k2,2n
}

table() {
    local first=$1
    echo "| view | nodes | p50 | p99 | slowest | runs | messages | cosignatures | bytes | not everywhere |"
    echo "|---|---|---|---|---|---|---|---|---|---|"
    rows | awk -v f="$first" '{ printf "| %s | %d | %.0f ms | %.0f ms | %.0f ms | %.2f | %.2f | %.2f | %.0f | %d |\n", \
        $1, $2, $f, $(f+1), $(f+2), $(f+3), $(f+4), $(f+5), $(f+6), $(f+7) }'
}

memory_table() {
    echo "| view | nodes | memory per node | CPU time of the run |"
    echo "|---|---|---|---|"
    rows | awk '{ printf "| %s | %d | %.2f MB | %.0f s |\n", $1, $2, $19 / 1e6, $20 }'
}

# draw FILE TITLE UNIT AIM LINE...; a line is view:column:divisor:colour:dash:label. Nodes on a logarithmic scale.
draw() {
    local file=$1 title=$2 unit=$3 aim=$4
    shift 4
    rows | awk -v title="$title" -v unit="$unit" -v aim="$aim" -v lines="$*" '
    function x(n) { return 70 + 520 * (log(n) - log(5)) / (log(1200) - log(5)) }
    function y(v) { return 300 - 250 * v / top }
    { view[NR] = $1; for (i = 2; i <= NF; i++) cell[NR, i] = $i }
    END {
        count = split(lines, line, " ")
        top = aim * 1.1
        for (l = 1; l <= count; l++) {
            split(line[l], part, ":")
            for (r = 1; r <= NR; r++)
                if (view[r] == part[1] && cell[r, part[2]] / part[3] > top) top = 1.1 * cell[r, part[2]] / part[3]
        }
        print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 400\" font-family=\"sans-serif\" font-size=\"12\">"
        print "<rect width=\"640\" height=\"400\" fill=\"#fff\"/>"
        printf "<text x=\"70\" y=\"28\" font-size=\"15\">%s</text>\n", title
        for (i = 0; i <= 5; i++) {
            v = top * i / 5
            printf "<line x1=\"70\" x2=\"590\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>", y(v), y(v)
            printf "<text x=\"64\" y=\"%.1f\" text-anchor=\"end\">%.*f</text>\n", y(v) + 4, top < 10 ? 1 : 0, v
        }
        printf "<text x=\"70\" y=\"44\" fill=\"#555\">%s</text>\n", unit
        split("7 30 100 300 1000", ticks, " ")
        for (i = 1; i <= 5; i++)
            printf "<text x=\"%.1f\" y=\"318\" text-anchor=\"middle\">%d</text>\n", x(ticks[i]), ticks[i]
        print "<text x=\"330\" y=\"336\" text-anchor=\"middle\">nodes</text>"
        if (aim > 0) {
            printf "<line x1=\"70\" x2=\"590\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#c00\" stroke-dasharray=\"2 3\"/>", y(aim), y(aim)
            printf "<text x=\"590\" y=\"%.1f\" text-anchor=\"end\" fill=\"#c00\">aim</text>\n", y(aim) - 4
        }
        for (l = 1; l <= count; l++) {
            split(line[l], part, ":")
            gsub(/_/, " ", part[6])
            path = ""
            for (r = 1; r <= NR; r++) {
                if (view[r] != part[1]) continue
                px = x(cell[r, 2]); py = y(cell[r, part[2]] / part[3])
                path = path sprintf("%s%.1f %.1f", path == "" ? "M" : " L", px, py)
                printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>", px, py, part[4]
            }
            printf "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" stroke-dasharray=\"%s\"/>\n", path, part[4], part[5]
            lx = 70 + 260 * ((l - 1) % 2); ly = 358 + 18 * int((l - 1) / 2)
            printf "<line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\" stroke=\"%s\" stroke-width=\"1.5\" stroke-dasharray=\"%s\"/>", lx, lx + 24, ly, ly, part[4], part[5]
            printf "<text x=\"%d\" y=\"%d\">%s</text>\n", lx + 30, ly + 4, part[6]
        }
        print "</svg>"
    }' >"$here/$file"
}

draw sweep-time.svg "One record to every node, 99 of 100 records" "seconds" 2 \
    partial:4:1000:#1060c0:0:partial_view mesh:4:1000:#108040:0:full_mesh \
    partial:12:1000:#1060c0:5,3:partial_view,_a_fifth_gone mesh:12:1000:#108040:5,3:full_mesh,_a_fifth_gone
draw sweep-messages.svg "Messages that spread records" "per record and node" 1.6 \
    partial:7:1:#1060c0:0:partial_view mesh:7:1:#108040:0:full_mesh \
    partial:15:1:#1060c0:5,3:partial_view,_a_fifth_gone mesh:15:1:#108040:5,3:full_mesh,_a_fifth_gone
draw sweep-memory.svg "Memory of a node" "MB, its disk included" 0 \
    partial:19:1000000:#1060c0:0:partial_view mesh:19:1000000:#108040:0:full_mesh

{
    echo "Steady, per record and node:"
    echo
    table 3
    echo
    echo "From the moment at which a fifth of the nodes is gone, per record and node that is left:"
    echo
    table 11
    echo
    echo "Afterwards, when everybody who is left wrote once more, per record and node that is left:"
    echo
    table 21
    echo
    memory_table
} >"$here/RESULTS.tables"
awk -v tables="$here/RESULTS.tables" '
    /<!-- sweep -->/ { print; while ((getline line < tables) > 0) print line; skip = 1; next }
    /<!-- \/sweep -->/ { skip = 0 }
    !skip' "$here/RESULTS.md" >"$here/RESULTS.new"
mv "$here/RESULTS.new" "$here/RESULTS.md"
rm "$here/RESULTS.tables"
