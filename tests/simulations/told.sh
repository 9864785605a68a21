#!/usr/bin/env bash
#
# Many seeds stop at the first violation and tell it: the lowest seed on stdout, whatever ended first; on stderr the story of
# its last events, its numbers, the invariant, and how to go on. That seed alone says the same. A planted mistake makes one.
#
#     told.sh SIM_PLANTED

set -euo pipefail
sim=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mistake=(--plant sync-ignored --short --faults "crash,disk")

fail() {
    echo "$1" >&2
    exit 1
}

# many JOBS: its stdout and stderr in files of that name; it must end with 1
many() {
    local status=0
    "$sim" "${mistake[@]}" --seeds 40 --jobs "$1" >"$work/$1.out" 2>"$work/$1.err" || status=$?
    ((status == 1)) || fail "ended with $status where an invariant is violated"
}

many 1
many 2
cmp "$work/1.out" "$work/2.out"
[[ $(<"$work/1.out") =~ ^seed\ ([0-9]+)\ failed,\ ([0-9]+)\ before\ it\ held ]] || fail "tells no seed: $(<"$work/1.out")"
seed=${BASH_REMATCH[1]}
((seed == BASH_REMATCH[2] + 1 && seed < 40)) || fail "does not stop at the lowest seed"
grep -q "^VIOLATED reproducible: " "$work/1.err" || fail "tells no invariant"
grep -q "^\[[0-9:.]*\] watcher: reproducible: " "$work/1.err" || fail "its story does not end with what the watcher found"
(($(grep -c '^\[' "$work/1.err") > 300)) || fail "tells no story of the last events"
grep -q -- "--seed $((seed + 1)) --seeds $((40 - seed))" "$work/1.err" || fail "does not say how to go on"

status=0
"$sim" "${mistake[@]}" --seed "$seed" >"$work/alone" 2>/dev/null || status=$?
((status == 1)) || fail "the seed alone ends with $status"
cmp <(grep ^VIOLATED "$work/alone") <(grep ^VIOLATED "$work/1.err")
if "$sim" --plant no-such-mistake --short --seed 1 2>/dev/null; then
    fail "takes a mistake that it does not know"
fi
echo "seed $seed is told, alone and among many"
