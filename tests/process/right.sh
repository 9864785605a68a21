#!/usr/bin/env bash
# A right to collect: issued, accepted, passed on and used once; parties at other ports; what forbids acts at once, what
# allows is ruled by who holds the container; the barrier names all that speaks against it.

. "$(dirname "$0")/lib.sh" || exit 3
. "$(dirname "$0")/lib_containers.sh"
begin 19200 140 beanr,bezee,begne,belgg,commission
up
connected $MEMBERS
releasing beanr bezee begne belgg

BOX=PTPU1000054
right_is() { node "$1" --json right show "$right" | jq -e "$2"; }
# refused REASON: who collects $BOX
refused() {
    collect 1 beanr "$BOX"
    holds '.answer == "refuse"'
    because "$1"
    holds '.reasons | all(.record != null or .code == "no-right")' # each with what it rests on
}
# release ISSUER-OF-HAULIER: custody, right, all lights; $right is it
release() {
    open_custody beanr "$BOX" --as beanr-terminal
    right_by beanr-carrier issue --container "$BOX" --bl PTP4101 --to "$1"
    get .id right
    green beanr
}

claim "without custody nobody issues a right, and without a right nobody collects"
must 3 node beanr --json --as beanr-carrier right issue --container "$BOX" --bl 1 --to beanr-forwarder
holds '.error.code == "no-custody"'
refused no-right
release beanr-forwarder
holds '.id != null'
refused not-accepted
must 2 node beanr --json --as beanr-carrier right issue --container "$BOX" --bl 1 --to beanr-forwarder --expires 2020-01-01
must 3 node beanr --json --as beanr-carrier right issue --container "$BOX" --bl 1 --to beanr-forwarder --token nonsense
holds '.error.text | startswith("nonsense is no open token")'

claim "it is accepted, passed on and accepted again; who has not been given it may not take it"
must 1 node beanr --json --as beanr-haulier right accept "$right"
right_by beanr-forwarder accept "$right"
right_by beanr-forwarder transfer "$right" --to beanr-haulier
must 1 node beanr --json --as beanr-forwarder right assign "$right" --driver "$CARD"
right_by beanr-haulier accept "$right"
must 0 node beanr --json right show "$right"
keys . id container token bl state party driver truck slot lights blocks holder unruled chain may
holds '.state == "ACTIVE" and .party == "beanr-haulier" and .unruled == [] and (.chain | length) == 3'
holds '.lights == {"commercial": "ok", "customs": "released", "discharge": "discharged", "terminal": "released"}'
holds '[.may[] | select(.who == "beanr-haulier").do] | index("right assign") != null'
# what acts on nothing is not offered: no block, no override, nobody assigned; each light has its own grant
holds '[.may[].do] | index("right unblock") == null and index("gate approve") == null and index("right unassign") == null'
holds '[.may[] | select(.do | startswith("right light ")).grant] | sort
    == ["commercial-light", "customs-light", "discharge-light", "terminal-light"]'
eventually 10 right_is belgg '.state == "ACTIVE" and .party == "beanr-haulier"'

claim "the barrier wants the assigned driver and truck, every light green, and no block"
refused not-accepted
right_by beanr-haulier assign "$right" --driver card:alfapass:9999999 --truck "$TRUCK"
refused wrong-driver
right_by beanr-haulier assign "$right" --driver "$CARD" --truck plate:BE:1XYZ999
refused wrong-truck
right_by beanr-haulier assign "$right" --driver "$CARD" --truck "$TRUCK" --slot 2020-01-01T08:00:00Z..2020-01-01T09:00:00Z
refused outside-slot
right_by beanr-haulier assign "$right" --driver "$CARD" --truck "$TRUCK"
right_by beanr-customs light "$right" customs selectedforscan
refused light-customs
right_by beanr-customs light "$right" customs released
right_by beanr-police block "$right" --reason 'a tip'
must 0 node beanr --json right show "$right"
holds '.state == "BLOCKED" and ([.may[].do] | index("right unblock") != null)'
refused blocked
right_by beanr-police unblock "$right" --reason 'checked'

