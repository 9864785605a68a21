#!/usr/bin/env bash
# Feeds over HTTP/2 as C2SP tiles, and this node as a witness: of feeds of the federation, and of a log outside whose
# keys and trees openssl and sha256sum make.
. "$(dirname "$0")/lib.sh" || exit 3
. "$(dirname "$0")/lib_outside.sh"
need curl
begin 17990 90 beanr,bezee,begne

# ask MEMBER PATH [CURL OPTION...]: over its socket; status, type and cache-control in $seen, the body in $out
ask() {
    seen=$(over_socket "$1" "$2" -o "$out" -w '%{http_code} %header{content-type} %header{cache-control}' "${@:3}")
}
# people PATH [CURL OPTION...]: the same from outside, of bezee, without a client certificate
people() {
    seen=$(curl -s -k --http2 -o "$out" -w '%{http_code} %header{content-type} %header{cache-control}' "${@:2}" \
        "https://127.77.0.2:$((BASE + 1))$1")
}
sees() { [[ $seen == $1 ]] || fail "$2: $seen ($(head -c 300 "$out"))"; }
# submission OLD FILE: what a witness is sent, without hashes
submission() { printf 'old %s\n\n' "$1" | cat - "$2" >"$WORK/body"; }
# cosigned VKEY NOTE: the line that was answered is that key's cosignature of the note's text, says openssl
cosigned() {
    local blob key
    blob=$(sed 's/.* //' "$out" | base64 -d | xxd -p | tr -d '\n')
    key=$(cut -d + -f 3- <<<"$1" | base64 -d | xxd -p -c 99)
    same "${blob:0:8}" "$(cut -d + -f 2 <<<"$1")" "the key id"
    same "${key:0:2}" 04 "the type of the key"
    ((16#${blob:8:16} > $(date +%s) - 600)) || fail "the time is not that of now"
    { printf 'cosignature/v1\ntime %d\n' $((16#${blob:8:16})); sed '/^$/,$d' "$2"; } >"$WORK/message"
    xxd -r -p <<<"${blob:24}" >"$WORK/cosignature"
    printf '302a300506032b6570032100%s' "${key:2}" | xxd -r -p | openssl pkey -pubin -inform DER -out "$WORK/witness.pem"
    openssl pkeyutl -verify -pubin -inkey "$WORK/witness.pem" -rawin -in "$WORK/message" -sigfile "$WORK/cosignature" \
        >/dev/null || fail "openssl does not verify the cosignature"
}

claim "a log outside has a key that openssl made, and bezee is told of it"
make_log
echo "witness_logs: [\"$log_vkey\"]" >>"$SB/bezee/config.yaml"
must 0 up
must 0 node beanr ban impose --as beanr-pso --subject imo:9332810 --ground local --reference x --level witnessed --json
get .id && must 0 node bezee wait record "$it" --level witnessed

claim "checkpoint, tiles and bundles are those of an archive, with the texts' headers"
ask bezee /tlog/beanr-1/checkpoint
sees '200 text/plain; charset=utf-8 no-store' "the checkpoint"
cp "$out" "$WORK/note"
size=$(sed -n 2p "$WORK/note")
must 0 node bezee audit export "$WORK/archive"
for path in tile/0/000.p tile/entries/000.p; do
    held=$(ls "$WORK/archive/beanr-1/$path")
    ask bezee "/tlog/beanr-1/$path/$held"
    sees '200 application/octet-stream public, max-age=31536000, immutable' "$path/$held"
    same "$(sha256sum <"$out")" "$(sha256sum <"$WORK/archive/beanr-1/$path/$held")" "$path"
done
ask bezee "/tlog/beanr-1/tile/0/000.p/$size"
same "$(stat -c %s "$out")" $((32 * size)) "bytes of the tile of $size"
for path in tile/0/000 tile/0/000.p/255 tile/1/000.p/1 tile/0/0 tile/00/000.p/1 nothing checkpoints/001; do
    ask bezee "/tlog/beanr-1/$path"
    sees '404 *' "$path"
done
ask bezee /tlog/nobody-1/checkpoint
sees '404 *' "a feed that is not"

claim "from outside the charter alone is to be had"
people /tlog/charter-1/checkpoint
sees '200 text/plain; charset=utf-8 no-store' "the charter's checkpoint"
same "$(sha256sum <"$out")" "$(sha256sum <"$WORK/archive/charter-1/checkpoint")" "the charter's checkpoint"
people /tlog/charter-1/tile/entries/000.p/1
sees '200 application/octet-stream *' "the charter's records"
same "$(sha256sum <"$out")" "$(sha256sum <"$WORK/archive/charter-1/tile/entries/000.p/1")" "the charter's records"
people /tlog/charter-1/tile/0/000.p/1
same "$(sha256sum <"$out")" "$(sha256sum <"$WORK/archive/charter-1/tile/0/000.p/1")" "the charter's tile"
people /tlog/beanr-1/checkpoint
sees '401 *' "a feed from outside"

claim "a witness cosigns again what it cosigned, and says what it knows when asked about less"
submission 0 "$WORK/note"
ask bezee /tlog/add-checkpoint --data-binary "@$WORK/body"
sees '409 text/x.tlog.size *' "old 0"
known=$(cat "$out")
submission "$known" "$WORK/note"
ask bezee /tlog/beanr-1/add-checkpoint --data-binary "@$WORK/body"
sees '200 text/plain; charset=utf-8 *' "the same size again"
tells '^— sandbox.example/bezee/w1 [A-Za-z0-9+/]+=*$'
cosigned "$(node bezee --json charter show | jq -r '.members[] | select(.name == "bezee").witness_vkey')" "$WORK/note"
ask bezee /tlog/begne-1/add-checkpoint --data-binary "@$WORK/body"
sees '404 *' "a note of another feed"
submission $((known + 1)) "$WORK/note"
ask bezee /tlog/add-checkpoint --data-binary "@$WORK/body"
sees '400 *' "an old size above the checkpoint's"
sed "s/^$size$/$((size + 1))/" "$WORK/note" >"$WORK/forged"
submission "$known" "$WORK/forged"
ask bezee /tlog/add-checkpoint --data-binary "@$WORK/body"
sees '403 *' "a note whose text was changed"
ask bezee /tlog/add-checkpoint --data-binary 'old 1'
sees '400 *' "half a request"

one=$(printf '00%s' "$(printf one | xxd -p)" | sha_hex)
two=$(printf '00%s' "$(printf two | xxd -p)" | sha_hex)
both=$(printf '01%s%s' "$one" "$two" | sha_hex)
other=$(printf '01%s%s' "$two" "$one" | sha_hex)

claim "a log outside is witnessed for consistency, under a key of its own"
people /tlog/witness
sees '200 *' "the witness's key"
tells '^sandbox.example/bezee/foreign[+]'
foreign=$(cat "$out")
node bezee --json charter show | grep -qF "$(cut -d + -f 3 <<<"$foreign")" && fail "it is a key of the charter"
log_checkpoint 1 "$one" "$WORK/log"
submission 0 "$WORK/log"
people /tlog/add-checkpoint --data-binary "@$WORK/body"
sees '200 *' "the first checkpoint"
tells '^— sandbox.example/bezee/foreign '
cosigned "$foreign" "$WORK/log"
log_checkpoint 2 "$both" "$WORK/log"
{ printf 'old 1\n%s\n\n' "$(xxd -r -p <<<"$two" | base64)"; cat "$WORK/log"; } >"$WORK/body"
people /tlog/add-checkpoint --data-binary "@$WORK/body"
sees '200 *' "a second one that goes on"
people /tlog/add-checkpoint --data-binary "@$WORK/body"
sees '409 text/x.tlog.size *' "the same again with the old size"
same "$(cat "$out")" 2 "the known size"

claim "another history of it is refused, after a restart too"
down bezee
must 0 up bezee
log_checkpoint 2 "$other" "$WORK/log"
submission 2 "$WORK/log"
people /tlog/add-checkpoint --data-binary "@$WORK/body"
sees '422 *' "the same size with another root"
log_checkpoint 3 "$other" "$WORK/log"
{ printf 'old 2\n%s\n\n' "$(xxd -r -p <<<"$two" | base64)"; cat "$WORK/log"; } >"$WORK/body"
people /tlog/add-checkpoint --data-binary "@$WORK/body"
sees '422 *' "a proof that does not lead there"

claim "a log that nobody named is unknown"
sed "s,^$LOG,log.example/strange," "$WORK/log" >"$WORK/strange"
submission 0 "$WORK/strange"
people /tlog/add-checkpoint --data-binary "@$WORK/body"
sees '404 *' "another origin"

finish
