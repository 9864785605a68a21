#!/usr/bin/env bash
# CLI.md, line by line, against a real federation: what others build their own tests on must be so. Exit codes,
# the shapes of --json, ids, empty lists, where options may stand, the socket's routes, the offline verbs.

. "$(dirname "$0")/lib.sh" || exit 3
. "$(dirname "$0")/lib_outside.sh"
begin 17100 60

PORTS="beanr bezee begne beost belgg bebru"
MALFORMED_IMO=imo:9074720 # the check digit is 9
SHIP=imo:9074729 OTHER=imo:9179842

socket() { # socket MEMBER METHOD PATH [BODY]: status and content type in $it, the body in $out
    ran="$2 $3 ${4:-} at $1"
    it=$(over_socket "$1" "$3" --max-time 20 -X "$2" ${4:+-d "$4"} -o "$out" -w '%{http_code} %{content_type}')
}

# --- before anything serves -------------------------------------------------------------------------------------

claim "a sandbox is laid out as CLI.md says"
for file in trust federation.json roots/root-{1,2,3}.key copies/beanr copies/commission \
    beanr/{config.yaml,keys/{feed,witness,transport,sealing}.key,people.crt,people.key,store} \
    beanr/keys/issuers/beanr-{court,pso,pso2,police,customs,terminal,carrier,forwarder,haulier}.key; do
    [[ -e $SB/$file ]] || fail "there is no $file"
done
[[ ! -e $SB/commission/keys/issuers/commission-pso.key ]] || fail "the commission has an issuer"
same "$MEMBERS" "beanr
bebru
begne
belgg
beost
bezee
commission" "the default members"
grep -q "127.77.0.3:$BASE" "$SB/begne/config.yaml" || fail "begne, member 3, is not at 127.77.0.3"
grep -q "127.77.0.3:$((BASE + 1))" "$SB/begne/config.yaml" || fail "begne's people are not at BASE+1"

claim "a directory that is not empty is no place for a sandbox"
must 2 p2p --json federation sandbox "$SB"
keys .error code text hint
must 2 p2p --json federation sandbox "$WORK/zero" --tcp-port 0
[[ ! -e $WORK/zero ]] || fail "port 0 was taken for the default"

claim "a federation that is refused leaves nothing behind"
must 2 p2p federation new refused.example --roots 3 --threshold 1 --out "$WORK/refused"
[[ ! -e $WORK/refused ]] || fail "the next try would find no empty directory"

claim "every error is one sentence on stderr, and with --json an object on stdout"
must 2 node beanr --json gate check --subject "$SHIP" --purpose call --gate a/b
must 2 node beanr --json ban show ''
must 2 node beanr ban impose --subject "$SHIP" --ground local
[[ $(wc -l <"$err") -le 2 ]] || fail "more than a sentence"
silent
must 2 node beanr ban frobnicate
must 2 node beanr frobnicate
must 2 node beanr ban list --frobnicate
must 2 node beanr --json ban impose --subject nonsense --ground local --reference x --as beanr-pso
keys .error code text hint
must 2 node beanr --json ban impose --subject "$SHIP" --ground whim --reference x --as beanr-pso
must 2 node beanr --json ban impose --subject "$SHIP" --ground local --reference x --as beanr-pso --from yesterday
must 3 p2p -C "$WORK/nowhere" --json status
keys .error code text hint
must 3 p2p -C "$WORK/nowhere" serve

claim "with the daemon down a command works itself: appends, lists, checks"
must 0 node beanr ban list
silent
must 0 node beanr --json ban list
silent
must 0 node beanr ban list --json
silent
must 0 node beanr --as beanr-pso ban impose --subject "$SHIP" --ground local --reference x --json
keys . id time level
holds '.id | test("^beanr/1:[0-9]+$")'
holds '.time | test("^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$")'
holds '.level == "local"'
get .id first
must 0 node beanr --json ban list
same "$(wc -l <"$out")" 1 "lines of the list"
holds ".id == \"$first\""
must 3 node beanr --json gate check --subject "$OTHER" --purpose call
holds '.answer == "refer" and (.reasons | map(.code) | index("incomplete") != null)'
must 1 node beanr --json gate check --subject "$SHIP" --purpose call
holds '.answer == "refuse"'
must 0 node beanr --json status
must 0 node beanr --json charter show
must 0 node beanr key list

claim "federation up is 0 when all are ready, and then connected and alike"
up
for member in $MEMBERS; do
    must 0 node "$member" wait ready
done
connected $MEMBERS
deciding $PORTS
agree
node beanr --json serve >"$WORK/second" 2>/dev/null & # it waits 10 s for the store's lock
second=$!

