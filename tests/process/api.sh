#!/usr/bin/env bash
# The API as parties and other systems see it: what HTTP adds to the answers, who is let in, and what is bounded.
. "$(dirname "$0")/lib.sh" || exit 3
need curl openssl
begin 18990 140 beanr,bezee
token=let-me-read
echo "tokens: [\"dashboard:$(printf %s $token | sha256sum | cut -c 1-64)\"]" >>"$SB/beanr/config.yaml"
echo 'operators: ["beanr-pso2"]' >>"$SB/beanr/config.yaml"
must 0 up

# ask METHOD PATH [CURL OPTION...]: over beanr's socket; status in $it, fields in $WORK/head, the body in $out
ask() {
    : >"$out"
    it=$(over_socket beanr "$2" -X "$1" -D "$WORK/head" -o "$out" -w '%{http_code}' "${@:3}")
    ran="$1 $2"
}
# field NAME: its value in the last answer, in $it
field() { it=$(tr -d '\r' <"$WORK/head" | sed -n "s/^$1: //Ip"); }

for number in 9332810 9405435 9405447 9179842 9074729; do
    impose beanr "imo:$number"
done

# party METHOD PATH [CURL OPTION...]: over beanr's listener for people, whose certificate is checked
party() {
    : >"$out"
    it=$(curl -s --http2 --cacert "$SB/beanr/people.crt" -X "$1" -D "$WORK/head" -o "$out" -w '%{http_code}' \
        -H "Content-Type: ${TYPE:-application/json}" "${@:3}" \
        "https://127.77.0.1:$((BASE + 1))$2")
    ran="$1 $2 over TLS"
}
# certify MEMBER ISSUER [OPTION...]: a client certificate in $WORK/ISSUER.pem
certify() {
    must 0 node "$1" key certificate --key "$SB/$1/keys/issuers/$2.key" --out "$WORK/$2.pem" "${@:3}"
}

claim "a path that is not there is 404, another method 405 with what may be asked"
ask GET /v1/nothing
same "$it" 404 "status"
ask DELETE /v1/bans
same "$it" 405 "status"
keys . title status code text hint
field allow
same "$it" "POST, GET, HEAD" "allow"

claim "HEAD tells what GET would, without it"
for way in GET HEAD; do
    options=(-s --max-time 20 --http2-prior-knowledge --unix-socket "$SB/beanr/node.sock" -D "$WORK/$way")
    [[ $way == GET ]] || options+=(--head)
    ran="$way /v1/bans" && curl "${options[@]}" -o "$out" http://node/v1/bans
done
same "$(grep -iE '^(HTTP|content-type|content-length|etag)' "$WORK/HEAD")" \
    "$(grep -iE '^(HTTP|content-type|content-length|etag)' "$WORK/GET")" "what HEAD says"
same "$(curl -s --max-time 20 --http2-prior-knowledge --unix-socket "$SB/beanr/node.sock" --head -o "$out" \
    -w '%{http_code} %{size_download}' http://node/v1/events)" "200 0" "HEAD of a stream"

claim "a list comes in pages, each of which names the next"
for box in PTPU1000012 PTPU1000028; do
    must 0 node beanr --as beanr-terminal custody open --container "$box" --call x --facility beanr-f1
    must 0 node beanr --as beanr-carrier right issue --container "$box" --bl b --to beanr-forwarder
done
# pages_of LIST LIMIT PAGES ROWS KEY: walked over its links, each row comes once
pages_of() {
    local path="/v1/$1?limit=$2" pages=0
    : >"$WORK/ids"
    while [[ $path ]]; do
        ask GET "$path"
        same "$it" 200 "status of $path"
        jq -r ".$1[].$5" "$out" >>"$WORK/ids"
        pages=$((pages + 1))
        field link
        path=$(sed -n 's/^<\(.*\)>; rel="next"$/\1/p' <<<"$it")
    done
    ((pages == $3 || pages == $3 + 1)) || fail "$pages pages of $1, which should be $3" # the last may be empty
    same "$(sort -u "$WORK/ids" | wc -l) $(wc -l <"$WORK/ids")" "$4 $4" "rows of all pages of $1"
}
pages_of bans 2 3 5 id
pages_of rights 1 2 2 id
pages_of custody 1 2 2 token

