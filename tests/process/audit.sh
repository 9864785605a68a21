#!/usr/bin/env bash
# audit verify: archives of six ports with real traffic are sound, the verdict is the same bytes every time, and every
# kind of damage and fraud in the tampering suite is found and named for what it is.

. "$(dirname "$0")/lib.sh" || exit 3
: "${P2P_TAMPER:?is the tampering suite}"
begin 17980 280 beanr,bezee,begne,beost,belgg,bebru,commission
PORTS="beanr bezee begne beost belgg bebru"

# verify DIR...: with the sandbox's trust file
verify() { p2p --json audit verify --trust "$SB/trust" "$@"; }
# summary FILTER: of the last line
summary() { tail -n 1 "$out" | jq -e "$1" >/dev/null || fail "the summary is not: $1"; }

claim "six ports impose, amend, lift, decide, and revoke an officer's key"
up
connected $MEMBERS
deciding $PORTS
impose beanr imo:9332810
first=$id
must 0 node bezee --as bezee-court ban impose --subject card:alfapass:7305518264 --ground court --reference "judgment 2"
for i in 1 2 3 4 5 6; do
    must 0 node begne --as begne-pso ban impose --subject "imo:907472$i" --ground administrative --reference "order $i"
done
must 0 node beost --json --as beost-pso2 ban impose --subject imo:9179842 --ground local --reference "order 3" \
    --level witnessed
get .id lifted
agree
for member in $PORTS; do
    must 1 node "$member" gate check --subject imo:9332810 --purpose call
    must 1 node "$member" gate check --subject card:alfapass:7305518264 --purpose enter
done
must 0 node beanr --as beanr-pso ban amend "$first" --reason "the court said so" --reference "order 1b"
must 0 node beost --as beost-pso ban lift "$lifted" --reason inspected --level witnessed
must 0 node beost charter revoke beost-pso2 "${ROOTS[@]}"
agree
for member in $PORTS; do
    must 0 node "$member" gate check --subject imo:9179842 --purpose call
done
agree
must 0 node beanr audit export "$WORK/beanr"
must 0 node bezee audit export "$WORK/bezee"
must 0 node commission audit export "$WORK/commission"
down

claim "their archives are sound, one by one and held against each other"
must 0 verify "$WORK/beanr"
summary '.verdict == "sound" and .feeds == 8 and .records > 60 and .checks.decisions.looked_at >= 3'
must 0 verify "$WORK/commission"
must 0 verify "$WORK/beanr" "$WORK/bezee" "$WORK/commission"
summary '.checks.archives.looked_at == 24 and .checks.decisions.looked_at >= 6'
must 0 p2p audit verify "$WORK/beanr" --trust "$SB/trust"
for check in manifest trust encoding signature root tiles archives cosignatures schema commitments issuers citations \
    seen states forks decisions custody times silence payloads; do
    tells "^$check +(ok|none) "
done
tells "^decisions +ok "
tells "^archives +none +0 " # of one there is nothing to compare
tells "^sound: "

claim "the verdict is the same bytes every time, wherever the archive lies, and an auditor's key signs it"
must 0 p2p audit verify "$WORK/beanr" --trust "$SB/trust" --out "$WORK/v1"
cp -r "$WORK/beanr" "$WORK/elsewhere"
must 0 p2p audit verify "$WORK/elsewhere" --trust "$SB/trust" --out "$WORK/v2"
cmp -s "$WORK/v1" "$WORK/v2" || fail "two verdicts of one archive differ"
must 0 p2p audit verify "$WORK/beanr" --trust "$SB/trust" --sign "$SB/belgg/keys/issuers/belgg-court.key" --out "$WORK/note"
same "$(head -c "$(wc -c <"$WORK/v1")" "$WORK/note" | sha256sum)" "$(sha256sum <"$WORK/v1")" "what was signed"
same "$(tail -n 1 "$WORK/note" | cut -d ' ' -f 1,2)" "— belgg-court" "the auditor's line"
must 0 p2p audit verify "$WORK/beanr" --trust "$SB/trust" --sign "$SB/belgg/keys/issuers/belgg-court.key"
cmp -s "$WORK/note" "$out" || fail "the note on stdout is another"

