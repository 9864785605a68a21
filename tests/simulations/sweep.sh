#!/usr/bin/env bash
#
# A sweep's smallest points, and the tables and plots of them: a record reaches everybody, in time and with few messages, also
# when a fifth is gone; what stands in the file is not run again; the same seed measures the same. And what RESULTS.md and the
# plots say is what plot.sh makes of the sweep.jsonl beside them.
#
#     sweep.sh SIM SIMULATIONS    the program, and the folder of plot.sh

set -euo pipefail
export LC_ALL=C
sim=$1 folder=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "$1" >&2
    exit 1
}

# plot DIR FILE: plot.sh writes beside itself
plot() {
    mkdir -p "$1"
    cp "$folder/plot.sh" "$folder/RESULTS.md" "$1/"
    bash "$1/plot.sh" "$2"
}

for dir in first second; do
    "$sim" --sweep --nodes 7 --out "$work/$dir" 2>"$work/$dir.err" || fail "a sweep ends with $?: $(cat "$work/$dir.err")"
done
points=$work/first/sweep.jsonl
jq -e -s 'length == 2 and (map(.view) | sort) == ["mesh", "partial"] and all(.[];
    .nodes == 7 and .node_bytes > 0 and .steady.nodes == 7 and .gone.nodes == 6 and .later.nodes == 6
    and all(.steady, .gone, .later;
        .records == 200 and .incomplete == 0 and .messages < 1.6
        and .p50_ms >= 20 and .p50_ms <= .p99_ms and .p99_ms <= .max_ms and .p99_ms < 2000))' "$points" >/dev/null ||
    fail "not what seven nodes take: $(cat "$points")"
# Of what is measured the machine has a part in the time and the memory alone.
cmp <(jq -c 'del(.cpu_s, .node_bytes)' "$points" | sort) <(jq -c 'del(.cpu_s, .node_bytes)' "$work/second/sweep.jsonl" | sort) ||
    fail "one seed measured two things"

cp "$points" "$work/before"
"$sim" --sweep --nodes 7 --out "$work/first" 2>/dev/null || fail "a sweep of what is there ends with $?"
cmp "$work/before" "$points" || fail "points that were there ran again"

plot "$work/plots" "$points"
for phase in steady gone later; do
    while read -r view p50 p99; do
        row=$(printf '| %s | 7 | %.0f ms | %.0f ms |' "$view" "$p50" "$p99")
        grep -qF "$row" "$work/plots/RESULTS.md" || fail "no row of $phase says: $row"
    done < <(jq -r --arg phase "$phase" '"\(.view) \(.[$phase].p50_ms) \(.[$phase].p99_ms)"' "$points")
done
(($(grep -c '^| mesh \|^| partial ' "$work/plots/RESULTS.md") == 8)) || fail "rows of other points stayed"
for name in time messages memory; do
    [[ $(tail -n 1 "$work/plots/sweep-$name.svg") == "</svg>" ]] || fail "sweep-$name.svg is no whole plot"
    (($(grep -o '<circle' "$work/plots/sweep-$name.svg" | wc -l) >= 2)) || fail "sweep-$name.svg lacks a point"
done

plot "$work/shipped" "$folder/sweep.jsonl"
for file in RESULTS.md sweep-time.svg sweep-messages.svg sweep-memory.svg; do
    cmp "$work/shipped/$file" "$folder/$file" || fail "$file is not what plot.sh makes of sweep.jsonl"
done
echo "two points measured twice alike, and drawn"