claim "what is read has an entity tag, and is not sent again to whoever holds it"
ask GET /v1/charter/show
field etag
tag=$it
[[ $tag == '"'*'"' ]] || fail "the entity tag is $tag"
field cache-control
same "$it" "private, no-cache" "cache-control"
ask GET /v1/charter/show -H "If-None-Match: \"x\", $tag"
same "$it" 304 "status with the tag"
[[ ! -s $out ]] || fail "a 304 has a body"
ask GET "/v1/bans/$id" -H "If-None-Match: $tag"
same "$it" 200 "status with another's tag"

# listen FILE [CURL OPTION...]: what a stream of Server-Sent Events says, of beanr or $AT, goes there, until $stream is
# stopped
listen() {
    : >"$1" # here: what was heard before must not be taken for what comes
    curl -sN --http2-prior-knowledge --unix-socket "$SB/${AT:-beanr}/node.sock" -H 'Accept: text/event-stream' "${@:2}" \
        http://node/v1/events >"$1" &
    stream=$!
    ran="events into $1"
}
# whole FILE: its events, without one that is only half there
whole() { awk '/^$/ { printf "%s", event; event = ""; next } { event = event $0 "\n" }' "$1"; }
# ids FILE: of its events
ids() { whole "$1" | sed -n 's/^id: //p'; }
has_event() { [[ $(ids "$1") ]]; }
# hear FILE [CURL OPTION...]: listens until an event has come
hear() {
    listen "$@"
    eventually 5 has_event "$1"
    stop "$stream"
}
claim "events are streamed, and go on after the last one seen"
must 0 node bezee peers pause --all # nothing happens there
AT=bezee listen "$WORK/alive"
alive=$stream
hear "$WORK/events"
[[ $(head -n 1 "$WORK/events") == "retry: 1000" ]] || fail "the stream begins otherwise"
last=$(ids "$WORK/events" | tail -n 1)
whole "$WORK/events" | sed -n 's/^data: //p' | jq -e .n >/dev/null || fail "no event with data"
grep -q '^event: ' "$WORK/events" || fail "no event has a name"
must 0 node beanr --as beanr-pso ban impose --subject imo:9332822 --ground local --reference x
hear "$WORK/events" -H "Last-Event-ID: $last"
same "$(ids "$WORK/events" | head -n 1)" "${last%-*}-$((${last#*-} + 1))" "the event after $last"
grep -q '^event: gap$' "$WORK/events" && fail "a gap is told where there is none"
hear "$WORK/events" -H "Last-Event-ID: 1-$((${last#*-} + 1))"
same "$(ids "$WORK/events" | head -n 1)" "${last%-*}-1" "what an id of another start goes on with"
same "$(grep '^event: ' "$WORK/events" | head -n 1)" "event: gap" "what is told first: events of that start are gone"
ask GET /v1/events -H 'Last-Event-ID: x'
same "$it" 400 "an id that is none"

claim "without a certificate or token nothing but the charter is shown"
party GET /v1/bans
same "$it" 401 "status"
field www-authenticate
same "$it" 'Bearer realm="port2port"' "challenge"
keys . title status code text hint
holds '.code == "no-credentials"'
party POST /v1/submit -d '{}'
same "$it" 401 "status of a submission"
party POST /v1/submit -d 'no JSON'
same "$it" 401 "status of what is no JSON: a body is not looked at before it is known who sends it"
party POST /v1/nothing -d 'no JSON'
same "$it" 404 "status of what is no JSON and sent nowhere"
party GET /v1/charter
same "$it" 200 "status of the charter"

