#!/usr/bin/env bash
# A container leaves once, with whom its right names: everything that speaks against it, two lanes at once, an override,
# a restart, a port that took it over; and the audit recomputes every answer.

. "$(dirname "$0")/lib.sh" || exit 3
. "$(dirname "$0")/lib_containers.sh"
begin 19200 150 beanr,bezee,begne,beost
up
connected $MEMBERS
releasing $MEMBERS

STRANGER=card:alfapass:7654321

claim "without custody and right nothing leaves, and what is missing is told"
collect 1 beanr CSQU3054383
because no-right
holds '.release == null and .decision != null'
must 2 node beanr --json gate collect --container 'not a box!' --subject "$CARD"
must 2 node beanr --json gate collect --container CSQU3054383

claim "a right passes from carrier to forwarder to haulier, each step ruled as it comes; the lights are still red"
open_custody beanr CSQU3054383
assign beanr CSQU3054383
collect 1 beanr CSQU3054383
for light in commercial customs discharge terminal; do
    because "light-$light"
done
holds '.reasons | length == 4 and all(.text != "")'

claim "customs blocks and releases; another driver is refused; then it leaves, once"
green beanr
right_by beanr-customs block "$right"
collect 1 beanr CSQU3054383
because blocked
right_by beanr-customs unblock "$right"
collect 1 beanr CSQU3054383 "$STRANGER"
because wrong-driver
collect 1 bezee CSQU3054383
because custody-elsewhere
collect 0 beanr CSQU3054383
holds '.answer == "allow" and .reasons == [] and .release != null and .override == null'
get .release released
collect 1 beanr CSQU3054383
because used
holds '.reasons[0].record == $use' --arg use "$released"
must 0 node beanr --json right show "$right"
holds '.state == "USED"'

claim "a driver with a court's port ban is refused though everything else is green"
open_custody beanr HBMU2699702
collectable beanr HBMU2699702
must 0 node begne --json --as begne-court ban impose --subject "$CARD" --ground court --reference 'verdict 9'
get .id ban
eventually 10 answers beanr "$CARD" enter refuse
collect 1 beanr HBMU2699702
because banned
must 0 node begne --json --as begne-court ban lift "$ban" --reason appeal
eventually 10 answers beanr "$CARD" enter allow

claim "two lanes at once give one release"
for lane in 1 2 3 4; do
    node beanr --json gate collect --container HBMU2699702 --subject "$CARD" --subject "$TRUCK" --gate "lane-$lane" \
        >"$WORK/lane-$lane" 2>&1 &
    lanes[lane]=$!
done
for lane in 1 2 3 4; do
    wait "${lanes[lane]}"
done
same "$(cat "$WORK"/lane-[1-4] | jq -r .answer | sort | paste -sd' ')" "allow refuse refuse refuse" "answers of four lanes"

claim "two officers and a reason overrule lights, never a driver; the commission's view shows it"
open_custody beanr MSCU1000070
assign beanr MSCU1000070
must 0 node beanr --json --as beanr-pso gate override --container MSCU1000070 --reason 'the reefer fails'
get .id asked
collect 1 beanr MSCU1000070
must 1 node beanr --json --as beanr-pso gate approve "$asked"
must 0 node beanr --json --as beanr-pso2 gate approve "$asked"
collect 1 beanr MSCU1000070 "$STRANGER"
because wrong-driver
collect 0 beanr MSCU1000070
holds '.override.asked == $id and .override.approved != null and .reasons == []' --arg id "$asked"

claim "at mirrored a release is answered once another member holds it; the same question is the same release"
down beanr
sed -i 's/^release_level:.*/release_level: mirrored/' "$SB/beanr/config.yaml"
up beanr
connected beanr
releasing beanr
open_custody beanr PTPU1000033
collectable beanr PTPU1000033
eventually 20 answers beanr "$STRANGER" enter allow
must 0 node beanr peers pause --all
collect 3 beanr PTPU1000033
because not-mirrored
get .release released
collect 3 beanr PTPU1000033
holds '.release == $use' --arg use "$released"
collect 1 beanr PTPU1000033 "$STRANGER"
because used
must 0 node beanr peers resume --all
must 0 node beanr wait record "$released" --level mirrored --timeout $((30 * PATIENCE))
collect 0 beanr PTPU1000033
holds '.release == $use' --arg use "$released"
collect 1 beanr PTPU1000033
because used

claim "a release that waited for another member when its node was killed was perhaps answered: it is used, and told so"
open_custody beanr PTPU1000054
collectable beanr PTPU1000054
must 0 node beanr peers pause --all
collect 3 beanr PTPU1000054
because not-mirrored
get .release released
kill_node beanr
up beanr
connected beanr
releasing beanr
collect 1 beanr PTPU1000054
because used
holds '.reasons[0] | .record == $use and (.text | test("released before, at 20[0-9]{2}-.*opens custody anew"))' --arg use "$released"
open_custody beanr PTPU1000054
collectable beanr PTPU1000054
collect 0 beanr PTPU1000054

