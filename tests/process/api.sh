#!/usr/bin/env bash
# The API as parties and other systems see it: what HTTP adds to the answers, who is let in, and what is bounded.
. "$(dirname "$0")/lib.sh" || exit 3
for tool in curl openssl; do
    command -v "$tool" >/dev/null || { echo "there is no $tool here"; exit 77; }
done
begin 18990 110 beanr,bezee
must 0 up

# ask METHOD PATH [CURL OPTION...]: over beanr's socket; status in $it, fields in $WORK/head, the body in $out
ask() {
    : >"$out"
    it=$(curl -s --http2-prior-knowledge --unix-socket "$SB/beanr/node.sock" -X "$1" -D "$WORK/head" -o "$out" \
        -w '%{http_code}' "${@:3}" "http://node$2")
    ran="$1 $2"
}
# field NAME: its value in the last answer, in $it
field() { it=$(tr -d '\r' <"$WORK/head" | sed -n "s/^$1: //Ip"); }

for number in 9332810 9405435 9405447 9179842 9074729; do
    impose beanr "imo:$number"
done

claim "a path that is not there is 404, another method 405 with what may be asked"
ask GET /v1/nothing
same "$it" 404 "status"
ask DELETE /v1/bans
same "$it" 405 "status"
keys . title status code text hint
field allow
same "$it" "POST, GET" "allow"

claim "a list comes in pages, each of which names the next"
path='/v1/bans?limit=2'
pages=0
: >"$WORK/ids"
while [[ $path ]]; do
    ask GET "$path"
    same "$it" 200 "status of $path"
    jq -r '.bans[].id' "$out" >>"$WORK/ids"
    pages=$((pages + 1))
    field link
    path=$(sed -n 's/^<\(.*\)>; rel="next"$/\1/p' <<<"$it")
done
same "$pages" 3 "pages"
same "$(sort -u "$WORK/ids" | wc -l) $(wc -l <"$WORK/ids")" "5 5" "bans of all pages"

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

# watch SECONDS [CURL OPTION...]: what a stream of Server-Sent Events says in that time
watch() {
    curl -s --max-time "$1" --http2-prior-knowledge --unix-socket "$SB/beanr/node.sock" -H 'Accept: text/event-stream' \
        "${@:2}" http://node/v1/events >"$out"
    ran="events"
}
claim "events are streamed, go on after the last one seen, and say that they are alive"
watch 1
[[ $(head -n 1 "$out") == "retry: 1000" ]] || fail "the stream begins otherwise"
last=$(sed -n 's/^id: //p' "$out" | tail -n 1)
grep -q '^event: ' "$out" && sed -n 's/^data: //p' "$out" | jq -e .n >/dev/null || fail "no event with data"
must 0 node beanr --as beanr-pso ban impose --subject imo:9332822 --ground local --reference x
watch 1 -H "Last-Event-ID: $last"
first=$(sed -n 's/^id: //p' "$out" | head -n 1)
same "$first" "${last%-*}-$((${last#*-} + 1))" "the event after $last"
watch 1 -H "Last-Event-ID: 1-$((${last#*-} + 1))"
same "$(sed -n 's/^id: //p' "$out" | head -n 1)" "${last%-*}-1" "what an id of another start goes on with"
ask GET /v1/events -H 'Last-Event-ID: x'
same "$it" 400 "an id that is none"
watch 17
grep -q '^: alive$' "$out" || fail "nothing says that the stream is alive"

finish