certify beanr beanr-court --for 1s
claim "a bearer token reads, and does nothing else"
party GET /v1/bans -H "Authorization: Bearer $token"
same "$it" 200 "status"
holds '.bans | length == 6'
party GET /v1/bans -H "Authorization: Bearer ${token}x"
same "$it" 401 "status with another token"
for path in /v1/prepare /v1/submit /v1/bans /v1/gates/main/checks /v1/peers/pause /v1/keys/lock; do
    party POST $path -H "Authorization: Bearer $token" -d '{}'
    same "$it" 403 "status of $path"
done
party GET /v1/keys -H "Authorization: Bearer $token"
same "$it" 403 "status of the keys"

claim "a certificate for which an issuer's key vouches is that issuer's, and asks in no other name"
certify beanr beanr-pso
[[ $(stat -c %a "$WORK/beanr-pso.pem") == 600 ]] || fail "others may read the key"
openssl x509 -in "$WORK/beanr-pso.pem" -noout -text | grep -q 'TLS Web Client Authentication' || fail "not a client's"
party GET /v1/status --cert "$WORK/beanr-pso.pem"
same "$it" 200 "status"
ask=$(jq -nc '{path: "/v1/bans", request: {subject: ["imo:9074731"], ground: "local", reference: "r"}}')
party POST /v1/prepare --cert "$WORK/beanr-pso.pem" -d "$ask"
same "$it" 200 "prepare"
holds '.issuer == "beanr-pso" and .kind == "ban-impose" and .feed == "sandbox.example/beanr/1"'
for type in text/plain application/x-www-form-urlencoded application/jsonx; do
    TYPE=$type party POST /v1/prepare --cert "$WORK/beanr-pso.pem" -d "$ask" -H 'Origin: https://evil.example'
    same "$it" 415 "what a page of somebody else's may have a browser send, as $type"
done
TYPE='Application/JSON; charset=utf-8' party POST /v1/prepare --cert "$WORK/beanr-pso.pem" -d "$ask"
same "$it" 200 "what says that it is JSON"
party POST /v1/prepare --cert "$WORK/beanr-pso.pem" -d "$(jq -c '.request.as = "beanr-court"' <<<"$ask")"
same "$it" 403 "prepare for another"
holds '.code == "not-yours"'
certify beanr beanr-carrier
certify beanr beanr-terminal
check='{"subject":["imo:9332810"],"purpose":"call"}'
party POST /v1/gates/main/checks --cert "$WORK/beanr-terminal.pem" -d "$check"
same "$it" 200 "a check by the terminal"
holds '.answer == "refuse"'
party POST /v1/gates/main/checks --cert "$WORK/beanr-carrier.pem" -d "$check"
same "$it" 403 "a check by who stands at no gate: it would tell of any number whether that is banned"
holds '.code == "no-grant" and (.text | contains("beanr-carrier stands at no gate"))'
for caller in carrier terminal; do
    party GET '/v1/bans?subject=card:alfapass:1234567' --cert "$WORK/beanr-$caller.pem"
    same "$it" "$([[ $caller == terminal ]] && echo 200 || echo 403)" "bans on a card, asked by the $caller"
done
party GET '/v1/bans?subject=card:alfapass:1234567' -H "Authorization: Bearer $token"
same "$it" 403 "bans on a card, asked by a reader"
party GET '/v1/bans?subject=imo:9332810' -H "Authorization: bearer $token"
same "$it" 200 "bans on a ship, which is no person, asked by a reader whose scheme has another case"
collect='{"container":"CSQU3054383","subject":["card:alfapass:1234567"]}'
for open in no yes; do
    [[ $open == no ]] ||
        must 0 node beanr custody open --container CSQU3054383 --call 'PTP EXPRESS 42' --facility beanr-f1
    party POST /v1/gates/main/collects --cert "$WORK/beanr-carrier.pem" -d "$collect"
    same "$it" 403 "a collect by who has no custody, custody open: $open"
    holds '.code == "no-grant"'
    party POST /v1/gates/main/collects --cert "$WORK/beanr-terminal.pem" -d "$collect"
    same "$it" 200 "a collect by the terminal, custody open: $open"
    holds '.answer == "refuse"'
