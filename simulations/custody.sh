#!/usr/bin/env bash
#
# Checks the rules of custody: simulations/custody.pml with Spin. CUSTODY.md says what is modelled and what was measured.
#
#     custody.sh                   the small instances hold, and each known mistake is found and told in words
#     custody.sh --nightly         besides, the large instances
#     custody.sh --mistake NUMBER  one mistake, with all of its story
#     custody.sh --instance NAME   one instance, small or large
#
# One line per search as it ends; while a large one runs, Spin's own lines about depth and states. Every search has one
# core, the lowest priority and at most 4 GB. CUSTODY_KEEP=DIR keeps Spin's files there.
#
# Exit: 0 as expected, 1 something was not, 2 usage, 77 spin or gcc is missing.

set -uo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")") || exit 1

# name | switches | steps that have to have happened, or the search is empty
small='
pass          |-DPASS -DSLOW -DOFFERS=2          |release offer accept refuse release-after-accept release-after-refuse
restore-giver |-DRESTORE=0 -DOFFERS=1            |fetched-back new-generation look-held look-gone recount release-after-restore release-after-accept release-after-refuse
restore-taker |-DRESTORE=1 -DOFFERS=1            |fetched-back new-generation look-held look-gone recount release-after-restore release-after-accept release-after-refuse
reassign      |-DREASSIGN -DOFFERS=1             |wait restart look-held look-gone recount release-after-reassign release-after-accept release-after-refuse
cut           |-DCUT -DOFFERS=1                  |look-held look-gone recount release-after-cut release-after-accept release-after-refuse
opens         |-DOPENS                           |withdraw wait restart recount release-after-withdraw release-after-settle release-on-second-visit
bribed-giver  |-DBRIBED=0 -DOFFERS=1             |offer accept refuse release-after-accept
bribed-taker  |-DBRIBED=1 -DOFFERS=1             |offer accept refuse release-after-accept release-after-refuse
'
large='
pass-3             |-DPASS -DSLOW -DOFFERS=3        |release offer accept refuse release-after-accept release-after-refuse
restore-giver-2    |-DRESTORE=0 -DOFFERS=2          |offer-by-new-generation release-after-restore
restore-taker-2    |-DRESTORE=1 -DOFFERS=2          |offer-by-new-generation release-after-restore
restore-giver-slow |-DRESTORE=0 -DOFFERS=1 -DSLOW   |new-generation release-after-restore release-after-accept release-after-refuse
restore-taker-slow |-DRESTORE=1 -DOFFERS=1 -DSLOW   |new-generation release-after-restore release-after-accept release-after-refuse
cut-onward         |-DCUT -DOFFERS=2                |release-after-cut release-after-accept release-after-refuse
reassign-chain     |-DREASSIGN -DOFFERS=0 -DENTRIES=2 -DSECOND=2 -DLEASE=1 -DCRASHES=0 |wait recount look-gone release-after-reassign
bribed-giver-3     |-DBRIBED=0 -DOFFERS=3           |offer accept refuse release-after-accept
bribed-taker-2     |-DBRIBED=1 -DOFFERS=2           |offer accept refuse release-after-accept release-after-refuse
'
# number | instance | what is done wrong
# shellcheck disable=SC2016 # `seen` is a word here
mistakes='
1  |pass         |a time-out takes an offered token back
2  |pass         |a holder releases while the token is OFFERED
3  |reassign     |quorum of 2 of 4, at a reassign
3  |bribed-giver |quorum of 2 of 4, a bribed port offering twice
3  |bribed-taker |quorum of 2 of 4, a bribed port refusing and accepting
4  |restore-taker|the old holder resumes on a refuse without quorum
4  |bribed-taker |a refuse without quorum, from a bribed port
5  |restore-giver|an offer without quorum is accepted
5  |bribed-giver |an offer without quorum, from a bribed port
6  |restore-taker|the new holder acts before its accept is quorum-cosigned
7  |restore-giver|no copy rule: a restored node goes on as if restarted
8  |restore-giver|the answer leaves before the copy is synced
9  |restore-giver|no recount after a restore
9  |reassign     |no recount after a reassign
10 |reassign     |the yard is looked at before the wait is over
11 |reassign     |no wait for the old lease
11 |opens        |no wait after a settling of opens
12 |reassign     |reassign with an offer in flight, without sealing
13 |reassign     |a reassign takes effect although the token was offered
14 |reassign     |the lease counts from the answers
15 |reassign     |a holder that knows the reassign goes on until it knows the `seen`
16 |reassign     |an old holder takes one quorum for word that a reassign is void
17 |reassign     |a restored witness goes on
18 |cut          |a cut point undoes an accepted offer
19 |cut          |a cut point below an unanswered offer gives the token back
20 |cut          |a cut point undoes a release
21 |opens        |a second open judged by what is known now
22 |opens        |concurrent opens do not freeze each other
23 |reassign     |a restart ends the wait
24 |cut-onward   |a cut point below an accept lets the port answer again
25 |restore-giver|an offer without quorum is refused: its epoch comes back
'