claim "what is not allowed is 1, and nothing is appended by it"
size_of beanr beanr/1 before
must 1 node beanr --json --as beanr-pso ban impose --subject "$SHIP" --ground court --reference x
keys .error code text hint
must 1 node commission --json gate check --subject "$SHIP" --purpose call
must 1 node commission ban impose --subject "$SHIP" --ground local --reference x
must 2 node beanr ban impose --subject "$SHIP" --ground local --reference x
says beanr-pso
says beanr-court
size_of beanr beanr/1
same "$it" "$before" "the feed's size after refusals"

claim "status --json has the fields of CLI.md"
must 0 node beanr --json status
keys . federation member role generation read_only charter feeds peers custody lease_s frontier_digest leaves_digest digests store
keys .charter size root
keys '.feeds[0]' feed size witnessed lag heard_s state
keys '.peers[0]' member state behind since reason
keys .store records bytes map_bytes
holds '.federation == "sandbox.example" and .member == "beanr" and .role == "port" and .generation == 1'
holds '.read_only == null and (.lease_s | type == "number") and .charter.size == 1'
holds '.custody | IN("ready", "waiting-for-witnesses", "lease-over")'
holds '[.feeds[].feed] | index("charter/1") != null and index("commission/1") != null and length == 8'
holds '[.peers[] | .state] | all(. == "connected") and length == 6'
holds '.frontier_digest | test("^[0-9a-f]{64}$")'
holds '.digests["bans/national"] | test("^[0-9a-f]{64}$")'
digest=$(jq -r '.digests["bans/national"]' "$out")
leaves=$(jq -r .leaves_digest "$out")

claim "wait: ready, connected, custody, digest, record; 3 when the time is over"
must 0 node beanr wait ready
must 0 node beanr wait custody
must 0 node beanr --json status
holds '.custody == "ready" and .lease_s > 258000'
must 0 node beanr wait connected
must 0 node bebru wait digest "$digest"
must 0 node beanr wait record "$first" --level witnessed
must 0 node begne wait record "$first"
must 3 node beanr wait digest "${digest//[0-9]/0}" --timeout 1
must 3 node beanr wait record beanr/1:999999 --timeout 1
must 2 node beanr wait
must 2 node beanr wait forever

claim "a ban has the fields of CLI.md, and its state follows what is done to it"
REFERENCE="decision 12" impose beanr "$OTHER" --until 2030-01-01 --reason "unpaid dues" --effect call --scope BEANR,BEGNE
must 0 node beanr --json ban show "$id"
keys . id subjects ground reference effects scope from until reason issuer state why lifted_by level
holds ".id == \"$id\" and .subjects == [\"$OTHER\"] and .ground == \"local\" and .reference == \"decision 12\""
holds '.effects == ["call"] and .scope == ["BEANR", "BEGNE"] and .until == "2030-01-01T00:00:00Z" and .issuer == "beanr-pso"'
holds '.reason == "unpaid dues" and .state == "in-force" and .why == null and .lifted_by == []'
must 0 node beanr --json --as beanr-pso ban suspend "$id" --reason appeal
get .id suspension
must 0 node beanr --json ban show "$id"
holds '.state == "suspended"'
must 0 node beanr --json --as beanr-pso ban resume "$suspension" --reason decided
must 0 node beanr --json ban show "$id"
holds '.state == "in-force"'
must 0 node beanr --json --as beanr-pso ban amend "$id" --reason "longer" --until 2031-01-01
get .id amended
must 0 node beanr --json ban show "$amended"
holds '.state == "in-force" and .until == "2031-01-01T00:00:00Z"'
must 0 node beanr --json ban show "$id"
holds ".state == \"lifted\" and .lifted_by == [\"$amended\"]"
must 0 node beanr --json --as beanr-pso ban lift "$amended" --reason paid
must 0 node beanr --json ban show "$amended"
holds '.state == "lifted" and (.lifted_by | length) == 1'
must 0 node beanr --json ban list --subject "$OTHER"
silent
must 0 node beanr --json ban list --subject "$OTHER" --all
same "$(wc -l <"$out")" 2 "lines of the list of all"
REFERENCE=later impose beanr "$OTHER" --from 2040-01-01
must 0 node beanr --json ban show "$id"
holds '.state == "future"'
REFERENCE=over impose beanr "$OTHER" --from 2020-01-01 --until 2021-01-01
must 0 node beanr --json ban show "$id"
holds '.state == "expired"'
must 3 node beanr --json ban show beanr/1:999999
must 3 node beanr --json ban show nonsense

