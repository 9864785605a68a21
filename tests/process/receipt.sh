#!/usr/bin/env bash
# A receipt proves one record to anybody who has a trust file and the charter: at no node, and after a bit of it has
# changed or a cosignature is missing, no more. As a QR code it is the same receipt.

. "$(dirname "$0")/lib.sh" || exit 3
begin 17320 90 beanr,bezee,begne,beost,belgg,bebru,commission

# check FILE [OPTION...]: from a directory without a node
check() { p2p -C / --json audit check-receipt "$1" --trust "$WORK/trust/trust" "${@:2}"; }

claim "a witnessed ban has a receipt under 2 kB, from the node that serves"
up
connected $MEMBERS
impose beanr imo:9405423 --level witnessed
first=$id
must 0 node begne --json audit receipt "$id" --out "$WORK/r"
holds ".id == \"$id\" and .bytes < 2048"
same "$(wc -c <"$WORK/r")" "$(jq .bytes "$out")" "the size of the file"
same "$(head -n 1 "$WORK/r")" "c2sp.org/tlog-proof@v1" "the first line"

claim "a trust file and the federation.json beside it are all that checking takes"
mkdir "$WORK/trust"
cp "$SB/trust" "$SB/federation.json" "$WORK/trust"
must 0 check "$WORK/r"
holds ".proven and .id == \"$id\" and .kind == \"ban-impose\" and .issuer == \"beanr-pso\" and .signature == \"good\""
holds '.cosigned | length == 4' # a quorum of six, and none more than that
rm "$WORK/trust/federation.json"
must 3 check "$WORK/r"
must 0 check "$WORK/r" --federation "$SB/federation.json"
cp "$SB/federation.json" "$WORK/trust"

claim "an archive's charter does as well, and a damaged one proves nothing"
must 0 node begne audit export "$WORK/archive"
must 0 check "$WORK/r" --federation "$WORK/archive"
holds '.proven'
entries=$(find "$WORK/archive/charter-1/tile/entries" -type f | head -n 1)
head -c 101 "$entries" | tail -c 1 | tr '\000-\377' '\001-\377\000' | dd of="$entries" bs=1 seek=100 conv=notrunc status=none
must 4 check "$WORK/r" --federation "$WORK/archive"
must 3 check "$WORK/r" --federation "$WORK/nothing"
must 3 check "$WORK/no-receipt" --federation "$SB/federation.json"

claim "below the quorum it is a definite no"
for gone in begne bebru commission beost belgg bezee; do
    grep -v "/$gone/w1 " "$WORK/r" >"$WORK/few"
    if ! cmp -s "$WORK/r" "$WORK/few"; then
        must 1 check "$WORK/few"
        holds '.error.code == "quorum"'
    fi
done

claim "damaged or forged it is none, whichever byte it is"
length=$(wc -c <"$WORK/r")
for ((at = 0; at < length; at += 11)); do
    head -c "$at" "$WORK/r" >"$WORK/bad"
    tail -c +$((at + 1)) "$WORK/r" | head -c 1 | tr '\001-\176' '\002-\177' >>"$WORK/bad"
    tail -c +$((at + 2)) "$WORK/r" >>"$WORK/bad"
    if cmp -s "$WORK/r" "$WORK/bad"; then # a byte of the dash, which tr leaves
        continue
    fi
    code=0
    check "$WORK/bad" >"$out" 2>"$err" || code=$?
    # A cosigner's line under another name is a line by nobody, so one too few; another origin is an unknown feed.
    ((code == 4)) || jq -e '.error.code == "quorum" or .error.code == "unknown"' "$out" >/dev/null ||
        fail "byte $at changed: exit $code"
done
head -c $((length - 1)) "$WORK/r" >"$WORK/bad"
must 4 check "$WORK/bad"
sed '/^extra /d' "$WORK/r" >"$WORK/bad"
must 4 check "$WORK/bad"
index=$(sed -n 's/^index //p' "$WORK/r")
sed "s/^index $index/index $((index - 1))/" "$WORK/r" >"$WORK/bad"
must 4 check "$WORK/bad"

claim "another federation's trust file, and one with a line changed, prove nothing"
must 0 p2p federation sandbox "$WORK/other" --members beanr,bezee
must 4 p2p -C / audit check-receipt "$WORK/r" --trust "$WORK/other/trust" --federation "$SB/federation.json"
must 4 p2p -C / audit check-receipt "$WORK/r" --trust "$SB/trust" --federation "$WORK/other/federation.json"
sed 's/^group roots 2/group roots 4/' "$SB/trust" >"$WORK/trust/changed"
must 4 p2p -C / audit check-receipt "$WORK/r" --trust "$WORK/trust/changed"
says 'changed:8: '
sed 's/^quorum roots/quorum none/' "$SB/trust" >"$WORK/trust/changed"
must 4 p2p -C / audit check-receipt "$WORK/r" --trust "$WORK/trust/changed"

claim "a record of the charter is proven by the trust file alone"
must 0 node begne audit receipt charter/1:0 --out "$WORK/c"
rm "$WORK/trust/federation.json"
must 0 check "$WORK/c"
holds '.id == "charter/1:0" and (.cosigned | length) >= 2'
cp "$SB/federation.json" "$WORK/trust"

claim "what is not there, not witnessed yet, or no id"
must 3 node begne audit receipt beanr/1:99999 --out "$WORK/none"
must 2 node begne audit receipt beanr --out "$WORK/none"
must 2 p2p audit check-receipt "$WORK/r"
must 0 node begne peers pause --all
impose begne imo:9405435
must 1 node begne audit receipt "$id" --out "$WORK/none"
[[ ! -e $WORK/none ]] || fail "a receipt of what is not witnessed was written"
must 0 node begne peers resume --all
must 0 node begne wait record "$id" --level witnessed
must 0 node begne audit receipt "$id" --out "$WORK/r2"
must 0 check "$WORK/r2"

claim "with the daemon down the store gives a receipt too" # of what was witnessed more than a second ago
down bezee
must 0 node bezee audit receipt "$first" --out "$WORK/r4"
must 0 check "$WORK/r4"

claim "the QR code is the receipt; what does not fit is said"
must 0 node begne audit receipt "$id" --out "$WORK/r5" --qr
tells '▄'
must 0 node begne audit receipt "$id" --out "$WORK/r.svg" --qr
same "$(head -c 4 "$WORK/r.svg")" "<svg" "the beginning of the image"
must 1 node begne audit receipt charter/1:0 --out "$WORK/big.svg" --qr
says 'it does not fit'
[[ ! -e $WORK/big.svg ]] || fail "an image of what does not fit was written"

finish
