#!/usr/bin/env bash
# An exported feed, checked with openssl, sha256sum, base64 and xxd alone: the signature on its checkpoint, its first tile
# against its first bundle of records, and the root. What c2sp.org and RFC 6962 say, written down a second time.
. "$(dirname "$0")/lib.sh" || exit 3
. "$(dirname "$0")/lib_outside.sh"
begin 17970 60 beanr,bezee,begne

# leaves BUNDLE: the hash of each record in it, in hex
leaves() {
    local hex at=0 len
    hex=$(xxd -p "$1" | tr -d '\n')
    while ((at < ${#hex})); do
        len=$((16#${hex:at:4}))
        printf '00%s' "${hex:at+4:2*len}" | sha_hex
        at=$((at + 4 + 2 * len))
    done
}

claim "a feed is exported"
must 0 up
for i in 9332810 9074729 9187629; do
    must 0 node beanr ban impose --as beanr-pso --subject "imo:$i" --ground local --reference "$i" --level witnessed
done
down beanr
must 0 node beanr audit export "$WORK/archive"
must 0 node beanr charter show --json
get '.members[] | select(.name == "beanr") | .feed_vkey' vkey
FEED=$WORK/archive/beanr-1

claim "openssl verifies the log's signature on the checkpoint"
name=${vkey%%+*} key=$(cut -d + -f 3- <<<"$vkey")
sed '/^$/,$d' "$FEED/checkpoint" >"$WORK/text" # up to the empty line
same "$(head -n 1 "$WORK/text")" "$name" "the origin"
line=$(grep -F "$(printf '\xe2\x80\x94') $name " "$FEED/checkpoint")
base64 -d <<<"${line##* }" | xxd -p | tr -d '\n' >"$WORK/line"
same "$(head -c 8 "$WORK/line")" "$(cut -d + -f 2 <<<"$vkey")" "the key id"
same "$(printf '%s0a%s' "$(printf %s "$name" | xxd -p | tr -d '\n')" "$(base64 -d <<<"$key" | xxd -p | tr -d '\n')" |
    sha_hex | head -c 8)" "$(head -c 8 "$WORK/line")" "the key id, computed"
tail -c +9 "$WORK/line" | xxd -r -p >"$WORK/signature"
# SubjectPublicKeyInfo of an Ed25519 key (RFC 8410), then the 32 bytes behind the type byte
printf '302a300506032b6570032100%s' "$(base64 -d <<<"$key" | xxd -p | tr -d '\n' | tail -c +3)" | xxd -r -p |
    openssl pkey -pubin -inform DER -out "$WORK/key.pem" 2>"$WORK/openssl" || fail "openssl does not take the key"
verify() { openssl pkeyutl -verify -pubin -inkey "$WORK/key.pem" -rawin -in "$1" -sigfile "$WORK/signature"; }
must 0 verify "$WORK/text"
sed 's/^[0-9]*$/1/' "$WORK/text" >"$WORK/other"
must 1 verify "$WORK/other"

claim "sha256sum computes the first tile from the first bundle"
size=$(sed -n 2p "$WORK/text")
((size > 0 && size < 256)) || fail "the feed has $size records; this test is about one tile"
leaves "$FEED/tile/entries/000.p/$size" >"$WORK/leaves"
same "$(wc -l <"$WORK/leaves")" "$size" "records in the bundle"
same "$(xxd -p -c 32 "$FEED/tile/0/000.p/$size" | sha256sum)" "$(sha256sum <"$WORK/leaves")" "the tile"

claim "and the root that was signed"
same "$(root "$WORK/leaves")" "$(sed -n 3p "$WORK/text" | base64 -d | xxd -p -c 32)" "the root"

claim "the manifest is what sha256sum says of each file"
(cd "$WORK/archive" && sed -n '5,/^$/p' manifest | awk 'NF { print $1 "  " $3 }' | sha256sum --check --quiet) ||
    fail "a file is not as the manifest has it"

finish
