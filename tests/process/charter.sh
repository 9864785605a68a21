#!/usr/bin/env bash
# What the roots decide holds everywhere at once: a cut point in the middle of traffic, new roots instead of the old,
# and two heads of the charter, which give nobody anything until the roots settle.

. "$(dirname "$0")/lib.sh" || exit 3
begin 17180 120 beanr,bezee,begne,commission


charter_size() { # charter_size MEMBER: in $it
    must 0 node "$1" --json status
    get .charter.size
}
# everywhere_version SIZE: the charter has so many entries
everywhere_version() {
    local member
    for member in $MEMBERS; do
        eventually 10 status_is "$member" ".charter.size == $1"
    done
}
# state MEMBER ID STATE [WHY]
state() {
    must 0 node "$1" --json ban show "$2"
    holds ".state == \"$3\" and .why == ${4:-null}"
}

claim "four nodes are up"
up
connected $MEMBERS
deciding beanr bezee begne

# --- a cut point ------------------------------------------------------------------------------------------------

claim "bans before the cut stand everywhere"
REFERENCE=before impose beanr imo:9405423 --level witnessed
before=$id
impose bezee imo:9405435
bystander=$id
agree

claim "traffic flows while the officer's key is cut off at the next record"
go=$WORK/go
touch "$go"
(
    n=0
    while [[ -f $go ]]; do
        n=$((n + 1))
        node beanr --as beanr-pso ban impose --subject "imo:9$((10000 + n))7" --ground local --reference "during-$n" \
            >>"$WORK/during" 2>&1 || echo "exit $?" >>"$WORK/during"
        node beanr --as beanr-court ban impose --subject "imo:9$((20000 + n))7" --ground court --reference "court-$n" \
            >>"$WORK/court" 2>&1 || echo "exit $?" >>"$WORK/court"
    done
) &
traffic=$!
some_traffic() { [[ $(grep -c imposed "$WORK/during") -ge $1 ]]; }
eventually 20 some_traffic 10
must 0 node beanr charter revoke beanr-pso --at "$((${before#beanr/1:} + 1))" "${ROOTS[@]}"
everywhere_version 2
eventually 10 grep -q exit "$WORK/during"
rm "$go"
wait "$traffic"
agree

claim "what stood before the cut holds, what came after has no effect, at every node alike"
after=$(sed -n 's/^\(beanr\/1:[0-9]*\).*/\1/p' "$WORK/during")
last_court=$(sed -n 's/^\(beanr\/1:[0-9]*\).*/\1/p' "$WORK/court" | tail -n 1)
for member in $MEMBERS; do
    state "$member" "$before" in-force
    state "$member" "$bystander" in-force
    state "$member" "$last_court" in-force
    for each in $(sed -n '1p;$p' <<<"$after"); do
        state "$member" "$each" no-effect '"past-cut-point"'
    done
    [[ $member == commission ]] && continue
    must 1 node "$member" --json gate check --subject imo:9405423 --purpose call
done

claim "the revoked officer is refused before anything is appended"
must 1 node beanr --json --as beanr-pso ban impose --subject imo:9405447 --ground local --reference late
keys .error code text hint
must 1 node beanr --json --as beanr-pso ban lift "$before" --reason late

claim "a port that was cut off and did not know writes records that have no effect when it comes back"
must 0 node bezee peers pause --all
for member in beanr begne commission; do
    must 0 node "$member" peers pause bezee
done
must 0 node begne charter revoke bezee-pso "${ROOTS[@]}"
REFERENCE=unaware impose bezee imo:9405459
unaware=$id
state bezee "$unaware" in-force
for member in $MEMBERS; do
    must 0 node "$member" peers resume --all
done
everywhere_version 3
agree
for member in $MEMBERS; do
    state "$member" "$unaware" no-effect '"past-cut-point"'
    state "$member" "$bystander" in-force
done
must 0 node begne --json gate check --subject imo:9405459 --purpose call

claim "a later entry grants anew, from then on"
must 0 node begne charter grant bezee-pso --grant ban-local "${ROOTS[@]}"
everywhere_version 4
REFERENCE=anew impose bezee imo:9405461
agree
for member in $MEMBERS; do
    state "$member" "$id" in-force
    state "$member" "$unaware" no-effect '"past-cut-point"'
done

claim "too few roots change nothing, and a root signs one version of each number only"
must 1 node beanr --json charter grant beanr-court --grant block --root-key "$SB/roots/root-1.key"
keys .error code text hint
charter_size beanr
same "$it" 4 "the charter's size"

# --- new roots --------------------------------------------------------------------------------------------------

