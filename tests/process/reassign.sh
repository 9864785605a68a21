#!/usr/bin/env bash
# A port that is lost for good holds a container: the roots give it to another one, which takes it over once those who
# may have let the lost one go on have seen that, its lease is over, and two people have looked; the lost one comes back.
# Of another container it and the new holder had both opened custody: the roots keep one of these, by the same wait.

. "$(dirname "$0")/lib.sh" || exit 3
. "$(dirname "$0")/lib_containers.sh"
begin 19400 240 beanr,bezee,begne,beost,belgg
LEASE_S=60 # the shortest that a charter may have; who takes over waits 1.1 times as long
BOX=PTPU1000012 RIVAL=HBMU2699702
up
connected $MEMBERS
must 0 node bezee --json charter policy --lease ${LEASE_S}s "${ROOTS[@]}"

# tells_seen MEMBER...: what a commit knows is told in it, and with it that the holder is replaced
tells_seen() {
    local each
    for each in "$@"; do
        must 0 node "$each" gate check --subject imo:9179842 --purpose call
    done
}
releasing $MEMBERS

claim "Antwerp and Ghent each open custody of one container, not knowing of each other: neither may release"
down bezee begne beost belgg
open_custody beanr "$RIVAL"
get .id goes
down beanr
up bezee begne beost belgg
open_custody begne "$RIVAL"
get .id kept
up beanr
connected beanr
for member in beanr begne belgg; do
    eventually 20 custody_is "$member" "$goes" '.frozen == ["rival"]'
    eventually 20 custody_is "$member" "$kept" '.frozen == ["rival"]'
done
releasing beanr

claim "Antwerp opens custody, every port knows, and Antwerp is lost"
open_custody beanr "$BOX" --level witnessed
get .id token
open_custody beanr PTPU1000054 --level witnessed
get .id unaware
for member in $MEMBERS; do
    eventually 10 custody_is "$member" "$BOX" '.state == "held" and .holder == "beanr"'
    eventually 10 custody_is "$member" "$unaware" '.state == "held" and .holder == "beanr"'
done
kill_node beanr
must 1 node begne --json --as begne-pso custody recount "$BOX"
holds '.error.code == "not-held"'

claim "which opens settle is asked of the node: those of other containers, and what is over, are refused"
must 0 node bezee --json custody open --container PTPU1000028 --call 'PTP EXPRESS 46' --facility bezee-f1 --level witnessed
get .id && wrong=$it
must 0 node bezee --json custody open --container PTPU1000033 --call 'PTP EXPRESS 46' --facility bezee-f1 --level witnessed
get .id && right_one=$it
must 0 node bezee --json custody open --container PTPU1000049 --call 'PTP EXPRESS 46' --facility bezee-f1
get .id && over=$it
must 0 node bezee --json custody withdraw "$over" --level witnessed
must 0 node begne wait record "$over" --level witnessed
eventually 10 custody_is begne "$over" '.state == "withdrawn"'
must 1 node begne --json charter settle-opens "$right_one" --other "$wrong" "${ROOTS[@]}"
holds '.error.text | test("of PTPU1000033, .* of PTPU1000028: the entry would freeze that one for good")'
must 1 node begne --json charter settle-opens "$right_one" --other "$over" "${ROOTS[@]}"
holds '.error.text | test("is withdrawn already")'
must 1 node begne --json charter settle-opens "$over" --other "$right_one" "${ROOTS[@]}"
holds '.error.text | test("one that is over keeps nothing")'
must 1 node begne charter settle-opens "$right_one" --other bezee/1:9999 --root-key "$SB/roots/root-1.key"
says 'the node does not know bezee/1:9999'

claim "where no node was asked, its holder is told what froze it, and withdraws it"
curl -sk --max-time 10 --http2 "https://127.77.0.3:$((BASE + 1))/v1/charter" >"$WORK/charter.json"
must 0 p2p charter settle-opens "$right_one" --other "$wrong" --federation "$WORK/charter.json" "${ROOTS[@]}"
must 0 node begne charter fetch "$WORK/charter.json"
eventually 10 custody_is bezee "$wrong" '.frozen == ["settled"] and .settled == {keep: "'"$right_one"'", version: 3, fits: false}'
must 0 node bezee custody show "$wrong"
tells 'version 3 of the charter keeps .* which is of another container: withdraw this one'
must 1 node bezee --json doctor
holds '.checks[] | select(.name == "settled") | (.ok | not) and (.text | test("PTPU1000028")) and (.hint | test("custody withdraw"))'
must 0 node bezee custody withdraw "$wrong" --level witnessed
must 0 node bezee --json custody open --container PTPU1000028 --call 'PTP EXPRESS 46' --facility bezee-f1
must 1 node bezee --json doctor
holds 'all(.checks[]; .name != "settled")'

