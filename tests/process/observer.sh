#!/usr/bin/env bash
# The commission sees every feed: who has which ban, what is kept from it, and, when it was cut off and shown another
# history meanwhile, whose. The other history is told by a twin: the directory of a port as it was, with the same keys,
# run as a second node.

. "$(dirname "$0")/lib.sh" || exit 3
begin 17300 100 beanr,bezee,begne,commission

state_at_commission() { # state_at_commission FEED STATE
    [[ $(node commission --json status | jq -r ".feeds[] | select(.feed == \"$1\") | .state") == "$2" ]]
}
everywhere_at() { # everywhere_at MEMBER ID
    node "$1" --json ban show "$2" | jq -e --arg id "$2" '.everywhere | any(.id == $id and .had == .of)'
}

claim "of each ban and each lift the commission tells when everybody had it, and who was last"
up
connected $MEMBERS
agree
"$P2P_BIN" -C "$SB/commission" watch --after 0 >"$WORK/watched" 2>/dev/null &
watcher=$!
impose beanr imo:9405423
ban=$id
eventually 10 everywhere_at commission "$ban"
must 0 node beanr --json --as beanr-pso ban lift "$ban" --reason paid
get .id lift
lifted_everywhere() { node commission --json ban show "$ban" | jq -e --arg id "$lift" '.everywhere | any(.id == $id and .had == .of)'; }
eventually 10 lifted_everywhere
must 0 node commission --json ban show "$ban"
holds '.everywhere | length == 2'
holds '.everywhere | all(.had == 3 and .of == 3 and .ms >= 0 and .ms < 10000 and .lacking == [] and .slowest != "beanr")'
holds '[.everywhere[].what] == ["imposed", "lifted"]'
must 0 node commission ban show "$ban"
tells 'lifted, 3 of 3 in [0-9.]+ m?s, slowest (bezee|begne)'
must 0 node commission status
tells "^$lift .*lifted, 3 of 3 in "
eventually 5 grep -qE "^everywhere  $lift  lifted, 3 of 3 in [0-9.]+ m?s, slowest (bezee|begne)$" "$WORK/watched"
stop "$watcher"

claim "any node shows it, the owner by what it was acknowledged"
for member in beanr bezee; do
    eventually 10 everywhere_at "$member" "$ban"
done
[[ $(metric commission 'port2port_ban_everywhere_seconds_count') == 2 ]] || fail "the histogram does not count two"
[[ $(metric commission 'port2port_ban_everywhere_seconds_bucket{le="+Inf"}') == 2 ]] || fail "nor do its buckets"

claim "a ban that one member lacks is not everywhere, and the one is named"
down begne
impose beanr imo:9405435
lacking() { node commission --json ban show "$id" | jq -e '.everywhere[0] | .had == 2 and .of == 3 and .ms == null and .lacking == ["begne"]'; }
eventually 10 lacking
must 0 node commission status
tells "^$id .*imposed, 2 of 3, not known of begne"
[[ $(metric commission port2port_bans_not_everywhere) == 1 ]] || fail "the metrics do not count it as open"
up begne
eventually 20 everywhere_at commission "$id"
must 0 node commission --json ban show "$id"
holds '.everywhere[0].slowest == "begne"'

claim "payloads of circles the commission is not in are counted, by circle, and not shown"
must 0 node beanr --json --as beanr-pso ban impose --subject imo:9405447 --ground local --reference secret --circle police
get .id secret
withheld() { status_is commission '.withheld.counted and any(.withheld.circles[]; .circle == "police" and .payloads == 1)'; }
eventually 10 withheld
[[ $(metric commission 'port2port_circle_withheld_payloads{circle="police"}') == 1 ]] || fail "the metrics do not count it"
must 3 node commission --json ban show "$secret"
must 0 node bezee --json status
holds '[.withheld.circles[] | select(.circle == "police")] == []'

claim "status of the commission says first what an observer is there for"
must 0 node commission status
tells '^forked +none$'
tells '^quarantined +none$'
tells '^withheld +police 1'
tells '^overrides +none since the start'

claim "beanr's directory is copied; the copy's history parts from what bezee and begne witness"
agree
down beanr commission
twin_of beanr
up beanr
REFERENCE=witnessed impose beanr imo:9405459 --level witnessed
true_ban=$id
down beanr bezee begne
must 0 node twin --json --as beanr-pso ban impose --subject imo:9405461 --ground local --reference twin
get .id
same "$it" "$true_ban" "the twin's record, which stands where the true one does"

claim "the commission is cut off from all but the twin, and takes what it is shown"
up commission
"$P2P_BIN" -C "$SB/twin" serve >"$WORK/twin" 2>&1 &
shown() { node commission --json ban show "$true_ban" | jq -e '.reference == "twin" and .state == "in-force"'; }
eventually 20 shown
state_at_commission beanr/1 ok || fail "the commission cannot know of another history yet, and says so"
down twin

claim "the line comes back: the commission names the fork, proves it, and takes the history that was witnessed"
before=$(metric commission 'port2port_events_total{type="fork"}')
same "$before" 0 "forks that the commission knew before"
up beanr bezee begne
eventually 30 state_at_commission beanr/1 forked
must 0 node commission --json status
holds '.alarm | contains("beanr/1")'
must 0 node commission status
tells '^forked +beanr/1$'
must 1 node commission doctor
must 0 node commission audit fork beanr/1 --out "$WORK/fork"
must 0 p2p -C / --json audit check-fork "$WORK/fork" --trust "$SB/trust"
holds '.proven == "forked" and (.who | endswith("/beanr/1"))'
[[ $(metric commission 'port2port_feed_state{feed="beanr/1",state="forked"}') == 1 ]] || fail "the metrics do not say forked"
grep -q '"event":"fork","feed":"beanr/1"' "$SB/commission/node.log" || fail "the log does not name the fork"
true_one() { node commission --json ban show "$true_ban" | jq -e '.reference == "witnessed"'; }
eventually 20 true_one
for member in bezee begne; do # and all others learn from it that there were two
    forked_there() { status_is "$member" '.feeds[] | select(.feed == "beanr/1") | .state == "forked"'; }
    eventually 20 forked_there
done

finish