claim "a banned driver, company or truck is refused though everything else is green"
COMPANY=vat:BE0123456749
right_by beanr-haulier assign "$right" --driver "$CARD" --truck "$TRUCK" --company "$COMPANY"
ban_is() { node beanr --json ban show "$ban" | jq -e '.state == $state' --arg state "$1"; }
for subject in "$CARD" "$TRUCK" "$COMPANY"; do
    must 0 node begne --json --as begne-court ban impose --subject "$subject" --ground court --reference 'Court of Ghent 7' \
        --level mirrored
    get .id ban
    eventually 10 ban_is in-force
    refused banned
    holds '.reasons[] | select(.code == "banned").record == $ban' --arg ban "$ban"
    must 0 node begne --json --as begne-court ban lift "$ban" --reason appeal --level mirrored
    eventually 10 ban_is lifted
done

claim "two lanes at once give one release, and nobody collects it again"
for lane in 1 2; do
    node beanr --json gate collect --container "$BOX" --subject "$CARD" --subject "$TRUCK" --gate "lane-$lane" \
        >"$WORK/lane-$lane" 2>/dev/null &
    lanes[lane]=$!
done
wait "${lanes[1]}" "${lanes[2]}"
ran="two lanes"
cat "$WORK/lane-1" "$WORK/lane-2" >"$out"
same "$(jq -r .answer "$out" | sort | paste -sd' ')" "allow refuse" "what two lanes were answered"
refused used
must 0 node beanr --json right show "$right"
holds '.state == "USED" and .used_by != null'
must 0 node beanr --json custody show "$BOX"
holds '.state == "released"'
must 0 node beanr --json gate log
tells '"answer":"allow"'
eventually 10 right_is bezee '.state == "USED"'
right_by beanr-terminal gate-out "$right"
must 0 node beanr --json right show "$right"
holds '.state == "FINISHED"'

must 0 node beanr --json right list --container "$BOX" --party beanr-haulier --state FINISHED
holds '.container != null'
must 0 node beanr --json right list --container "$BOX" --party belgg-haulier --state FINISHED
[[ ! -s $out ]] || fail "a right of one party is listed for another"

claim "a party at another port asks there, and the holder rules"
BOX=PTPU1000060
release belgg-haulier
eventually 10 right_is belgg '.state == "PENDING" and .party == "belgg-haulier"'
right_by belgg-haulier accept "$right"
eventually 10 right_is beanr '.state == "ACTIVE" and .party == "belgg-haulier" and .unruled == []'
eventually 10 right_is belgg '.state == "ACTIVE" and .unruled == []'
must 0 node beanr peers pause --all
right_by belgg-haulier assign "$right" --driver "$CARD" --truck "$TRUCK"
asked() { node belgg right show "$right" | grep -E 'asked at belgg, not yet ruled by beanr \(behind [0-9]+ s\)'; }
eventually 10 asked
refused not-accepted
must 0 node beanr peers resume --all
eventually 10 right_is beanr '.driver != null'

claim "what forbids from another port needs no ruling"
must 0 node belgg --json --as belgg-customs right block "$right" --reason 'seen at Liege' --level mirrored
eventually 10 right_is beanr '.state == "BLOCKED"'
refused blocked
must 1 node beanr --json --as beanr-customs right unblock "$right" --reason ok # who blocked ends it
must 0 node belgg --json --as belgg-customs right unblock "$right" --reason ok
eventually 10 right_is beanr '.state == "ACTIVE" and .unruled == []'
must 1 node belgg --json --as belgg-terminal right light "$right" terminal hold # not of that facility

claim "while it is offered to another port nobody releases it; then only that port does"
must 0 node beanr --json custody offer "$BOX" --to begne --level witnessed
refused custody-elsewhere
eventually 10 custody_is begne "$BOX" '.state == "offered"'
must 0 node begne --json custody accept "$BOX" --level witnessed
eventually 10 right_is beanr '.holder == "begne"'
refused custody-elsewhere
eventually 10 right_is begne '.driver != null and .state == "ACTIVE" and .unruled == []'
collect 0 begne "$BOX"
eventually 10 right_is beanr '.state == "USED"'

