#!/usr/bin/env bash
# Many at once: one POST for a ship's containers and rights, with each refusal told by its number; done once, also when
# the node is killed; and the same for a party that signs with a key of its own.
. "$(dirname "$0")/lib.sh" || exit 3
. "$(dirname "$0")/lib_outside.sh"
need curl openssl
begin 20300 90 beanr,bezee
up
connected $MEMBERS
releasing beanr

# post PATH STATUS FILE [KEY]: over beanr's socket; the answer in $out
post() {
    : >"$out"
    ran="POST $1"
    it=$(over_socket beanr "$1" -o "$out" -w '%{http_code}' ${4:+-H "Idempotency-Key: $4"} --data-binary "@$3")
    same "$it" "$2" "status of POST $1"
}
# many PATH AS FILTER [FIRST COUNT]: a body whose entries are FILTER of the containers' numbers, in $WORK/body
many() {
    seq "${4:-0}" $((${4:-0} + ${5:-400} - 1)) | jq -Rc 'tonumber | "PTPU\("0000000\(.)"[-7:])"' |
        jq -sc --arg path "$1" --arg who "$2" "{path: \$path, as: \$who, requests: map($3)}" >"$WORK/body"
}
rights_at() { node "$1" --json right list --all | wc -l; }

claim "one request opens 400 containers, and another issues their rights; who cannot is told by number"
many /v1/custody beanr-terminal '{container: ., call: "PTP EXPRESS 50", facility: "beanr-f1"}'
post /v1/bulk 200 "$WORK/body"
holds '.appended == 400 and .refused == [] and (.ids | length == 400 and all(. != null)) and .level == "local"'
many /v1/rights beanr-carrier '{container: ., bl: "PTPL50", to: "beanr-forwarder"}'
jq -c '.level = "mirrored" | .requests[7].container = "CSQU3054383" | .requests[9].container = .requests[8].container
    | .requests[11].bl = 5 | .requests[12].level = "local" | .requests[13] = 1' "$WORK/body" >"$WORK/rights"
started=$(now_ms)
post /v1/bulk 200 "$WORK/rights" ship-50
holds '.appended == 395 and .level == "mirrored" and [.refused[].entry] == [7, 9, 11, 12, 13]'
holds '[.refused[].status] == [404, 400, 400, 400, 400] and (.refused | all(.text != "" and .code != ""))'
holds '.refused[0].code == "no-custody" and .refused[1].code == "repeated"'
holds '. as $all | [.refused[].entry | $all.ids[.]] | all(. == null)'
there() { (($(rights_at bezee) == 395)); }
eventually 10 there
printf '       395 rights were at the second node %d ms after they were asked for\n' $(($(now_ms) - started))
get '.ids[200]'
must 0 node bezee --json right show "$it"
holds '.container == "PTPU0000200" and .state == "PENDING" and .party == "beanr-forwarder"'

claim "the same request again does nothing, also after the node was killed"
post /v1/bulk 200 "$WORK/rights" ship-50
jq -c .ids "$out" >"$WORK/ids"
kill_node beanr
up beanr
size_of beanr beanr/1 before
post /v1/bulk 200 "$WORK/rights" ship-50
jq -c .ids "$out" | cmp -s - "$WORK/ids" || fail "other ids than before"
holds '.appended == 395 and [.refused[].entry] == [7, 9, 11, 12, 13] and .refused[0].code == "no-custody"'
size_of beanr beanr/1
same "$it" "$before" "the size of the feed"
post /v1/bulk 422 "$WORK/body" ship-50

claim "both lights of many rights, by who may; another's right by nobody"
jq -c '{path: "/v1/rights/light", requests: (map(select(. != null)) | .[:100] | map(
    {as: "beanr-customs", id: ., light: "customs", value: "released"},
    {as: "beanr-terminal", id: ., light: "discharge", value: "discharged"},
    {as: "beanr-haulier", id: ., light: "commercial", value: "ok"}))}' "$WORK/ids" >"$WORK/body"
post /v1/bulk 200 "$WORK/body"
holds '.appended == 200 and (.refused | length == 100 and all(.entry % 3 == 2 and .status == 403))'
must 0 node beanr --json right show "$(jq -r '.[0]' "$WORK/ids")"
holds '.lights.customs == "released" and .lights.discharge == "discharged" and .lights.commercial != "ok"'