done
party POST /v1/bans --cert "$WORK/beanr-pso.pem" -d '{"subject":["imo:9074731"],"ground":"local","reference":"r"}'
same "$it" 403 "signing with a key that lies in the node"
holds '.code == "not-allowed"'
party POST /v1/keys/lock --cert "$WORK/beanr-pso.pem" -d '{"issuer":"beanr-pso"}'
same "$it" 403 "what is the socket's"

claim "an operator of config.yaml acts on the node, in its own name alone"
certify beanr beanr-pso2
party POST /v1/bans --cert "$WORK/beanr-pso2.pem" -d '{"subject":["imo:9074743"],"ground":"local","reference":"r"}'
same "$it" 200 "an imposition"
get .id
must 0 node beanr ban show "$it" --json
holds '.issuer == "beanr-pso2"'
party POST /v1/bans --cert "$WORK/beanr-pso2.pem" \
    -d '{"as":"beanr-court","subject":["imo:9074743"],"ground":"court","reference":"r"}'
same "$it" 403 "an imposition for the court"
party POST /v1/peers/pause --cert "$WORK/beanr-pso2.pem" -d '{"members":["bezee"]}'
same "$it" 200 "a pause"
party POST /v1/peers/resume --cert "$WORK/beanr-pso2.pem" -d '{"members":["bezee"]}'
same "$it" 200 "a resume"

claim "certificates that nobody here vouches for are told apart; streams end with what opened them"
certify beanr beanr-customs --for 3s
# watch CERTIFICATE: a stream of events, whose process is in $watcher
watch() {
    curl -sN --http2 --max-time 100 --cacert "$SB/beanr/people.crt" --cert "$WORK/$1.pem" -o "$WORK/watched-$1" \
        "https://127.77.0.1:$((BASE + 1))/v1/events" &
    watcher=$!
}
watch beanr-customs && briefly=$watcher
watch beanr-pso && revoked=$watcher
watch beanr-terminal && stays=$watcher
for each in customs pso terminal; do
    eventually 5 grep -q retry "$WORK/watched-beanr-$each"
done
certify bezee bezee-pso
party GET /v1/status --cert "$WORK/bezee-pso.pem"
same "$it" 401 "an issuer of another member"
holds '.code == "unknown-issuer"'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=beanr-pso -keyout "$WORK/own.pem" \
    -out "$WORK/own.crt" 2>/dev/null && cat "$WORK/own.crt" >>"$WORK/own.pem"
party GET /v1/status --cert "$WORK/own.pem"
same "$it" 401 "a certificate of one's own making"
holds '.code == "no-binding"'
party POST /v1/submit --cert "$WORK/own.pem" -d 'no JSON'
same "$it" 401 "what is no JSON, with a certificate of one's own making"
party GET /v1/charter --cert "$WORK/own.pem"
same "$it" 200 "the charter with it"
# The binding of another key: its bytes in a certificate of one's own.
binding=$(openssl x509 -in "$WORK/beanr-pso.pem" -outform DER | openssl asn1parse -inform DER |
    grep -A1 '2.25.333766301238986585904957401058324776600' | sed -n 's/.*HEX DUMP\]://p' | head -n 1)
[[ $binding ]] || fail "no binding in the certificate"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=beanr-pso -keyout "$WORK/stolen.pem" \
    -addext "2.25.333766301238986585904957401058324776600=DER:$binding" -out "$WORK/own.crt" 2>/dev/null &&
    cat "$WORK/own.crt" >>"$WORK/stolen.pem"
party GET /v1/status --cert "$WORK/stolen.pem"
same "$it" 401 "a binding of another key"
holds '.code == "bad-binding"'
over() { party GET /v1/status --cert "$WORK/beanr-court.pem" && [[ $it == 401 ]]; }
eventually 5 over
holds '.code == "certificate-expired"'
must 0 node beanr charter revoke beanr-pso "${ROOTS[@]}"
party GET /v1/status --cert "$WORK/beanr-pso.pem"
same "$it" 403 "one whom the roots have revoked"
holds '.code == "revoked"'
ran="the streams of who is over and who is revoked"
wait "$briefly" || fail "the stream of a certificate that is over did not end: $?"
wait "$revoked" || fail "the stream of who is revoked did not end: $?"
kill -0 "$stays" 2>/dev/null || fail "another one's stream ended, too"
kill "$stays"
must 0 node beanr charter grant beanr-pso --grant ban-local "${ROOTS[@]}"

