#!/usr/bin/env bash
# What a control room watches: promtool finds nothing to say against the metrics, every reason of refusal has its
# series from the start, and the figures follow what happens.

. "$(dirname "$0")/lib.sh" || exit 3
begin 17280 60 beanr,bezee,begne

scrape() { # scrape MEMBER: into $out
    ran="/metrics of $1"
    curl -s --max-time 10 --http2-prior-knowledge --unix-socket "$SB/$1/node.sock" -D "$WORK/head" http://node/metrics >"$out" ||
        fail "no metrics"
    grep -qiE '^content-type: text/plain.*version=0\.0\.4' "$WORK/head" || fail "not Prometheus text: $(grep -i content-type "$WORK/head")"
}
value() { # value SERIES: of the last scrape
    awk -v series="$1" '$1 == series { print $2; found = 1 } END { exit !found }' "$out" || fail "there is no $1"
}
clean() { # promtool's verdict on the last scrape
    promtool check metrics <"$out" >"$WORK/promtool" 2>&1 || fail "promtool: $(head -c 600 "$WORK/promtool")"
    [[ ! -s $WORK/promtool ]] || fail "promtool: $(head -c 600 "$WORK/promtool")"
}

claim "three nodes are up"
command -v promtool >/dev/null || skip "promtool is not on PATH; ./dev test unpacks it"
up
connected $MEMBERS
deciding $MEMBERS

claim "promtool is content with a fresh node, an observer's peer and a busy one"
for member in $MEMBERS; do
    scrape "$member"
    clean
done

claim "every reason has its series from the start, at 0: nothing that is refused can go uncounted"
scrape beanr
sed -n '/define P2P_REFUSAL_MAP/,/^$/ s/^ *X([A-Z0-9_]*, "\([a-z0-9_]*\)".*/\1/p' "$P2P_SOURCE/node/transport/include/p2p/refusal.h" >"$WORK/reasons"
(($(wc -l <"$WORK/reasons") > 20)) || fail "the table of refusals was not found"
while read -r reason; do
    same "$(value "port2port_connection_refusals_total{reason=\"$reason\"}")" 0 "$reason at the start"
done <"$WORK/reasons"
(($(grep -c '^port2port_peer_refusals_total{reason=' "$out") > 15)) || fail "few reasons for what peers send"
for word in restored sync-failed map-full disk-full forked closed; do
    same "$(value "port2port_read_only{reason=\"$word\"}")" 0 "read_only $word"
done
for word in allow refuse refer possible; do
    same "$(value "port2port_gate_decisions_total{answer=\"$word\"}")" 0 "decisions $word"
done

claim "the figures follow: records, witnessed sizes, ages, decisions, sessions, bytes"
impose beanr imo:9405423 --level witnessed
must 0 node begne wait record "$id"
must 1 node begne gate check --subject imo:9405423 --purpose call
must 0 node begne gate check --subject imo:9321483 --purpose call
must 3 node begne gate check --subject imo:9321480 --purpose call
scrape begne
clean
same "$(value 'port2port_gate_decisions_total{answer="refuse"}')" 1 "refusals of the gate"
same "$(value 'port2port_gate_decisions_total{answer="allow"}')" 1 "allowed"
same "$(value 'port2port_gate_decisions_total{answer="possible"}')" 1 "possible"
# A record may come between the one and the other.
as_in_status() {
    local size records
    read -r size records < <(node begne --json status |
        jq -r '"\(.feeds[] | select(.feed == "beanr/1") | .size) \(.store.records)"')
    scrape begne
    [[ $(value 'port2port_feed_records{feed="beanr/1"}') == "$size" ]] && (($(value port2port_store_records) >= records))
}
eventually 5 as_in_status
(($(value 'port2port_feed_witnessed_records{feed="beanr/1"}') > 0)) || fail "nothing of beanr/1 is witnessed"
same "$(value 'port2port_peer_connected{member="beanr"}')" 1 "session with beanr"
(($(value 'port2port_peer_received_bytes_total{member="beanr"}') > 0)) || fail "no bytes came from beanr"
same "$(value port2port_complete)" 1 complete
same "$(value port2port_alarm)" 0 alarm

claim "a member that is paused, and one that is gone, show"
must 0 node begne peers pause bezee
kill_node beanr
shows() { scrape begne && [[ $(value 'port2port_peers{state="paused"}') == 1 && $(value 'port2port_peers{state="offline"}') == 1 ]]; }
eventually 10 shows
clean
same "$(value 'port2port_peer_connected{member="beanr"}')" 0 "session with beanr"

claim "a refused connection is counted under its reason, and under no other"
before=$(grep '^port2port_connection_refusals_total' "$out")
curl -s --max-time 10 --http1.1 --unix-socket "$SB/begne/node.sock" http://node/v1/status >/dev/null
counted() { scrape begne && [[ $(grep '^port2port_connection_refusals_total' "$out") != "$before" ]]; }
eventually 5 counted
diff <(echo "$before") <(grep '^port2port_connection_refusals_total' "$out") | grep '^>' >"$WORK/diff"
same "$(cat "$WORK/diff")" '> port2port_connection_refusals_total{reason="http1"} 1' "what was counted"

finish