claim "a wrong check digit is imposed all the same, and possible at the gate"
impose beanr "$MALFORMED_IMO"
holds '[.flags[].code] == ["bad-identifier"] and (.flags[0].text | contains($imo))' --arg imo "$MALFORMED_IMO"
must 0 node beanr --json ban show "$id"
holds '.state == "in-force" and .bad_identifiers == [$imo]' --arg imo "$MALFORMED_IMO"
must 0 node begne wait record "$id"
must 0 node begne --json ban list --subject "$MALFORMED_IMO"
holds '.bad_identifiers == [$imo]' --arg imo "$MALFORMED_IMO"
must 0 node begne ban list --subject "$MALFORMED_IMO"
tells "$MALFORMED_IMO \(check digit\)"
must 0 node begne ban show "$id"
tells "$MALFORMED_IMO wrong"
must 0 node beanr --json --as beanr-pso ban amend "$id" --reason later --effect call
holds '[.flags[].code] == ["bad-identifier"]'
must 0 node beanr --json ban show "$first"
holds '.bad_identifiers == []'

claim "of a number that stands as a token only who imposes is told of its check digit, and of a ban that is over"
must 0 node beanr --as beanr-pso ban impose --subject nrn:85073003329 --ground local --reference x --until 2020-01-01
says 'nrn:85073003329 has a wrong check digit'
says 'it forbids nothing'
must 0 node beanr --as beanr-pso --json ban impose --subject nrn:85073003328 --ground local --reference x
holds 'has("flags") | not'
if grep -rqa 85073003329 "$SB"/*/store "$SB"/*/node.log; then
    fail "a person's number lies in a store or a log"
fi

claim "persons print as tokens, and are found by the plain identifier"
impose beanr card:alfapass:1234567
must 0 node beanr --json ban show "$id"
holds '.subjects[0] | test("^card:token:national/1:[0-9a-f]{16}$")'
holds '.effects == ["enter"]'
must 0 node beanr --json ban list --subject card:alfapass:1234567
holds ".id == \"$id\""
must 0 node bezee wait record "$id"
must 1 node bezee --json gate check --subject card:alfapass:1234567 --purpose enter
must 1 node bezee --json gate check --subject card:alfapass:1234567 --purpose work
if grep -rqa 1234567 "$SB"/*/store "$SB"/*/node.log; then
    fail "a card's number lies in a store or a log"
fi

claim "gates: the answer, the reasons, what was known, the exit codes"
agree
must 1 node begne --json gate check --subject "$SHIP" --purpose call
keys . answer reasons decision knowledge knowledge_total
keys '.reasons[0]' code record text
keys '.knowledge[0]' feed size age_s
holds ".answer == \"refuse\" and .reasons[0].code == \"banned\" and .reasons[0].record == \"$first\""
holds '.decision | test("^begne/1:[0-9]+#[0-9]+$")'
must 0 node begne --json gate check --subject imo:9321483 --purpose call
holds '.answer == "allow"'
must 3 node begne --json gate check --subject imo:9321480 --purpose call
holds '.answer == "possible" and (.reasons | map(.code) | index("bad-identifier") != null)'
must 0 node begne --json gate check --subject imo:9321483 --purpose call --gate north-2
must 2 node begne --json gate check --subject imo:9321483 --purpose call --gate NORTH
must 2 node begne --json gate check --subject imo:9321483 --purpose fly
must 0 node begne --json gate log
same "$(wc -l <"$out")" 4 "decisions in the log"
must 1 node begne gate check --subject "$SHIP" --purpose call
tells REFUSE

claim "global options stand before or after the verb"
must 0 p2p --json -C "$SB/beanr" ban list
before=$(cat "$out")
must 0 p2p ban list -C "$SB/beanr" --json
same "$(cat "$out")" "$before" "the list"
PORT2PORT_DIR=$SB/beanr must 0 p2p ban --json list
same "$(cat "$out")" "$before" "the list by PORT2PORT_DIR"

claim "an append waits for its level, and says the level it reached"
must 0 node beanr --json --as beanr-pso ban impose --subject imo:9405423 --ground local --reference m --level mirrored
holds '.level | IN("mirrored", "witnessed")'
must 0 node beanr --json --as beanr-pso ban impose --subject imo:9405423 --ground local --reference w --level witnessed
holds '.level == "witnessed"'

