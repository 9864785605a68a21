# What the process tests share: a federation in a directory of its own, commands whose exit code is part of the
# claim, and the promise that nothing is left running.
#
#     . "$(dirname "$0")/lib.sh" || exit 3
#     begin 17100 60 beanr,bezee,begne        # first tcp port to try, seconds at most, members; makes $SB, $BASE
#     claim "a listed ship is refused"        # ends the claim before it; a test is a list of claims
#     must 1 node begne gate check ...        # exit code 1, else the test ends; leaves $out, $err and $took_ms
#     holds '.answer == "refuse"'             # jq on what the last command printed
#     get .decision asked                     # the value, in $it and here in $asked
#     eventually 10 same_everywhere           # polls until it is so, or the test ends
#
# Nothing sleeps but a poll, and a state is waited for, never taken for granted because a command before it has ended:
# `up` leaves nodes that serve, `connected` ones that have sessions, `deciding` ones whose gates let in whom they may.
# Seconds are those of a quiet machine: each bound is P2P_PATIENCE (5) times as long, so that a busy one fails nothing.
# Output: one line per claim with its time; at a failure the command, what it printed and the ends of the nodes' logs.
# P2P_BIN is the port2port under test; P2P_KEEP=1 keeps the directory.

set -uo pipefail
: "${P2P_BIN:?is the port2port to test}"
export LC_ALL=C NO_COLOR=1
unset PORT2PORT_DIR PORT2PORT_PASSPHRASE_FILE

TEST=${0##*/}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/p2p-XXXXXX") # short: a socket's path has 108 bytes
SB=$WORK/sb
out=$WORK/out err=$WORK/err
it='' took_ms=0 ran=''
claimed='' claimed_at=0 claims=0
PATIENCE=${P2P_PATIENCE:-5}
declare -a CLEANUPS=()

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

# --- the end ----------------------------------------------------------------------------------------------------

# pid_of MEMBER: the process that serves there, or nothing
pid_of() {
    local pid
    pid=$(cat "$SB/$1/node.pid" 2>/dev/null) && [[ $pid =~ ^[0-9]+$ ]] &&
        tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$SB/" && echo "$pid"
}

kill_nodes() {
    local pid file
    for file in "$SB"/*/node.pid; do
        if [[ -f $file ]]; then
            file=${file%/node.pid}
            if pid=$(pid_of "${file##*/}"); then
                kill -KILL "$pid"
            fi
        fi
    done
}

clean_up() {
    local each
    trap - EXIT TERM INT
    exec 2>/dev/null # bash tells of each process that was killed
    kill_nodes # first: a pid file may lie in what is unmounted
    for each in "${CLEANUPS[@]}"; do
        eval "$each"
    done
    # shellcheck disable=SC2046 # a list of numbers
    kill -KILL $(jobs -p)
    wait
    if [[ ${P2P_KEEP:-} ]]; then
        echo "kept: $WORK"
    else
        rm -rf "$WORK"
    fi
}

fail() {
    local log
    echo "NOT SO: $claimed"
    echo "    $*"
    if [[ $ran ]]; then
        echo "    last command: $ran"
        head -c 2000 "$out" 2>/dev/null | sed 's/^/    out: /'
        head -c 2000 "$err" 2>/dev/null | sed 's/^/    err: /'
    fi
    for log in "$SB"/*/node.log; do
        if [[ -s $log ]]; then
            echo "    ${log#"$SB/"} ends:"
            { grep -E '"level":"(warn|error)"' "$log" | tail -n 4; tail -n 2 "$log"; } | cut -c 1-400 | sed 's/^/        /'
        fi
    done
    exit 1
}

skip() {
    echo "SKIPPED: $*"
    exit 77
}

# need TOOL...: without one of these the test is skipped
need() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip "there is no $tool here"
    done
}

# at_end COMMAND: run when the test ends, however it ends
at_end() { CLEANUPS=("$1" "${CLEANUPS[@]}"); }

trap clean_up EXIT
trap 'fail "the test was stopped, or took longer than it may"' TERM INT

# --- claims -----------------------------------------------------------------------------------------------------

end_claim() {
    if [[ $claimed ]]; then
        printf 'ok  %6d ms  %s\n' $(($(now_ms) - claimed_at)) "$claimed"
        claims=$((claims + 1))
    fi
    claimed=''
}

claim() {
    end_claim
    claimed=$1
    claimed_at=$(now_ms)
}

finish() {
    end_claim
    echo "$TEST: $claims claims hold"
}

# --- commands ---------------------------------------------------------------------------------------------------

p2p() { "$P2P_BIN" "$@"; }
# node MEMBER WORD...: a command in that member's directory
node() { "$P2P_BIN" -C "$SB/$1" "${@:2}"; }

# must CODE COMMAND...: runs it; any other exit code ends the test
must() {
    local want=$1 code start
    shift
    ran="$*"
    start=$(now_ms)
    "$@" >"$out" 2>"$err" </dev/null
    code=$?
    took_ms=$(($(now_ms) - start))
    if ((code != want)); then
        fail "exit $code instead of $want"
    fi
}

# says PATTERN: a line of stderr matches (grep -E); tells PATTERN: of stdout
says() { grep -qE -- "$1" "$err" || fail "stderr does not say: $1"; }
tells() { grep -qE -- "$1" "$out" || fail "stdout does not tell: $1"; }
silent() { [[ ! -s $out ]] || fail "stdout should be empty"; }

# holds FILTER [JQ OPTION...]: jq's answer about stdout is true
holds() {
    jq -e "${@:2}" "$1" <"$out" >/dev/null 2>"$WORK/jq" || fail "does not hold: $1 $(head -c 300 "$WORK/jq")"
}

# get FILTER [NAME]: the value, in $it and in the variable of that name
get() {
    it=$(jq -er "$1" <"$out" 2>"$WORK/jq") || fail "there is no $1 $(head -c 300 "$WORK/jq")"
    printf -v "${2:-it}" %s "$it"
}

# keys FILTER NAME...: the object has these keys at least; added fields are allowed, missing or renamed ones are not
keys() {
    local names
    names=$(printf '%s\n' "${@:2}" | jq -R . | jq -s .)
    jq -e --argjson names "$names" "$1 | (\$names - keys) == []" <"$out" >/dev/null 2>"$WORK/jq" ||
        fail "keys missing in $1: $(jq -c --argjson names "$names" "$1 | (\$names - keys)" <"$out" 2>&1)"
}

# same A B WHAT
same() { [[ $1 == "$2" ]] || fail "$3: $1 is not $2"; }

# eventually SECONDS COMMAND...: polls until it succeeds
eventually() {
    local until=$((SECONDS + $1 * PATIENCE))
    shift
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= until)); then
            fail "not in time: $*"
        fi
        sleep 0.05
    done
}

# --- a federation -----------------------------------------------------------------------------------------------

# ROOTS: the options that let a root command pass: as many roots as it takes
ROOTS=(--root-key "$SB/roots/root-1.key" --root-key "$SB/roots/root-2.key")

# begin BASE SECONDS [MEMBERS]: a sandbox in $SB, its members in $MEMBERS. Where the same test runs already, in
# another clone say, this one takes the ports 1,000 above.
begin() {
    local limit=$(($2 * PATIENCE)) lock
    for ((BASE = $1; BASE < 32000; BASE += 1000)); do
        exec {lock}>"/tmp/p2p-ports-$BASE"
        if flock -n "$lock"; then
            break
        fi
        exec {lock}>&-
    done
    (
        trap 'kill $nap 2>/dev/null; exit' TERM
        sleep "$limit" &
        nap=$!
        wait $nap
        kill -TERM $$
    ) &
    at_end "kill -TERM $!; wait $!" # it has to end its sleep before it is killed with the rest
    claim "a sandbox of ${3:-the default members} is made"
    must 0 p2p federation sandbox "$SB" --tcp-port "$BASE" ${3:+--members "$3"}
    MEMBERS=$(cd "$SB" && ls -d -- */config.yaml | cut -d/ -f1)
}