nightly='' only_mistake='' only_instance=''
while (($# > 0)); do
    case $1 in
    --nightly) nightly=yes ;;
    --mistake)
        only_mistake=${2:-}
        [[ $only_mistake =~ ^[1-9][0-9]*$ ]] || { echo "custody.sh: --mistake needs a number" >&2; exit 2; }
        shift
        ;;
    --instance)
        only_instance=${2:-}
        [[ $only_instance ]] || { echo "custody.sh: --instance needs a name" >&2; exit 2; }
        shift
        ;;
    *)
        sed -n '3,9s/^# \{0,5\}//p' "${BASH_SOURCE[0]}" >&2
        exit 2
        ;;
    esac
    shift
done
for tool in spin gcc; do
    if ! command -v "$tool" >/dev/null; then
        echo "custody.sh: $tool is not installed (./dev deps test)" >&2
        exit 77
    fi
done

child=''
if [[ ${CUSTODY_KEEP:-} ]]; then
    mkdir -p "$CUSTODY_KEEP" && work=$(readlink -f "$CUSTODY_KEEP") || exit 1
else
    work=$(mktemp -d) || exit 1
fi
clean_up() {
    if [[ $child ]]; then
        kill "$child" 2>/dev/null
    fi
    if [[ ! ${CUSTODY_KEEP:-} ]]; then
        rm -rf "$work"
    fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

failed=0
wrong() {
    failed=$((failed + 1))
    echo "NOT AS EXPECTED: $*"
}

# trim TEXT
trim() { sed 's/^ *//; s/ *$//' <<<"$1"; }

# build NAME SWITCHES: the verifier of an instance, once
build() {
    local dir=$work/$1
    if [[ -x $dir/pan ]]; then
        return
    fi
    mkdir -p "$dir" && cp "$here/custody.pml" "$dir/" || return 1
    # shellcheck disable=SC2086 # the switches are to be split
    (cd "$dir" && spin $2 -a custody.pml >spin.log 2>&1 &&
        nice -n 10 gcc -w -O1 -DSAFETY -DBFS -DNOREDUCE -DVECTORSZ=512 -o pan pan.c >gcc.log 2>&1)
    if [[ ! -x $dir/pan ]]; then
        cat "$dir/spin.log" "$dir/gcc.log" 2>/dev/null | head -n 20
        return 1
    fi
}

# search NAME MISTAKE: breadth first, so that the first story found is a shortest one; its output to NAME/out
search() {
    local dir=$work/$1 seconds=0
    rm -f "$dir/custody.pml.trail"
    (cd "$dir" && ulimit -v 4000000 && WRONG=$2 exec nice -n 10 ./pan -m1000000 -w20 >out 2>&1) &
    child=$!
    while [[ $nightly ]] && kill -0 "$child" 2>/dev/null; do
        sleep 1
        if ((++seconds % 30 == 0)); then
            grep '^Depth' "$dir/out" | tail -n 1 | sed "s/^/    $1: /"
        fi
    done
    wait "$child"
    child=''
}

# figure NAME PATTERN: a number of the last search
figure() { sed -n "s/^\(\|.*[^0-9]\)$2.*/\2/p" "$work/$1/out" | head -n 1; }

# holds NAME SWITCHES STEPS: a complete search finds no violation, and every step was taken
holds() {
    local name=$1 start=$SECONDS step
    build "$1" "$2" || { wrong "$name does not build"; return; }
    search "$name" 0
    if ! grep -q 'errors: 0' "$work/$name/out" || grep -q 'Search not completed\|out of memory\|max search depth' "$work/$name/out"; then
        wrong "$name: $(grep -m 1 'violated\|out of memory\|max search depth' "$work/$name/out" || echo 'the search did not end')"
        story "$name" 0 60
        return
    fi
    for step in $3; do
        grep -qx "reached: $step" "$work/$name/out" || wrong "$name never got to $step"
    done
    printf 'holds  %-14s %9d states, depth %3d, %d s\n' "$name" "$(figure "$name" '\([0-9]\+\) states, stored')" \
        "$(figure "$name" 'depth reached \([0-9]\+\)')" $((SECONDS - start))
}

# story NAME MISTAKE LINES: the last lines of the way to the violation, in words
story() {
    local dir=$work/$1
    if [[ -s $dir/custody.pml.trail ]]; then
        (cd "$dir" && WRONG=$2 ./pan -S custody.pml.trail 2>/dev/null) |
            sed '/^spin: trail ends/,$d; /^reached: /d; /^pan:/d; /^time: /d; s/port0/antwerp/g; s/port1/liege/g; s/port2/ghent/g' |
            tail -n "$3" | sed 's/^/           /'
    fi
}

# found NAME SWITCHES MISTAKE SENTENCE LINES: the search ends in a second release; for 25, in a holder at a lower epoch
found() {
    build "$1" "$2" || { wrong "$1 does not build"; return; }
    search "$1" "$3"
    if ! grep -q 'assertion violated' "$work/$1/out" || { [[ $3 != 25 ]] && ! story "$1" "$3" 1 | grep -q RELEASES; }; then
        wrong "nobody noticed: $4 ($1)"
        return
    fi
    printf 'found  %2d %s (%s, %d states)\n' "$3" "$4" "$1" "$(figure "$1" '\([0-9]\+\) states, stored')"
    story "$1" "$3" "$5"
}

# instances TABLE
instances() {
    local name switches steps
    while IFS='|' read -r name switches steps; do
        name=$(trim "$name")
        if [[ $name && (! $only_instance || $only_instance == "$name") ]]; then
            ran=$((ran + 1))
            holds "$name" "$(trim "$switches")" "$steps"
        fi
    done <<<"$1"
}

ran=0
if [[ ! $only_mistake ]]; then
    instances "$small"
fi
if [[ $nightly || $only_instance ]]; then
    instances "$large"
fi
if [[ ! $only_instance ]]; then
    while IFS='|' read -r number name sentence; do
        number=$(trim "$number")
        if [[ $number && (! $only_mistake || $only_mistake == "$number") ]]; then
            ran=$((ran + 1))
            name=$(trim "$name")
            found "$name" "$(trim "$(awk -F'|' -v name="$name" '{ gsub(/ /, "", $1) } $1 == name { print $2 }' <<<"$small$large")")" \
                "$number" "$sentence" $((${#only_mistake} > 0 ? 100 : 6))
        fi
    done <<<"$mistakes"
fi
if ((ran == 0)); then
    echo "custody.sh: there is no such mistake or instance" >&2
    exit 2
fi
echo "$ran searches, $failed not as expected, $SECONDS s"
((failed == 0))