claim "prepare and submit: a key that never lies in the node signs, in order, and nothing else does"
make_key "$WORK/outside.pem"
must 0 node beanr charter grant beanr-liner --member beanr --key "$public" --grant ban-local "${ROOTS[@]}"
must 0 node beanr --json --as beanr-liner ban impose --subject imo:9405435 --ground local --reference p --prepare "$WORK/prepared"
must 0 node beanr --json ban list --subject imo:9405435
silent
signed "$WORK/outside.pem" "$WORK/prepared" >"$WORK/signed"
jq --arg s "$(tr '\0-\377' '\1-\377\0' <"$WORK/signature" | base64 -w0)" '.signature = $s' "$WORK/prepared" >"$WORK/forged"
must 2 node beanr --json --as beanr-liner ban impose --subject imo:9405435 --ground local --reference p --prepare "$WORK/prepared"
holds '.error.text | contains("prepared")'
must 2 node beanr --json submit "$WORK/prepared"
must 4 node beanr --json submit "$WORK/forged"
keys .error code text hint
must 0 node beanr --json submit "$WORK/signed"
keys . id time level
get .id
must 0 node beanr --json ban show "$it"
holds '.issuer == "beanr-liner" and .state == "in-force" and .why == null'
must 1 node beanr --json submit "$WORK/signed"
must 3 node beanr --json submit "$WORK/nothing"

claim "peers: one line each; pause closes the session, resume opens it at once"
must 0 node beanr peers
tells '^bezee +(up to date|behind)'
must 0 node beanr --json peers
holds 'if has("member") then true else false end'
same "$(wc -l <"$out")" 6 "peers"
must 0 node beanr peers pause bezee
must 0 node beanr peers
tells '^bezee +paused'
must 0 node beanr wait connected
bezee_lost_it() { node bezee peers | grep -E '^beanr +(offline|refused)'; }
eventually 5 bezee_lost_it
must 0 node beanr peers resume --all
must 0 node beanr wait connected

claim "federation status: 0 alike, 3 when not"
agree
must 0 node beanr peers pause --all
for member in $MEMBERS; do
    [[ $member == beanr ]] || must 0 node "$member" peers pause beanr
done
impose beanr imo:9405447
must 3 p2p --json federation status "$SB"
for member in $MEMBERS; do
    must 0 node "$member" peers resume --all
done
connected $MEMBERS
agree

claim "the socket: HTTP/2, the routes of CLI.md, the same objects as --json"
same "$(stat -c %a "$SB/beanr/node.sock")" 600 "mode of node.sock"
socket beanr GET /v1/status
same "${it%%;*}" "200 application/json" "GET /v1/status"
keys . federation member role generation read_only charter feeds peers
socket beanr GET "/v1/bans?subject=$SHIP"
same "${it%% *}" 200 "GET /v1/bans"
socket beanr GET "/v1/bans/$first"
same "${it%% *}" 200 "GET /v1/bans/ID"
holds ".id == \"$first\""
socket beanr POST /v1/bans '{"as":"beanr-pso","subject":["imo:9179842"],"ground":"local","reference":"x"}'
same "${it%% *}" 200 "POST /v1/bans"
keys . id time level
socket begne POST /v1/gates/main/checks "{\"subject\":[\"$SHIP\"],\"purpose\":\"call\"}"
same "${it%% *}" 200 "POST checks, refused"
holds '.answer == "refuse"'
ran="GET /v1/events at beanr"
curl -sN --http2-prior-knowledge --unix-socket "$SB/beanr/node.sock" "http://node/v1/events?after=0" >"$WORK/events" &
stream=$!
eventually 5 [ -s "$WORK/events" ]
stop "$stream"

claim "errors of the socket are application/problem+json: 403, 400, 404, 422"
socket beanr POST /v1/bans '{"as":"beanr-pso","subject":["imo:9179842"],"ground":"court","reference":"x"}'
same "${it%%;*}" "403 application/problem+json" "no grant"
keys . code text hint
socket beanr POST /v1/bans '{"as":"beanr-pso","subject":["imo:9179842"],"ground":"local"}'
same "${it%%;*}" "400 application/problem+json" "no reference"
socket beanr POST /v1/bans '{"as":'
same "${it%%;*}" "400 application/problem+json" "broken JSON"
socket beanr GET /v1/bans/beanr/1:999999
same "${it%%;*}" "404 application/problem+json" "no such ban"
socket beanr GET /v1/nothing
same "${it%%;*}" "404 application/problem+json" "no such route"
socket beanr POST /v1/submit '{"record":"AAAA"}'
[[ $it == 4[02]?\ application/problem+json* ]] || fail "a forged record got $it"

