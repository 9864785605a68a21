#!/usr/bin/env bash
# A port joins a federation that is at work: two roots admit it, it catches up, its gate lets nobody in before it
# knows what its witnesses know, and then it knows old bans on persons too.

. "$(dirname "$0")/lib.sh" || exit 3
. "$(dirname "$0")/lib_outside.sh"
begin 17200 90 beanr,bezee,begne,beost

PERSON=card:alfapass:7654321

claim "four ports are at work, with a list of ships and a ban on a person"
up
connected $MEMBERS
must 0 node beanr --json --as beanr-pso ban import "$P2P_DATA/eu-port-access-bans.csv" --subject-type imo --subject-column imo \
    --reference-column legal_basis --from-column listed_on --ground eu-regulation
impose beanr "$PERSON" --reason "an old one"
person=$id
impose bezee "card:alfapass:1111111"
lifted=$id
must 0 node bezee --as bezee-pso ban lift "$lifted" --reason over
agree

claim "a new port makes its directory and asks to join"
must 0 node belgg --json init --federation "$SB/federation.json" --name belgg --locode BELGG
new=$SB/belgg
[[ -s $new/join.json ]] || fail "there is no join.json"
if grep -q '"seed"\|PRIVATE' "$new/join.json"; then
    fail "join.json holds what has to stay secret"
fi
must 2 node belgg init --federation "$SB/federation.json" --name belgg --locode BELGG
address=127.77.0.9
cp "$new/config.yaml" "$WORK/config.yaml"
sed -i "s|^#* *listen_peers:.*|listen_peers: \"$address:$BASE\"|; s|^#* *listen_people:.*|listen_people: \"$address:$((BASE + 1))\"|
    s|^#* *dial_from:.*|dial_from: \"$address\"|; s|^#* *log:.*|log: \"node.log\"|" "$new/config.yaml"
grep -q "^listen_peers: \"$address:$BASE\"" "$new/config.yaml" || fail "config.yaml of a new member has no listen_peers"

claim "before it is admitted nobody speaks to it, and its gate lets nobody in"
address_lines() {
    local each
    echo "peers:"
    for each in beanr bezee begne beost; do
        printf '  - member: %s\n    address: "%s:%s"\n' "$each" "$(address_of "$each")" "$BASE"
    done
}
grep -q '^peers:' "$new/config.yaml" || address_lines >>"$new/config.yaml"
up belgg
# a gate that is no member's, or knows nothing, does not say yes
must 3 node belgg --json gate check --subject imo:9321483 --purpose call
holds '.error.code == "not-admitted"'
refused_by_name() { grep -qE '"network.refused".*unpinned' "$SB/beanr/node.log"; }
eventually 15 refused_by_name

must 0 node belgg peers pause --all

claim "two roots admit it while all are running: member, circle and an officer"
must 1 node beanr charter admit "$new/join.json" --circle national --root-key "$SB/roots/root-1.key"
must 0 node beanr charter admit "$new/join.json" --circle national "${ROOTS[@]}"
must 0 node beanr --json charter show
holds '.version == 2 and any(.members[]; .name == "belgg" and (.witnesses | length) == 4)'
must 0 node belgg charter fetch "https://$(address_of beanr):$((BASE + 1))/v1/charter"

claim "a gate that has not reached what its witnesses hold refers"
must 0 node belgg --json status
holds '.complete == false'
must 3 node belgg --json gate check --subject imo:9321483 --purpose call
holds '.answer == "refer" and any(.reasons[]; .code == "incomplete")'
must 0 node belgg peers resume --all

claim "it catches up, and then its gate says what all gates say"
connected belgg
deciding belgg
agree 30
must 1 node belgg --json gate check --subject imo:9179842 --purpose call
must 0 node belgg --json gate check --subject imo:9321483 --purpose call

claim "old bans on persons match at the new gate: members of the circle have given it the key"
has_keys() { status_is "$1" '.circle_keys_missing == []'; }
eventually 10 has_keys belgg
eventually 10 answers belgg "$PERSON" enter refuse
must 1 node belgg --json gate check --subject "$PERSON" --purpose enter
holds ".reasons[0].record == \"$person\""
eventually 10 answers belgg card:alfapass:1111111 enter allow

claim "its officer is granted, imposes, and is heard everywhere"
make_key "$WORK/officer.pem"
must 0 node begne charter grant belgg-pso --member belgg --key "$public" --grant ban-local "${ROOTS[@]}"
knows_officer() { node belgg --json charter show | jq -e 'any(.issuers[]; .name == "belgg-pso")'; }
eventually 10 knows_officer
must 0 node belgg --json --as belgg-pso ban impose --subject imo:9405423 --ground local --reference first --prepare "$WORK/prepared"
signed "$WORK/officer.pem" "$WORK/prepared" >"$WORK/signed"
must 0 node belgg --json submit "$WORK/signed" --level witnessed
eventually 10 answers beanr imo:9405423 call refuse

claim "a new key of the circle reaches all, and bans under the old one go on matching"
must 2 node beanr charter circle national --remove belgg "${ROOTS[@]}"
must 0 node bezee --json key circle national
key=$(jq -r .key "$out")
must 0 node beanr charter circle national --key "$key" "${ROOTS[@]}"
for member in $MEMBERS belgg; do
    eventually 10 status_is "$member" '.charter.size == 4'
    eventually 10 has_keys "$member"
done
impose beanr card:alfapass:2222222
must 0 node beanr --json ban show "$id"
holds '.subjects[0] | startswith("card:token:national/2:")'
for member in beanr beost belgg; do
    eventually 10 answers "$member" card:alfapass:2222222 enter refuse
    must 1 node "$member" --json gate check --subject "$PERSON" --purpose enter
done
agree

finish