claim "two officers overrule a light, and the commission sees it; alone nobody does"
BOX=PTPU1000049
release beanr-haulier
right_by beanr-haulier accept "$right"
right_by beanr-haulier assign "$right" --driver "$CARD" --truck "$TRUCK"
right_by beanr-terminal light "$right" terminal hold
refused light-terminal
must 0 node beanr --json --as beanr-pso gate override --container "$BOX" --reason 'the reefer fails'
get .id override
must 2 node beanr --json --as beanr-pso gate override --container "$BOX" --reason "$(printf 'x%.0s' {1..501})"
grep -q 'reason has 501 bytes; it may have 500 at most' "$err" || fail "the limit is not named"
must 0 node beanr --json right show "$right"
holds '.override | .asked == $id and .by == "beanr-pso" and .reason == "the reefer fails" and .approved == null and .overrules == []' \
    --arg id "$override"
holds 'all(.may[]; .do | test("^(right|gate) [a-z]+( [a-z]+)?$"))'
holds '.may[] | select(.do == "gate approve") | .grant == "approve" and .of == $id' --arg id "$override"
refused light-terminal
must 1 node beanr --json --as beanr-pso gate approve "$override"
holds '.error.code == "same-officer" and (.error.text | contains("another officer"))'
must 0 node beanr --json --as beanr-pso2 gate approve "$override"
get .id approved
must 0 node beanr --json right show "$right"
holds '.override | .approved == $id and .approved_by == "beanr-pso2" and .overrules == ["slot", "truck", "stale-knowledge", "light-terminal"]' \
    --arg id "$approved"
must 0 node beanr --json right list --container "$BOX"
holds '.override.approved == $id' --arg id "$approved"
must 1 node beanr --json --as beanr-pso2 gate approve "$override"
holds '.error.code == "approved"'
must 0 node beanr right show "$right"
! grep -qE "the light's:|behind now" "$out" || fail "it says what nobody understands"
tells '^override +beanr/.* by beanr-pso, approved in beanr/.* by beanr-pso2$'
it=$approved
eventually 10 node commission record show "$it"
must 0 node commission --json status
holds '.overrides.approved == 1 and .overrides.newest[0].id == $id and .overrides.newest[0].what == "override approved"' --arg id "$it"
collect 0 beanr "$BOX"
holds '.override == {asked: $asked, approved: $approved}' --arg asked "$override" --arg approved "$approved"
agree

claim "what the issuer revokes or cancels ends at once; a list shows what is alive"
BOX=PTPU1000033
release beanr-forwarder
must 0 node beanr --json right list --container "$BOX"
holds '.state == "PENDING"'
right_by beanr-carrier cancel "$right" --reason 'the shipment is off'
must 0 node beanr --json right list --container "$BOX"
silent
must 0 node beanr --json right list --container "$BOX" --all
holds '.state == "CANCELLED"'
refused no-right
must 0 node beanr --json right list --party beanr-haulier --all
tells USED

claim "what does nothing is refused, and what is likely a mistake or has to wait is told with the answer"
BOX=PTPU1000028
release beanr-haulier
must 1 node beanr --json --as beanr-haulier right unassign "$right"
right_by beanr-haulier accept "$right"
holds 'has("flags") | not'
eventually 10 right_is beanr '.state == "ACTIVE" and .unruled == []'
must 1 node beanr --json --as beanr-haulier right unassign "$right"
holds '.error.code == "not-assigned"'
must 2 node beanr --json --as beanr-haulier right assign "$right" --driver "$CARD" --slot 2027-01-02..2027-01-01
holds '.error.hint | startswith("write the earlier time first")'
right_by beanr-carrier issue --container "$BOX" --bl 2 --to beanr-court
holds '[.flags[].code] == ["cannot-accept"] and (.flags[0].text | startswith("beanr-court has no grant"))'
right_by beanr-carrier issue --container "$BOX" --bl 3 --to beanr-forwarder
get .id
right=$it
down beanr
right_by beanr-forwarder accept "$right"
holds '[.flags[].code] == ["not-ruled-yet"]'
must 0 node beanr --json right show "$right"
holds '.state == "PENDING" and (.unruled | length) == 1'
right_by beanr-carrier light "$right" commercial nok # what forbids waits for nobody
holds 'has("flags") | not'
up beanr
releasing beanr
eventually 10 right_is beanr '.state == "ACTIVE" and .unruled == []'
finish
