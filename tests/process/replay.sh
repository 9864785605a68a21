#!/usr/bin/env bash
# audit replay, on an archive of a gate that refused, that allowed before it could know, and that refused
# after a lift it had not heard of; and the check of decisions in audit verify.
. "$(dirname "$0")/lib.sh" || exit 3
begin 18050 90 beanr,bezee,begne

# decide PURPOSE-EXIT SUBJECT: asks the gate of Ghent, and leaves the decision's id in $it
decide() { must "$1" node begne gate check --subject "$2" --purpose call --json && get .decision; }

claim "a gate allows, is cut off, hears of a ban, is cut off, hears of its lift"
must 0 up
decide 0 imo:9332810 && before=$it
must 0 node begne peers pause --all
must 0 node beanr ban impose --as beanr-pso --subject imo:9332810 --ground local --reference "order 12" --json
get .id && ban=$it
decide 0 imo:9332810 && unaware=$it
must 0 node begne peers resume --all
must 0 node begne wait record "$ban"
decide 1 imo:9332810 && refused=$it
must 0 node begne peers pause --all
must 0 node beanr ban lift "$ban" --as beanr-pso --reason inspected --json
get .id && lift=$it
decide 1 imo:9332810 && stale=$it
must 0 node begne peers resume --all
must 0 node begne wait record "$lift"
decide 0 imo:9332810 && after=$it
down begne
must 0 node begne audit export "$WORK/a" --json

claim "every decision follows from what the gate knew"
must 0 "$P2P_BIN" audit verify "$WORK/a" --trust "$SB/trust" --json
holds '.verdict == "sound"'

# state QUESTION...: the state of the ban by what is asked, in $it; "" when there is none
state() {
    must 0 "$P2P_BIN" audit replay "$WORK/a" --trust "$SB/trust" --subject imo:9332810 "$@" --json
    it=$(tail -n +2 "$out" | jq -r .state)
}

claim "what was true then and what was known then are two questions with two answers"
state --at "$before" && same "$it" "" "before anybody had banned it"
state --at "$unaware" && same "$it" in-force "what was true when Ghent could not know"
state --as-known-by "$unaware" && same "$it" "" "what Ghent knew"
state --at "$stale" && same "$it" lifted "what was true when Ghent had not heard of the lift"
state --as-known-by "$stale" && same "$it" in-force "what Ghent knew"
state --as-known-by "$after" && same "$it" lifted "what Ghent knew in the end"
state && same "$it" lifted "everything"

claim "the state of everything is what the node said of itself"
must 0 node begne status --json
get .frontier_digest && frontier=$it
get '.digests["bans/national"]' && bans=$it
must 0 "$P2P_BIN" audit replay "$WORK/a" --trust "$SB/trust" --json
same "$(head -1 "$out" | jq -r '.frontier_digest + " " + .digests["bans/national"]')" "$frontier $bans" digests
must 0 "$P2P_BIN" audit replay "$WORK/a" --trust "$SB/trust" --all
grep -q lifted "$out" || fail "the ban is not in the list"

claim "what is no record, no time or no trust is said so"
must 3 "$P2P_BIN" audit replay "$WORK/a" --trust "$SB/trust" --at begne/1:4000
must 3 "$P2P_BIN" audit replay "$WORK/a" --trust "$SB/trust" --at yesterday
must 2 "$P2P_BIN" audit replay "$WORK/a" --trust "$SB/trust" --as-known-by "$stale" --at "$before"
must 2 "$P2P_BIN" audit replay "$WORK/a"
must 3 "$P2P_BIN" audit replay "$WORK/nowhere" --trust "$SB/trust"

finish
