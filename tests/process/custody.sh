#!/usr/bin/env bash
# Who alone may release a container: opened where it stands, offered, accepted and refused between ports, withdrawn,
# closed by a gate-in, frozen after a restore until two people have looked at the yard.

. "$(dirname "$0")/lib.sh" || exit 3
. "$(dirname "$0")/lib_containers.sh"
begin 19100 140 beanr,bezee,begne,beost,belgg
up
connected $MEMBERS

releasing $MEMBERS

claim "a terminal opens custody where the box stands, and every port knows"
must 0 node beanr --json custody open --container PTPU1000012 --call 'PTP EXPRESS 41' --facility beanr-f1
keys . id time level
get .id token
for member in $MEMBERS; do
    eventually 10 custody_is "$member" PTPU1000012 '.state == "held" and .holder == "beanr" and .epoch == 1'
done
must 0 node begne --json custody show "$token"
keys . token container state holder epoch facility
holds '.container == "PTPU1000012" and .facility == "beanr-f1" and .check_ok'
must 0 node beanr custody show PTPU1000012
tells 'held by +beanr from'

claim "what cannot be is refused before anything is written, and says what to do"
size_of beanr beanr/1 size
must 1 node beanr --json custody open --container PTPU1000012 --call x --facility beanr-f1
holds '.error.code == "in-custody"'
must 1 node beanr --json --as beanr-terminal custody open --container PTPU1000028 --call x --facility bezee-f1
holds '.error.code == "no-grant"'
must 2 node beanr --json custody open --container 'not a box!' --call x --facility beanr-f1
must 2 node beanr --json custody offer PTPU1000012 --to nobody
must 2 node beanr --json custody offer PTPU1000012 --to beanr
must 1 node bezee --json custody offer PTPU1000012 --to belgg
must 1 node belgg --json custody accept PTPU1000012
must 3 node beanr --json custody show CSQU3054383
must 3 node beanr --json custody withdraw beanr/1:999
must 1 node beanr --json custody recount PTPU1000012 --as beanr-pso
size_of beanr beanr/1
same "$it" "$size" "the feed's size after refusals"

claim "a wrong check digit is flagged, kept and shown"
must 0 node bezee --json custody open --container tttt-123456-7 --call x --facility bezee-f1
holds '[.flags[].code] == ["bad-identifier"] and (.flags[0].text | contains("TTTT1234567"))'
must 0 node bezee custody list
tells 'TTTT1234567 \(check digit\)'
must 0 node bezee --json custody show TTTT1234567
holds '.check_ok == false and .container == "TTTT1234567"'
must 0 node bezee custody show TTTT1234567
tells 'check digit is wrong'

claim "a container passes to another port by offer and accept"
must 0 node beanr --json custody offer PTPU1000012 --to belgg --level witnessed
eventually 10 custody_is belgg PTPU1000012 '.state == "offered" and .holder == "beanr" and .to == "belgg"'
must 1 node beanr --json custody offer PTPU1000012 --to begne
must 1 node begne --json custody accept PTPU1000012
must 0 node belgg --json custody accept PTPU1000012 --level witnessed
for member in $MEMBERS; do
    eventually 10 custody_is "$member" PTPU1000012 '.state == "held" and .holder == "belgg" and .epoch == 2'
done
must 1 node beanr --json custody withdraw "$token"

claim "refused, it is the giver's again, two epochs on, and he can offer it anew"
must 0 node belgg --json custody offer PTPU1000012 --to bezee --level witnessed
eventually 10 custody_is bezee PTPU1000012 '.state == "offered"'
must 0 node bezee --json custody refuse PTPU1000012 --level witnessed
eventually 10 custody_is belgg PTPU1000012 '.state == "held" and .holder == "belgg" and .epoch == 4'
must 0 node belgg --json custody offer PTPU1000012 --to begne --level witnessed
eventually 10 custody_is begne PTPU1000012 '.state == "offered"'
must 0 node begne --json custody accept PTPU1000012 --level witnessed
must 0 node begne --json custody show PTPU1000012
holds '.epoch == 5 and [.tenures[].holder] == ["beanr", "belgg", "belgg", "begne"]'