claim "the same request under one idempotency key is done once, and another one refused"
once() { party POST /v1/bans --cert "$WORK/beanr-pso2.pem" -H "Idempotency-Key: $1" -d "$2"; }
body='{"subject":["imo:9074755"],"ground":"local","reference":"r"}'
once a "$body"
same "$it" 200 "the first"
cp "$out" "$WORK/first"
once a '{"reference":"r","ground":"local","subject":["imo:9074755"]}'
same "$it" 200 "the same"
same "$(cat "$out")" "$(cat "$WORK/first")" "the answer to the same"
once a '{"subject":["imo:9074755"],"ground":"local","reference":"s"}'
same "$it" 422 "another request"
holds '.code == "key-reused"'
once b "$body"
same "$it" 200 "another key"
same "$(jq -r .id "$out" | grep -c "$(jq -r .id "$WORK/first")\$")" 0 "another key gives another record"
once c '{"subject":["nothing"],"ground":"local","reference":"r"}'
same "$it" 400 "what did nothing"
once c "$body"
same "$it" 200 "what did nothing keeps no key"

claim "and once over a restart and a kill: what was appended is answered as it was"
once d "$body"
same "$it" 200 "one more"
cp "$out" "$WORK/fourth"
kill_node beanr
up beanr
size_of beanr beanr/1 before
once a "$body"
same "$it $(cat "$out")" "200 $(cat "$WORK/first")" "the answer to the first"
once d "$body"
same "$it $(cat "$out")" "200 $(cat "$WORK/fourth")" "the answer to the last"
once a '{"subject":["imo:9074755"],"ground":"local","reference":"s"}'
same "$it" 422 "another request under a key of before"
size_of beanr beanr/1
same "$it" "$before" "the size of the feed"

claim "a stream without events says that it is alive"
eventually 20 grep -q '^: alive$' "$WORK/alive"
stop "$alive"
must 0 node bezee peers resume --all

claim "a party without a node prepares, signs with its key file, and submits"
server=(--server "https://127.77.0.1:$((BASE + 1))" --server-cert "$SB/beanr/people.crt")
pso=(--key "$SB/beanr/keys/issuers/beanr-pso.key")
must 0 p2p -C "$WORK" --json submit "${server[@]}" "${pso[@]}" -- ban impose --subject imo:9074767 --ground local \
    --reference party
get .id id
must 0 node beanr --json ban show "$id"
holds '.issuer == "beanr-pso" and .subjects == ["imo:9074767"] and .state == "in-force"'
echo '{"path":"/v1/bans","request":{"subject":["imo:9074779"],"ground":"local","reference":"r"}}' >"$WORK/asked"
must 0 p2p submit "${server[@]}" "${pso[@]}" --level mirrored "$WORK/asked"
tells 'record appended, mirrored'
must 0 node beanr --as beanr-pso ban impose --subject imo:9074781 --ground local --reference r --prepare "$WORK/prepared"
must 0 node beanr --json submit "${pso[@]}" "$WORK/prepared"
get .id id
# Signed once and handed in again it is one record, for ever.
must 0 node beanr --json submit "${pso[@]}" "$WORK/prepared"
holds ".id == \"$id\""
must 0 p2p --json submit "${server[@]}" "${pso[@]}" --level mirrored "$WORK/prepared"
holds ".id == \"$id\" and .level == \"mirrored\""
down beanr
up beanr
must 0 node beanr --json submit "${pso[@]}" "$WORK/prepared"
holds ".id == \"$id\""
must 0 p2p --json submit "${server[@]}" "${pso[@]}" "$WORK/prepared"
holds ".id == \"$id\""
# A verb under a key of one's own is done once too.
verb=(-- ban impose --subject imo:9074767 --ground local --reference once)
must 0 p2p --json submit "${server[@]}" "${pso[@]}" --idempotency-key mine "${verb[@]}"
get .id id
must 0 p2p --json submit "${server[@]}" "${pso[@]}" --idempotency-key mine "${verb[@]}"
holds ".id == \"$id\""
must 4 p2p --json submit "${server[@]}" "${pso[@]}" --idempotency-key mine "${verb[@]}" --reason other
holds '.error.code == "key-reused"'
must 0 node beanr --as beanr-pso ban impose --subject imo:9074793 --ground local --reference r --prepare "$WORK/prepared-again"
jq '.leaf = "kA=="' "$WORK/prepared-again" >"$WORK/other"
must 4 node beanr --json submit "${pso[@]}" "$WORK/other"
holds '.error.code == "bad-prepare"'
must 1 p2p --json submit "${server[@]}" "${pso[@]}" -- ban impose --subject imo:9074793 --ground court --reference r
must 1 p2p --json submit "${server[@]}" "${pso[@]}" --as beanr-court -- ban impose --subject imo:9074793 --ground court \
    --reference r --as beanr-court