claim "people's listener serves the charter to anyone, and nothing else to strangers"
port=https://127.77.0.1:$((BASE + 1))
must 0 curl -sk --max-time 10 --http2 "$port/v1/charter"
keys . federation federation_id entries
ran="GET $port/v1/bans without a certificate"
code=$(curl -sk --max-time 10 --http2 -o "$out" -w '%{http_code}' "$port/v1/bans")
[[ $code == 40[13] ]] || fail "strangers get $code at /v1/bans"
code=$(curl -sk --max-time 10 --http2 -o "$out" -w '%{http_code}' -d '{"as":"beanr-pso","subject":["imo:9179842"],"ground":"local","reference":"x"}' "$port/v1/bans")
[[ $code == 40[13] ]] || fail "strangers may post bans: $code"

claim "charter: show, log, fetch from a file and from a node"
must 0 node beanr --json charter show
keys . federation_id version members issuers circles policy
keys '.members[0]' name role feed feed_vkey witness_vkey witnesses
holds '.version == 2 and (.members | length) == 7'
holds ".federation_id == \"$(jq -r .federation_id "$SB/federation.json")\""
must 0 node beanr charter log
must 0 node beanr charter fetch "$SB/federation.json"
tells 'version 2 already; this one is version 1'
must 2 node beanr charter policy --root-key "$SB/roots/root-1.key"
says 'nothing would change'
must 3 node beanr charter grant beanr-pso --grant ban-local:NLRTM --root-key "$SB/roots/root-1.key"
says 'no member has the locode NLRTM'
must 1 node beanr charter grant beanr-terminal --grant custody:beanr-f9 --root-key "$SB/roots/root-1.key"
says 'no grant names the facility beanr-f9 yet'
must 3 node beanr charter grant beanr-pso --grant ban-local --root-key "$WORK/no-root.key"
says 'no-root.key'
must 0 node beanr charter fetch "$port/v1/charter"
must 3 node beanr charter fetch "$WORK/nothing.json"
jq '.entries[0].record |= (.[0:40] + (if .[40:41] == "A" then "B" else "A" end) + .[41:])' "$SB/federation.json" >"$WORK/forged.json"
must 4 node beanr --json charter fetch "$WORK/forged.json"
keys .error code text hint

claim "keys: what is locked says so and names key unlock"
must 0 node beanr --json key list
holds 'any(.[]; .issuer == "beanr-pso" and .state == "open")' -s

claim "watch refuses a kind that there is none of, and lists them"
must 2 node beanr --json watch --kind nonsense
holds '.error.code == "unknown-kind" and (.error.hint | contains("custody-withdraw"))'

claim "watch tells what happens, from a point on"
"$P2P_BIN" -C "$SB/beanr" --json watch --after 0 >"$WORK/watched" 2>"$err" &
watcher=$!
one_line() { (($(wc -l <"$WORK/watched") > 0)); }
eventually 5 one_line
stop "$watcher"
head -n 1 "$WORK/watched" >"$out"
holds 'type == "object"'

claim "a second serve exits 3 and names the pid"
wait "$second"
same $? 3 "the exit of a second serve"
jq -e --arg pid "$(pid_of beanr)" '.error.text + .error.hint | contains($pid)' "$WORK/second" >/dev/null ||
    fail "it says: $(head -c 500 "$WORK/second")"

claim "doctor finds nothing to mend"
must 0 node beanr doctor
must 0 node beanr --json doctor

claim "help names every command, and later verbs are known but not here"
must 0 p2p --help
must 0 p2p ban --help
must 0 p2p ban impose --help
tells reference
must 0 p2p --version

claim "an unknown configuration key is a sentence with its line"
cp "$SB/bebru/config.yaml" "$WORK/config.yaml"
must 0 p2p federation down "$SB" bebru
echo "colour: blue" >>"$SB/bebru/config.yaml"
must 2 node bebru serve
says "colour"
says "$(wc -l <"$SB/bebru/config.yaml")"
cp "$WORK/config.yaml" "$SB/bebru/config.yaml"

claim "a damaged key file is a sentence; an empty passphrase needs no file"
cp "$SB/bebru/keys/feed.key" "$WORK/feed.key"
printf '\x00' | dd of="$SB/bebru/keys/feed.key" bs=1 seek=100 conv=notrunc status=none
must 4 node bebru serve
says "feed.key"
cp "$WORK/feed.key" "$SB/bebru/keys/feed.key"
echo wrong >"$WORK/passphrase"
must 0 node bebru --passphrase-file "$WORK/passphrase" status # an empty passphrase needs none
up bebru
agree

claim "federation down stops them; a store can be read again at once"
down
must 0 node beanr --json status
holds '.peers | all(.state != "connected")'
same "$(jq -r '.feeds[] | select(.feed == "charter/1") | .size' "$out")" 2 "the charter's size"

finish