claim "withdrawn, it can be opened again; a gate-in closes what was left open elsewhere"
must 0 node begne --json custody withdraw "$token" --level witnessed
eventually 10 custody_is beost PTPU1000012 '.state == "withdrawn"'
must 0 node beost --json custody open --container PTPU1000012 --call 'second visit' --facility beost-f1
eventually 10 custody_is beanr PTPU1000012 '.state == "held" and .holder == "beost"'
must 2 node beanr --json custody gate-in PTPU1000012 # opened elsewhere, and this port has two facilities
must 0 node beanr --json custody gate-in PTPU1000012 --facility beanr-f2 --level witnessed
get .id && by=$it
eventually 10 custody_is beost PTPU1000012 '.state == "closed"'
must 1 node beost --json gate collect --container PTPU1000012 --subject card:alfapass:1234567 --gate main
holds '.reasons == [{code: "no-right", record: $id, text: .reasons[0].text}]' --arg id "$it"
holds '.reasons[0].text | test("custody-gate-in by beanr")'
must 1 node beost --json doctor # and nobody has to ask for the box to learn of it
holds '[.checks[] | select(.name == "gate-ins")] | length == 1 and (.[0].ok | not) and
    (.[0].text | test("1 container held here .* PTPU1000012, by \($id) of beanr"))' --arg id "$by"
must 0 node belgg doctor
must 0 node beanr --json custody open --container PTPU1000012 --call 'third visit' --facility beanr-f2
must 0 node beanr --json custody list --container PTPU1000012
same "$(jq -r .state "$out" | sort | paste -sd' ')" "closed held withdrawn" "states of three visits"
must 0 node beanr --json custody list
holds '.state != "closed" and .state != "withdrawn"'

must 0 node beost --json custody open --container PTPU1000033 --call 'first visit' --facility beost-f1
must 0 node beost --json custody gate-in PTPU1000033
must 0 node beost --json custody list --container PTPU1000033
holds '.state == "closed" and .facility == "beost-f1"'

must 0 node beost --json custody open --container PTPU1000049 --call 'first visit' --facility beost-f1 --circle beost
get .id
must 2 node beost --json custody offer PTPU1000049 --to beanr # who could neither accept nor refuse it
must 0 node beost --json custody withdraw "$it" --level witnessed

claim "a port that lost its copy holds its containers frozen in the next generation, until two people have looked"
down beanr
rm "$SB/copies/beanr"
up beanr
must 1 node beanr --json gate collect --container PTPU1000012 --subject card:alfapass:1234567
holds '.answer == "refuse" and .decision == null and .spooled != null and ([.reasons[].code] | index("read-only") != null)'
must 0 node beanr --json key generation
get .file
must 0 node bezee --json charter generation "$it" "${ROOTS[@]}"
for member in bezee begne beost belgg; do # what a commit knows is told in it: with this the old feed is sealed
    eventually 10 node "$member" gate check --subject imo:9179842 --purpose call
done
eventually 20 custody_is beanr PTPU1000012 '.frozen == ["generation"]'
releasing beanr
must 1 node beanr --json custody offer PTPU1000012 --to belgg
holds '.error.code == "custody-frozen"'
must 1 node beanr --json gate collect --container PTPU1000012 --subject card:alfapass:1234567
holds '.reasons | any(.code == "custody-frozen" and (.text | startswith("custody is frozen (generation); what thaws it is a recount")))'
must 0 node beanr gate log
tells 'refuse +PTPU1000012 +beanr/2'
must 0 node beanr --json --as beanr-pso custody recount PTPU1000012
"$P2P_OPENAPI" "$P2P_SOURCE/node/api/openapi.yaml" check POST /v1/custody/recount 200 application/json "$out" 2>"$err" ||
    fail "another answer than openapi.yaml has"
must 1 node beanr --json --as beanr-pso custody recount PTPU1000012
eventually 10 custody_is beanr PTPU1000012 '.frozen == ["generation"]'
must 0 node beanr --json --as beanr-pso2 custody recount PTPU1000012 --level witnessed
eventually 10 custody_is belgg PTPU1000012 '.state == "held" and .frozen == [] and .holder == "beanr"'
must 0 node beanr --json custody offer PTPU1000012 --to belgg

claim "the age of what a port hears is that of feeds that go on"
must 0 node bezee --json status
get '[.feeds[] | select(.feed != "beanr/1") | .heard_s // 0] | max' oldest
"$P2P_BIN" --json federation status "$SB" >"$out" 2>"$err"
holds '[.[] | select(.member == "bezee")][0].age_s < $oldest + 5' -s --argjson oldest "$oldest"

claim "the collect that was asked meanwhile stands in the log, late, and an audit takes it for what it was"
asked='select(.container == "PTPU1000012" and any(.reasons[]; .code == "read-only"))'
late() { node beanr --json gate log | jq -se "[.[] | $asked] | length == 1"; }
eventually 10 late
must 0 node beanr --json gate log
decision=$(jq -rs "[.[] | $asked][0].id" <"$out")
must 0 node beanr audit export "$WORK/archive"
must 0 p2p audit verify "$WORK/archive" --trust "$SB/trust" --json
holds 'select(.verdict != null) | .verdict == "sound"'
must 0 p2p audit explain "$WORK/archive" "$decision" --trust "$SB/trust" --json
holds '.written.late and .answered.answer == "refuse" and (.answered.reasons | any(.code == "read-only"))'
finish