claim "the roots give it to Ghent: frozen at once, and whose word is missing is told"
down bezee beost
must 1 node begne --json charter reassign "$token" --to beanr "${ROOTS[@]}"
holds '.error.text | contains("held by beanr already")'
must 1 node begne --json charter reassign "$token" --to begne --epoch 77 "${ROOTS[@]}"
holds '.error.text | contains("at epoch 1")'
must 0 node begne --json charter reassign "$token" --to begne "${ROOTS[@]}"
must 0 node begne --json charter settle-opens "$kept" --other "$goes" "${ROOTS[@]}"
must 1 node begne --json charter settle-opens "$goes" --other "$kept" "${ROOTS[@]}"
holds '.error.text | test("stays away")'
must 0 node begne --json charter reassign "$unaware" --to begne "${ROOTS[@]}"
eventually 10 custody_is belgg "$goes" '.frozen == ["rival", "settled"]'
eventually 10 custody_is belgg "$BOX" '.frozen == ["reassigned"] and .holder == "beanr" and .reassigned.to == "begne"'
must 0 node belgg custody show "$BOX"
tells 'reassigned +to begne by version 4 of the charter, not sealed by enough witnesses yet'
tells_seen begne belgg
must 3 node begne --json --as begne-pso custody recount "$BOX"
holds '.error.code == "not-sealed" and (.error.text | test("1 more of") and test("bezee") and test("beost"))'
must 1 node begne --json doctor
holds '.checks[] | select(.name == "seals") | .ok == false and (.text | test("bezee"))'
up bezee beost
eventually 20 custody_is bezee "$BOX" '.frozen == ["reassigned"]'
eventually 20 node bezee gate check --subject imo:9179842 --purpose call

claim "sealed, it waits for the lease of who held it, in one go"
sealed() { # by the answer: until the wait is over both are refused
    local said
    said=$(node begne --json --as begne-pso custody recount "$BOX" 2>/dev/null)
    jq -e '.error.code != "not-sealed"' <<<"$said"
}
eventually 10 sealed
must 3 node begne --json --as begne-pso custody recount "$BOX"
holds '.error.text | test("the lease of who held it may still run")'
since=$SECONDS
eventually 10 custody_is begne "$BOX" '.reassigned | .sealed and .wait_s > 0 and .wait_s <= '$((LEASE_S * 11 / 10))
must 0 node begne custody show "$BOX"
tells 'to begne by version 4 of the charter, which may count it in'
must 0 node begne --json custody show "$BOX"
holds '.holder == "beanr" and .frozen == ["reassigned"]'

claim "after the wait two people count it, and Ghent holds it"
looked() { node begne --json --as begne-pso custody recount "$BOX"; }
eventually $((LEASE_S * 2)) looked
((SECONDS - since >= LEASE_S)) || fail "looked after $((SECONDS - since)) s, within the lease"
must 1 node begne --json --as begne-pso custody recount "$BOX"
holds '.error.code == "same-officer"'
must 0 node begne --json --as begne-pso2 custody recount "$BOX" --level witnessed
for member in bezee begne beost belgg; do
    eventually 10 custody_is "$member" "$BOX" '.state == "held" and .holder == "begne" and .epoch == 2 and .frozen == []'
done

claim "two people count the one that the roots keep, and the other is over"
counted() { node begne --json --as "$1" custody recount "$RIVAL"; }
eventually 10 counted begne-pso
must 0 node begne --json --as begne-pso2 custody recount "$RIVAL" --level witnessed
for member in bezee begne beost belgg; do
    eventually 10 custody_is "$member" "$goes" '.state == "withdrawn"'
    eventually 10 custody_is "$member" "$kept" '.state == "held" and .frozen == []'
done

claim "Antwerp comes back and refuses; Ghent releases, once"
must 0 node beanr --json custody withdraw "$unaware" # before it hears of the entry that gave that away
get .id withdrawn
up beanr
connected beanr
eventually 20 custody_is beanr "$BOX" '.holder == "begne" and .epoch == 2'
collect 1 beanr "$BOX"
because custody-elsewhere
eventually 10 custody_is beanr "$goes" '.state == "withdrawn"'
releasing begne
collectable begne "$BOX"
collect 0 begne "$BOX"
holds '.answer == "allow" and .release != null'
collect 1 begne "$BOX"
because used
eventually 10 custody_is beanr "$BOX" '.state == "released"'
collect 1 beanr "$BOX"
because used

claim "that it let go what was given away is told: by it, whom nobody cosigns any more, and by who does not"
barred="of beanr/1 from record ${withdrawn#*:} on, where PTPU1000054 was let go although version 6 of the charter gives it to another"
must 1 node beanr --json doctor
holds '.checks[] | select(.name == "cosigned") | (.ok | not) and (.hint | test("key generation")) and
    (.text | startswith("4 of 4 witnesses cosign nothing \($barred)"))' --arg barred "$barred"
must 0 node beanr --json status
holds '.alarm | startswith("too few witnesses cosign beanr/1") and endswith("doctor says what to do")'
must 1 node begne --json doctor
holds '.checks[] | select(.name == "cosigns") | (.ok | not) and (.text | contains("cosigns nothing \($barred)"))' --arg barred "$barred"
finish