claim "who has just begun, or is cut off, waits for its witnesses; who took a box over releases it"
open_custody begne PTPU1000012
collectable begne PTPU1000012
must 0 node begne --json custody offer PTPU1000012 --to beost --level witnessed
collect 1 begne PTPU1000012
because custody-elsewhere
eventually 10 custody_is beost PTPU1000012 '.holder == "begne" and .state == "offered"'
must 0 node beost --json custody accept PTPU1000012 --level witnessed
for member in beanr bezee begne; do
    down "$member"
done
kill_node beost
up beost
collect 3 beost PTPU1000012
because custody-waiting
must 1 node beost --json custody offer PTPU1000012 --to beanr --as begne-terminal
up
connected $MEMBERS
releasing beost
eventually 20 answers beost "$STRANGER" enter allow
collect 0 beost PTPU1000012
collect 1 begne PTPU1000012

claim "the log has every answer, and the audit recomputes each from what that gate knew"
must 0 node beanr --json gate log
same "$(jq -r 'select(.container == "MSCU1000070" and .answer == "allow") | .release != null' "$out")" true \
    "a release in the log"
decided() { jq -rs --arg c "$1" --arg a "$2" 'map(select(.container == $c and .answer == $a))[0].id' "$out"; }
decision=$(decided CSQU3054383 allow)
overruled=$(decided MSCU1000070 allow)
refused=$(jq -rs 'map(select(.container == "HBMU2699702" and (.reasons | tostring | test("banned"))))[0].id' "$out")
released=$(jq -rs 'map(select(.container == "CSQU3054383" and .answer == "allow"))[0].release' "$out")
agree
must 0 node beanr audit export "$WORK/archive"
must 0 p2p --json audit verify "$WORK/archive" --trust "$SB/trust"
must 0 p2p audit explain "$WORK/archive" "$decision" --trust "$SB/trust"
tells 'CSQU3054383'
tells '^   right:'

claim "a release is justified: custody, the right and who passed it on, lights, blocks, override, each with its record"
explained() { must 0 p2p "${@:2}" audit explain "$WORK/archive" "$1" --trust "$SB/trust"; }
explained "$decision" --json
holds '.collect.token | .container == "CSQU3054383" and .state == "held" and .holder == "beanr" and .held_since.kind == "custody-open"'
holds '.collect.says == {custody: "ready", stale: false, asked_before: false, mirrored: false, released: $use}' --arg use "$released"
holds '.collect.rights | length == 1 and .[0].weighed and .[0].right.state == "ACTIVE" and .[0].assigned.by == "beanr-haulier"'
holds '[.collect.rights[0].chain[] | .party] == ["beanr-carrier", "beanr-forwarder", "beanr-haulier"]'
holds '.collect.rights[0].chain | all(.accepted and .given.record != null)'
holds '[.collect.rights[0].lights[] | select(.green and .set.kind == "right-light")] | length == 4'
holds '.collect.rights[0] | .blocks == [] and .override == null
    and ([.records[] | select(.kind == "right-block" or .kind == "right-unblock") | .by] == ["beanr-customs", "beanr-customs"])'
holds '.collect.weighed | length > 15 and all(.stands == "for" and .rule != "")'
holds '.unknown | all(.record != $use)' --arg use "$released"
explained "$overruled" --json
holds '.collect.rights[0].override | .asked.by == "beanr-pso" and .asked.says.reason == "the reefer fails" and .approved.by == "beanr-pso2"
    and (.overrules | index("light-customs") != null and index("blocks") == null)'
holds '.collect.rights[0].override.approved.record as $by
    | [.collect.weighed[] | select(.stands == "overruled" and .record == $by) | .code]
    | index("light-customs") != null and index("wrong-truck") == null'
holds '.collect.weighed[] | select(.code == "wrong-truck") | .stands == "for"' # the one named was presented
holds '.question.presented | length == 2 and all(length == 3)'                 # card and plate, in three circles each
explained "$refused" --json
holds '.collect.weighed[] | select(.code == "banned") | .stands == "against" and .at_least == "refuse" and .record == $ban' --arg ban "$ban"
explained "$overruled"
tells '^   An override stands: asked for in record beanr/'
tells '^   Not counted, because two officers overruled it'
tells '^   Upon this answer it was released, by record beanr/'
tells '^overruled  *light customs .*refuse: light-customs'
must 0 p2p audit explain "$WORK/archive" "$overruled" --trust "$SB/trust" --html "$WORK/page.html"
grep -q 'asked for in record .*, reason: the reefer fails; approved in record' "$WORK/page.html" || fail "the page does not tell the override"

finish
