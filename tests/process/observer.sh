#!/usr/bin/env bash
# The commission sees every feed: who has which ban, what is kept from it, and, when it was cut off and shown another
# history meanwhile, whose. The other history is told by a twin: the directory of a port as it was, with the same keys,
# run as a second node.

. "$(dirname "$0")/lib.sh" || exit 3
. "$(dirname "$0")/lib_containers.sh"
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

# watched FILTER: an event that the commission's watch has told so far
watched() { jq -es "any(.[]; $1)" "$WORK/events" >/dev/null; }
# watching: from now on, in $watcher
watching() {
    "$P2P_BIN" -C "$SB/commission" --json watch --after 0 >"$WORK/events" 2>/dev/null &
    watcher=$!
}

claim "a ban that one member lacks is not everywhere, and the one is named"
watching
releasing beanr
down begne
impose beanr imo:9405435
lacking() { node commission --json ban show "$id" | jq -e '.everywhere[0] | .had == 2 and .of == 3 and .ms == null and .lacking == ["begne"]'; }
eventually 10 lacking
must 0 node commission status
tells "^$id .*imposed, 2 of 3, not known of begne"
[[ $(metric commission port2port_bans_not_everywhere) == 1 ]] || fail "the metrics do not count it as open"
lacked=$id

claim "watch tells what a member did as it comes, and how each feed stands, though one member is gone"
eventually 2 watched '.event == "taken" and .id == "'"$lacked"'" and .kind == "ban-impose" and .what == "imposed"'
BOX=CSQU3054383
open_custody beanr $BOX
right_by beanr-carrier issue --container $BOX --bl PTPL42 --to beanr-forwarder
get .id right
right_by beanr-forwarder accept "$right"
must 0 node beanr --json --as beanr-pso gate override --container $BOX --reason 'the reefer fails'
get .id asked
must 0 node beanr --json --as beanr-pso2 gate approve "$asked"
get .id approved
eventually 2 watched '.kind == "approve" and .id == "'"$approved"'" and .what == "override approved"'
eventually 2 watched '.kind == "override" and .id == "'"$asked"'"'
size_of beanr beanr/1 size
eventually 5 watched '.event == "feed" and .feed == "beanr/1" and .size == '"$size"' and .witnessed == .size
    and .lag == 0 and .heard_s < 60 and .state == "ok"'
watched '.event == "everywhere" and .id == "'"$approved"'"' && fail "an override is said to be where it is not"
[[ $(metric commission port2port_overrides_total) == 1 ]] || fail "the metrics do not count the override"
[[ $(metric commission 'port2port_feed_witnessed_records{feed="beanr/1"}') == "$size" ]] || fail "nor what is witnessed"
up begne
id=$lacked
eventually 20 everywhere_at commission "$id"
must 0 node commission --json ban show "$id"
holds '.everywhere[0].slowest == "begne"'

claim "payloads of circles the commission is not in are counted, by circle, and not shown"
must 0 node beanr --json --as beanr-pso ban impose --subject imo:9405447 --ground local --reference secret --circle police
get .id secret
withheld() { status_is commission '.withheld.counted and any(.withheld.circles[]; .circle == "police" and .payloads == 1)'; }
eventually 10 withheld
[[ $(metric commission 'port2port_circle_withheld_payloads{circle="police"}') == 1 ]] || fail "the metrics do not count it"
eventually 5 watched '.event == "withheld" and .circle == "police" and .payloads == 1'
stop "$watcher"
must 3 node commission --json ban show "$secret"
must 0 node bezee --json status
holds '[.withheld.circles[] | select(.circle == "police")] == []'

claim "status of the commission says first what an observer is there for"
must 0 node commission status
tells '^forked +none$'
tells '^quarantined +none$'
tells '^withheld +police 1'
tells "^overrides +1 approved since the start; $approved: override approved, 3 of 3 in "

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
watching
before=$(metric commission 'port2port_events_total{type="fork"}')
same "$before" 0 "forks that the commission knew before"
up beanr bezee begne
eventually 30 state_at_commission beanr/1 forked
eventually 5 watched '.event == "feed" and .feed == "beanr/1" and .state == "forked"'
watched '.event == "fork" and .feed == "beanr/1"' || fail "watch does not tell of the fork"
watched '.event == "feed" and .feed == "beanr/1" and .state == "quarantined"' ||
    fail "the feed was not in quarantine until it was clear which history counts"
stop "$watcher"
must 0 node commission --json status
holds '.alarm | contains("beanr/1")'
must 0 node commission status
tells '^forked +beanr/1$'
must 1 node commission doctor
must 0 node commission audit fork beanr/1 --out "$WORK/fork"
must 0 p2p -C / --json audit check-fork "$WORK/fork" --trust "$SB/trust"
holds '.proven == "forked" and (.who | endswith("/beanr/1"))'
must 0 node commission audit export "$WORK/archive"
cmp -s "$WORK/archive/proofs/fork-beanr-1" "$WORK/fork" || fail "the archive's proof is another"
[[ $(metric commission 'port2port_feed_state{feed="beanr/1",state="forked"}') == 1 ]] || fail "the metrics do not say forked"
grep -q '"event":"fork","feed":"beanr/1"' "$SB/commission/node.log" || fail "the log does not name the fork"
true_one() { node commission --json ban show "$true_ban" | jq -e '.reference == "witnessed"'; }
eventually 20 true_one
for member in bezee begne; do # and all others learn from it that there were two
    forked_there() { status_is "$member" '.feeds[] | select(.feed == "beanr/1") | .state == "forked"'; }
    eventually 20 forked_there
done

finish