up() { must 0 p2p federation up "$SB" "$@" --detach; }
down() { must 0 p2p federation down "$SB" "$@"; }

# connected MEMBER...: each has a session with every member it has not paused
connected() {
    local each
    for each in "$@"; do
        must 0 node "$each" wait connected --timeout $((30 * PATIENCE))
    done
}

# deciding MEMBER...: each has reached what its witnesses hold (the start-up rule): until then a gate refers whom it
# would allow
deciding() {
    local each
    for each in "$@"; do
        eventually 30 complete "$each"
    done
}
complete() { status_is "$1" .complete; }
# status_is MEMBER FILTER
status_is() { node "$1" --json status | jq -e "$2" >/dev/null; }
# size_of MEMBER FEED [NAME]: how many records of it that member has, in $it and in the variable of that name
size_of() {
    must 0 node "$1" --json status
    get ".feeds[] | select(.feed == \"$2\").size" "${3:-}"
}
# releasing MEMBER...: and each may release what it has custody of
releasing() {
    local each
    for each in "$@"; do
        must 0 node "$each" wait custody --timeout $((20 * PATIENCE))
        deciding "$each"
    done
}

same_everywhere() { p2p federation status "$SB"; }
agree() { eventually "${1:-20}" same_everywhere; }

# stop PID: a program of the test's own, and gone
stop() {
    kill "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}

# kill_node MEMBER: SIGKILL, and gone
kill_node() {
    local pid
    pid=$(pid_of "$1") || fail "$1 does not serve"
    kill -KILL "$pid"
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.005
    done
}

# address_of MEMBER: where it listens and dials from
address_of() { sed -n 's/^dial_from: *"\{0,1\}\([0-9.]*\).*/\1/p' "$SB/$1/config.yaml"; }

# impose MEMBER SUBJECT [OPTION...]: a ban by the port's security officer; its id is in $id
impose() {
    must 0 node "$1" --json --as "$1-pso" ban impose --subject "$2" --ground local --reference "${REFERENCE:-test}" "${@:3}"
    get .id id
}

# answer MEMBER SUBJECT PURPOSE: what a gate there says, in $it; any exit code a check may have
answer() {
    "$P2P_BIN" -C "$SB/$1" --json gate check --subject "$2" --purpose "$3" >"$out" 2>"$err"
    ran="gate check at $1 of $2 for $3"
    get .answer
}
answers() { [[ $("$P2P_BIN" -C "$SB/$1" --json gate check --subject "$2" --purpose "$3" | jq -r .answer) == "$4" ]]; }

# over_socket MEMBER PATH [CURL OPTION...]: a request to the API
over_socket() { curl -s --http2-prior-knowledge --unix-socket "$SB/$1/node.sock" "${@:3}" "http://node$2"; }

# metric MEMBER SERIES: its value, or 0
metric() {
    over_socket "$1" /metrics |
        awk -v series="$2" '$1 == series { value = $2 } END { print value + 0 }'
}

# twin_of MEMBER: a copy of its directory and checkpoints, as the member `twin`; it does not serve meanwhile
twin_of() {
    cp -a "$SB/$1" "$SB/twin"
    cp -a "$SB/copies/$1" "$SB/copies/twin"
    sed -i "s|copies/$1|copies/twin|" "$SB/twin/config.yaml"
    grep -q copies/twin "$SB/twin/config.yaml" || fail "the twin's copy is not its own"
}