claim "a collect under a key is one release, answered as it was when it is asked again after a kill"
right=$(jq -r '.[0]' "$WORK/ids") driver=card:alfapass:1234567
must 0 node beanr --as beanr-forwarder right accept "$right"
must 0 node beanr --as beanr-carrier right light "$right" commercial ok
must 0 node beanr --as beanr-terminal right light "$right" terminal released
jq -nc --arg id "$right" --arg driver $driver '{as: "beanr-forwarder", id: $id, driver: $driver, reason: "sick"}' \
    >"$WORK/body"
post /v1/rights/assign 400 "$WORK/body"
holds '.code == "unknown-key" and (.text | test("reason"))' # an assignment has none
must 0 node beanr --as beanr-forwarder right assign "$right" --driver $driver
jq -nc --arg driver $driver '{container: "PTPU0000000", subject: [$driver]}' >"$WORK/body"
post /v1/gates/main/collects 200 "$WORK/body" lane-1
holds '.answer == "allow" and .release != null'
cp "$out" "$WORK/left"
echo '{"subject":["imo:9179842"],"purpose":"call"}' >"$WORK/checked"
post /v1/gates/main/checks 200 "$WORK/checked" lane-2
cp "$out" "$WORK/answered"
kill_node beanr
up beanr
post /v1/gates/main/collects 200 "$WORK/body" lane-1
cmp -s "$out" "$WORK/left" || fail "another answer than before"
post /v1/gates/main/checks 200 "$WORK/checked" lane-2
cmp -s "$out" "$WORK/answered" || fail "another answer to a check than before"
releasing beanr
post /v1/gates/main/collects 200 "$WORK/body" lane-3
holds '.answer == "refuse" and .release == null and (.reasons | any(.code == "used"))'

claim "what is no list, too long, or too large is refused as a whole"
echo '{"path":"/v1/rights","requests":[]}' >"$WORK/body"
post /v1/bulk 400 "$WORK/body"
echo '{"path":"/v1/gates/main/checks","requests":[{}]}' >"$WORK/body"
post /v1/bulk 400 "$WORK/body"
many /v1/custody beanr-terminal '{container: ., call: "x", facility: "beanr-f1"}' 1000 513
post /v1/bulk 400 "$WORK/body"
holds '.code == "bad-bulk"'
head -c 1100000 /dev/zero | tr '\0' x >"$WORK/large"
post /v1/bulk 413 "$WORK/large"

claim "a party signs many with a key that never lies in the node; each that does not fit is told"
make_key "$WORK/outside.pem"
must 0 node beanr charter grant beanr-liner --member beanr --key "$public" --grant ban-local "${ROOTS[@]}"
jq -nc '{path: "/v1/bans", as: "beanr-liner", requests: [range(9074000; 9074012) |
    {subject: ["imo:\(.)"], ground: "local", reference: "list"}]} | .requests[3].ground = "court"' >"$WORK/body"
post /v1/bulk/prepare 200 "$WORK/body"
holds '(.prepared | length == 12) and .prepared[3] == null and [.refused[].entry] == [3] and .refused[0].status == 403'
jq -c '.prepared[] | select(. != null)' "$out" >"$WORK/prepared"
while read -r one; do
    printf %s "$one" >"$WORK/one"
    signed "$WORK/outside.pem" "$WORK/one"
done <"$WORK/prepared" | jq -sc '{records: .}' >"$WORK/signed"
jq -c '.records[5].signature = .records[4].signature | .records[6].leaf = "kA=="' "$WORK/signed" >"$WORK/some"
post /v1/bulk/submit 200 "$WORK/some" list
holds '.appended == 9 and [.refused[] | [.entry, .status]] == [[5, 422], [6, 422]]'
jq -c .ids "$out" >"$WORK/ids"
post /v1/bulk/submit 200 "$WORK/some" list
jq -c .ids "$out" | cmp -s - "$WORK/ids" || fail "other ids than before"
post /v1/bulk/submit 200 "$WORK/some" another # each is known by its own bytes besides
jq -c .ids "$out" | cmp -s - "$WORK/ids" || fail "other ids under another key"
post /v1/bulk/submit 200 "$WORK/some"
holds '.appended == 0 and ([.refused[].code] | unique | index("overtaken") != null)'
must 0 node beanr --json ban list --subject imo:9074011
holds '.issuer == "beanr-liner" and .state == "in-force"'
agree

finish
