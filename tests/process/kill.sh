#!/usr/bin/env bash
# 200 times SIGKILL while records come in: nothing that was acknowledged is lost, no size ever goes back, the node
# always comes up again by itself, and at the end all hold the same. P2P_SEED repeats the moments of a run.

. "$(dirname "$0")/lib.sh" || exit 3
begin 17140 200 beanr,bezee,begne

KILLS=${P2P_KILLS:-200}
SEED=${P2P_SEED:-$((SRANDOM % 32768))}
RANDOM=$SEED
echo "    P2P_SEED=$SEED"
go=$WORK/go
touch "$go"

# --- what comes in ----------------------------------------------------------------------------------------------

# Single bans over the socket; an answer with an id is an acknowledgement, whatever happens afterwards.
append_on() { # append_on NAME
    local n=0 id
    while [[ -f $go ]]; do
        n=$((n + 1))
        id=$(curl -s --max-time 5 --http2-prior-knowledge --unix-socket "$SB/beanr/node.sock" http://node/v1/bans \
            -d "{\"as\":\"beanr-pso\",\"subject\":[\"imo:9$((10000 + n))0\"],\"ground\":\"local\",\"reference\":\"$1-$n\"}" |
            sed -n 's/^{"id":"\([^"]*\)".*/\1/p')
        if [[ $id ]]; then
            echo "$id $1-$n" >>"$WORK/acknowledged.$1"
        elif [[ ! -S $SB/beanr/node.sock ]]; then
            sleep 0.01
        fi
    done
}

# Lists of 40 lines; exit 0 acknowledges every line. What a broken one left behind is simply imported again.
import_on() {
    local n=0 line
    while [[ -f $go ]]; do
        n=$((n + 1))
        {
            echo subject,reference
            for line in {1..40}; do
                echo "$((9000000 + n * 40 + line)),list-$n-$line"
            done
        } >"$WORK/list.csv"
        until node beanr --as beanr-pso ban import "$WORK/list.csv" --subject-type imo --subject-column subject \
            --ground local --reference-column reference >/dev/null 2>>"$WORK/import.log"; do
            if [[ ! -f $go ]]; then
                return
            fi
        done
        for line in {1..40}; do
            echo "list-$n-$line"
        done >>"$WORK/imported"
    done
}

# --- the killing ------------------------------------------------------------------------------------------------

serve_beanr() {
    "$P2P_BIN" -C "$SB/beanr" serve >>"$SB/beanr/node.log" 2>&1 &
    pid=$!
}

ready() {
    curl -s --max-time 5 --http2-prior-knowledge --unix-socket "$SB/beanr/node.sock" http://node/v1/status >"$out" &&
        [[ -s $out ]]
}

wait_ready() {
    local until=$((SECONDS + 15 * PATIENCE))
    until ready; do
        if ((SECONDS >= until)); then
            fail "not ready within 15 s"
        fi
        if ! kill -0 "$pid" 2>/dev/null; then
            fail "serve ended by itself: $(tail -n 1 "$SB/beanr/node.log")"
        fi
        sleep 0.005
    done
}

# How much was acknowledged so far.
acknowledged_bytes() { cat "$WORK"/acknowledged.* 2>/dev/null | wc -c; }
# Waits until something was acknowledged since the last kill.
wait_acknowledged() {
    local until=$((SECONDS + 15 * PATIENCE))
    until (($(acknowledged_bytes) > bytes)); do
        ((SECONDS < until)) || fail "nothing was acknowledged"
        sleep 0.005
    done
}

highest_acknowledged() {
    cat "$WORK"/acknowledged.* 2>/dev/null | sed 's/^beanr\/1:\([0-9]*\) .*/\1/' | sort -n | tail -n 1
}

claim "two peers and a node that is going to be killed are up"
up bezee begne
serve_beanr
wait_ready

append_on a &
append_on b &
import_on &

claim "$KILLS times SIGKILL: ready each time, appending, nothing acknowledged gone, no size going back"
size=0 slowest=0
for ((i = 1; i <= KILLS; i++)); do
    sleep "0.0$(printf '%02d' $((RANDOM % 60)))"
    acknowledged=$(highest_acknowledged)
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
    bytes=$(acknowledged_bytes)
    started=$(now_ms)
    serve_beanr
    if ((RANDOM % 5 == 0)); then # some come before it is ready
        sleep "0.0$(printf '%02d' $((RANDOM % 40)))"
        continue
    fi
    wait_ready
    came=$(($(now_ms) - started))
    slowest=$((came > slowest ? came : slowest))
    ran="status after kill $i"
    state=$(jq -r '"\(.feeds[] | select(.feed == "beanr/1") | .size) \(.read_only) \([.feeds[].state] | unique | join(","))"' "$out")
    read -r now read_only states <<<"$state"
    same "$read_only" null "read_only after kill $i"
    [[ $states != *forked* && $states != *quarantined* ]] || fail "feeds are $states after kill $i"
    ((now >= size)) || fail "the feed went back from $size to $now at kill $i"
    wait_acknowledged
    ((now > ${acknowledged:-0})) || fail "record $acknowledged was acknowledged, the size is $now at kill $i"
    size=$now
done
printf '       %d records in the feed, ready again after at most %d ms\n' "$size" "$slowest"

claim "it comes to rest, connects, and all are alike"
rm "$go"
eventually 20 ready
must 0 node beanr wait connected --timeout 20
agree 30
must 0 node beanr doctor

claim "every acknowledged record stands, with what it says, at home and at the peers"
cat "$WORK"/acknowledged.* | sort >"$WORK/acknowledged"
[[ $(wc -l <"$WORK/acknowledged") -gt $((KILLS / 2)) ]] || fail "only $(wc -l <"$WORK/acknowledged") records were acknowledged"
for member in beanr bezee begne; do
    must 0 node "$member" --json ban list --all
    jq -r '"\(.id) \(.reference)"' "$out" | sort >"$WORK/held"
    comm -23 "$WORK/acknowledged" "$WORK/held" >"$WORK/lost"
    [[ ! -s $WORK/lost ]] || fail "lost at $member: $(head -n 3 "$WORK/lost" | tr '\n' ' ')"
    cut -d' ' -f2 "$WORK/held" | sort >"$WORK/references"
    [[ ! -s $WORK/imported ]] || sort "$WORK/imported" | comm -23 - "$WORK/references" >"$WORK/lost"
    [[ ! -s $WORK/lost ]] || fail "imported, and lost at $member: $(head -n 3 "$WORK/lost" | tr '\n' ' ')"
done
[[ -z $(grep '^list-' "$WORK/references" | uniq -d) ]] || fail "a list that was imported again imposed a line twice"
printf '       %d acknowledged one by one, %d by lists\n' "$(wc -l <"$WORK/acknowledged")" "$(cat "$WORK/imported" 2>/dev/null | wc -l)"

claim "the history that bezee saw never branched: no fork, no regress, no refusal of beanr's heads"
[[ $(metric bezee 'port2port_events_total{type="fork"}') == 0 ]] || fail "bezee saw a fork"
[[ $(metric begne 'port2port_events_total{type="fork"}') == 0 ]] || fail "begne saw a fork"

finish