claim "the roots are replaced; old ones are refused, new ones decide"
must 0 p2p federation sandbox "$WORK/later" --name later.example --members beanr # its root keys cost little to open
new=("$WORK"/later/roots/root-{1,2,3}.key)
must 0 node beanr charter rotate --new-root "${new[0]}" --new-root "${new[1]}" --new-root "${new[2]}" --threshold 2 \
    "${ROOTS[@]}" --root-key "${new[0]}" --root-key "${new[1]}"
everywhere_version 5
"$P2P_BIN" -C "$SB/beanr" --json charter grant beanr-pso --grant ban-local "${ROOTS[@]}" >"$out" 2>"$err"
code=$?
ran="charter grant by the old roots"
((code == 1)) || fail "old roots were taken, or it was left open: exit $code"
charter_size beanr
same "$it" 5 "the charter's size after old roots tried"
must 0 node beanr charter draft grant beanr-pso --grant ban-local --ceremony "$SB/roots" --out "$WORK/draft"
must 1 node beanr charter sign "$WORK/draft" --root-key "$SB/roots/root-1.key"
must 0 node beanr charter sign "$WORK/draft" --root-key "${new[0]}"
must 1 node beanr --json charter append "$WORK/draft"
keys .error code text hint
must 0 node bezee charter sign "$WORK/draft" --root-key "${new[2]}"
must 0 node begne charter append "$WORK/draft"
everywhere_version 6
REFERENCE=new-roots impose beanr imo:9405473
agree
for member in $MEMBERS; do
    state "$member" "$id" in-force
done

# --- two heads --------------------------------------------------------------------------------------------------

claim "two versions of one number, each with enough roots: every node shows the alarm, none takes either"
# version MEMBER ROOTS WHICH VERB OPTION...: drafted, signed by roots WHICH in ROOTS, given to the member
version() {
    rm -f "$WORK/draft"
    must 0 node "$1" charter draft "${@:4}" --ceremony "$SB/roots" --out "$WORK/draft"
    local each
    for each in $3; do
        must 0 node "$1" charter sign "$WORK/draft" --root-key "$2/root-$each.key"
    done
}
cp -r "${new[0]%/*}" "$WORK/second" # these do not know what the others signed
for member in $MEMBERS; do
    must 0 node "$member" peers pause --all
done
version beanr "${new[0]%/*}" "1 2" grant beanr-terminal --grant ban-local
must 0 node beanr charter append "$WORK/draft"
version bezee "$WORK/second" "2 3" grant bezee-terminal --grant ban-local
must 0 node bezee charter append "$WORK/draft"
for member in $MEMBERS; do
    must 0 node "$member" peers resume --all
done
alarmed() { { node "$1" --json doctor || true; } | jq -e 'any(.checks[]; .name == "charter" and (.ok | not))'; }
for member in $MEMBERS; do
    eventually 15 alarmed "$member"
    [[ $(metric "$member" port2port_charter_rival_versions) != 0 ]] || fail "$member's metrics know no rival"
    [[ $(metric "$member" port2port_alarm) == 1 ]] || fail "$member's metrics know no alarm"
    must 0 node "$member" --json status
    holds '.alarm != null'
    must 1 node "$member" doctor
    eventually 5 grep -q charter-rival "$SB/$member/node.log"
done

claim "authority stays at the last good version, and bans go on by it"
for member in beanr bezee; do
    must 1 node "$member" --json --as "$member-terminal" ban impose --subject imo:9405485 --ground local --reference x
done
REFERENCE=meanwhile impose begne imo:9405497
eventually 10 answers beanr imo:9405497 call refuse
eventually 10 answers bezee imo:9405497 call refuse
for member in $MEMBERS; do
    must 0 node "$member" --json charter show
    holds '[.issuers[] | select(.name | endswith("-terminal")) | .grants[].name] | index("ban-local") == null'
done

claim "a restart forgets neither head"
for member in beanr bezee commission; do
    must 0 node "$member" peers pause begne # it has to know by itself
done
kill_node begne
up begne
eventually 5 alarmed begne
for member in beanr bezee commission; do
    must 0 node "$member" peers resume begne
done
connected begne

claim "the roots settle with one more than the threshold; all nodes go on alike, without alarm"
version beanr "${new[0]%/*}" "1 2" settle
must 1 node beanr charter append "$WORK/draft"
must 0 node beanr charter sign "$WORK/draft" --root-key "${new[2]}"
must 0 node beanr charter append "$WORK/draft"
calm() { node "$1" doctor; }
for member in $MEMBERS; do
    eventually 15 calm "$member"
done
agree
for member in $MEMBERS; do
    [[ $(metric "$member" port2port_alarm) == 0 ]] || fail "$member is still alarmed"
done

finish