claim "nothing is written in the archive, and exit codes tell findings from what does not verify"
same "$(cd "$WORK/beanr" && find . -type f | wc -l)" "$(cd "$WORK/elsewhere" && find . -type f | wc -l)" "files"
cp "$SB/trust" "$WORK/elsewhere/trust"
must 2 verify "$WORK/elsewhere" --trust "$WORK/elsewhere/trust"
must 1 verify "$WORK/elsewhere"
[[ $(jq -r 'select(.code == "file-extra") | .where' "$out" | head -n 1) == trust ]] || fail "trust is not the extra file"
rm "$WORK/elsewhere/trust"
printf x >>"$WORK/elsewhere/bezee-1/checkpoint"
must 4 verify "$WORK/elsewhere"
must 3 verify "$WORK/nowhere"
mkdir "$WORK/empty"
must 3 verify "$WORK/empty"
says "is this an archive"
: >"$WORK/empty/manifest.part"
must 3 verify "$WORK/empty"
says "its export did not end; audit export into it goes on"
must 2 p2p audit verify "$WORK/beanr" --trust "$WORK/beanr/manifest"
must 2 verify "$WORK/beanr" --index "$WORK/beanr/index"
must 2 verify "$WORK/bezee" "$WORK/beanr" --proofs "$WORK/beanr/proofs"
must 2 verify "$WORK/beanr" --out "$WORK/beanr/bezee-1/verdict"
must 2 p2p audit replay "$WORK/beanr" --trust "$SB/trust" --index "$WORK/beanr"
for name in . ../beanr/. ../beanr/bezee-1/..; do
    (cd "$WORK/beanr" && must 0 verify "$name") || exit 1
done
[[ ! -e $WORK/beanr/..index && -f $WORK/beanr.index/rows ]] || fail "the index of . lies in the archive"
must 0 verify "$WORK/beanr"

claim "of an archive that another trust file is for, nothing is said to have been checked"
must 0 p2p federation sandbox "$WORK/other" --members beanr,bezee --name other.example
must 4 p2p audit verify "$WORK/beanr" --trust "$WORK/other/trust"
tells "^trust +BROKEN "
tells "^signature +none +0 "
tells "^decisions +none +0 "
: >"$WORK/no-trust"
must 2 p2p audit verify "$WORK/beanr" --trust "$WORK/no-trust"
says "not in the form that a trust file has"

claim "the second question is answered from the index, unless that is another or somebody changed it"
must 0 p2p audit replay "$WORK/beanr" --trust "$SB/trust"
cp "$out" "$WORK/first"
cp "$WORK/beanr.index/state" "$WORK/state"
must 0 p2p audit replay "$WORK/beanr" --trust "$SB/trust"
cmp -s "$out" "$WORK/first" || fail "the second answer is another"
cmp -s "$WORK/beanr.index/state" "$WORK/state" || fail "the index was made anew"
printf x | dd of="$WORK/beanr.index/rows" bs=1 seek=20000 conv=notrunc 2>/dev/null
must 0 p2p audit replay "$WORK/beanr" --trust "$SB/trust"
cmp -s "$out" "$WORK/first" || fail "a changed index was believed"
chmod g+w "$WORK/beanr.index/state"
must 0 p2p audit replay "$WORK/beanr" --trust "$SB/trust"
same "$(stat -c %a "$WORK/beanr.index/state")" 600 "an index that others may write was made anew"

claim "a hundred kinds of damage and fraud are each found and named"
mkdir "$WORK/forged"
"$P2P_TAMPER" "$WORK/beanr" "$WORK/bezee" "$SB" "$WORK/forged" >"$out" 2>"$err" ||
    fail "$(grep -A 9 '^NOT SO' "$out")"
tells "156 cases, 0 not found"

claim "two histories in two archives become a proof that stands alone"
must 0 "$P2P_TAMPER" "$WORK/beanr" "$WORK/bezee" "$SB" "$WORK/forged" "$WORK/rewritten"
must 1 p2p audit verify "$WORK/rewritten" "$WORK/bezee" --trust "$SB/trust" --proofs "$WORK/proofs"
tells "archives-differ beanr/1"
must 0 p2p -C / --json audit check-fork "$WORK/proofs/beanr-1.fork" --federation "$SB/federation.json"
holds '.proven == "forked"'

finish