holds '.error.code == "not-yours"'
must 2 p2p --json submit "${server[@]}" -- ban impose --subject imo:9074793 --ground local --reference r
must 2 p2p --json submit "${server[@]}" "${pso[@]}" -- ban list
must 3 p2p --json submit --server "https://127.77.0.1:$((BASE + 1))" "${pso[@]}" -- ban impose --subject imo:9074793 \
    --ground local --reference r
holds '.error.code == "unreachable"'

claim "whoever asks too often is told when to ask again, and nobody else is"
cat >"$WORK/many" <<END
http2
cacert = "$SB/beanr/people.crt"
silent
output = "/dev/null"
write-out = "%{http_code}\n"
header = "Authorization: Bearer $token"
END
for ((i = 0; i < 400; i++)); do
    printf 'url = "https://127.77.0.1:%d/v1/peers"\noutput = "/dev/null"\n' $((BASE + 1))
done >>"$WORK/many"
ran="400 requests at once"
: >"$WORK/statuses"
many() { curl -Z --parallel-max 50 -K "$WORK/many" 2>/dev/null >>"$WORK/statuses"; }
limited() { many; grep -q 429 "$WORK/statuses"; } # again where the bucket filled as fast as they came
eventually 5 limited
grep -q 200 "$WORK/statuses" || fail "all were limited"
party GET /v1/peers -H "Authorization: Bearer $token" # the bucket fills by 50 a second
party GET /v1/status --cert "$WORK/beanr-pso.pem"
same "$it" 200 "another caller meanwhile"
[[ $(metric beanr 'port2port_api_limited_total{rate="read"}') -gt 0 ]] || fail "nothing was counted"
party GET /v1/status
same "$it" 401 "nobody"
[[ $(metric beanr port2port_api_turned_away_total) -gt 0 ]] || fail "nothing was counted"

claim "what anybody may have is bounded for everybody, whatever he shows"
sed -i 's|/v1/peers"|/v1/charter"|; s|Bearer .*"|Bearer x"|' "$WORK/many"
sed -i 's/^http2/http2\nparallel-immediate/' "$WORK/many"
bounded() {
    curl -Z --parallel-max 250 -K "$WORK/many" 2>/dev/null >"$WORK/statuses"
    grep -q 503 "$WORK/statuses"
}
eventually 10 bounded
grep -q 200 "$WORK/statuses" || fail "nobody got the charter"
party GET /v1/status --cert "$WORK/beanr-pso.pem"
same "$it" 200 "whoever has a name"

claim "a body of more than 1 MiB is 413"
head -c 1100000 /dev/zero | tr '\0' x >"$WORK/large"
party POST /v1/submit --cert "$WORK/beanr-pso.pem" --data-binary @"$WORK/large"
same "$it" 413 "status"
field content-type
same "$it" application/problem+json "type"

finish
