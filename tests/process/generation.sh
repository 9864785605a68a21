#!/usr/bin/env bash
# A node that was restored without its copy may not append for ever: its member makes new keys, the roots close its
# feed and grant the next generation, and it goes on by itself. The node of the old generation stays closed.

. "$(dirname "$0")/lib.sh" || exit 3
begin 17540 110 beanr,bezee,begne,beost,belgg


claim "a ban stands and is witnessed; then the checkpoint copy of beanr is lost"
up
connected $MEMBERS
impose beanr imo:9405423 --level witnessed
old=$id
agree
down beanr
cp -a "$SB/beanr" "$WORK/old"
rm "$SB/copies/beanr"
up beanr
eventually 20 status_is beanr '.read_only == "restored"'
must 3 node beanr --json --as beanr-pso ban impose --subject imo:9405447 --ground local --reference x

claim "it goes on answering, what it decides waits, and doctor names the commands that help"
eventually 20 answers beanr imo:9405423 call refuse
"$P2P_BIN" -C "$SB/beanr" --json gate check --subject imo:9405423 --purpose call >"$out" 2>"$err"
holds '.decision == null and .spooled != null'
must 1 node beanr doctor
tells 'key generation'
tells 'charter generation'

claim "keys of the next generation are made beside the serving node; only that member's own file is taken"
must 0 node beanr --json key generation
holds '.member == "beanr" and .generation == 2'
get .file file
must 0 node beanr --json key generation # again: the same keys
sed 's/"generation": 2/"generation": 3/' "$file" >"$WORK/third.json"
must 4 node bezee --json charter generation "$WORK/third.json" "${ROOTS[@]}"
jq --arg witness "$(jq -r .feed "$file")" '.witness = $witness' "$file" >"$WORK/forged.json"
must 4 node bezee --json charter generation "$WORK/forged.json" "${ROOTS[@]}"
must 4 node bezee --json charter generation "$SB/federation.json" "${ROOTS[@]}"

claim "the roots grant it: the node goes on in its new feed by itself, and the old one is closed everywhere"
must 0 node bezee --json charter generation "$file" "${ROOTS[@]}"
eventually 20 status_is beanr '.read_only == null and .generation == 2'
must 0 node begne charter log
tells 'beanr.* the next generation'
REFERENCE=next impose beanr imo:9405435 --level witnessed
[[ $id == beanr/2:* ]] || fail "$id is not of the new feed"
new=$id
agree
for member in $MEMBERS; do
    must 1 node "$member" --json gate check --subject imo:9405423 --purpose call
    holds ".reasons[0].record == \"$old\""
    must 1 node "$member" --json gate check --subject imo:9405435 --purpose call
    holds ".reasons[0].record == \"$new\""
done

claim "what it decided meanwhile stands in the new feed, and it cosigns again, with its new witness key"
spool_empty() { [[ $(metric beanr port2port_spool_entries) == 0 ]]; }
eventually 10 spool_empty
must 0 node beanr --json gate log
holds 'any(.[]; any(.reasons[]; .code == "read-only"))' -s
REFERENCE=other impose bezee imo:9405459 --level witnessed
eventually 20 node beanr doctor

claim "its keys are marked as used, so that they begin nothing over a store that was lost"
[[ -s $SB/beanr/keys/generation-2.used ]] || fail "nothing beside the keys says that they were used"

claim "it is restarted, and killed, as any other"
down beanr
up beanr
eventually 20 status_is beanr '.read_only == null and .generation == 2'
kill_node beanr
up beanr
eventually 20 status_is beanr '.read_only == null'
connected beanr
REFERENCE=after impose beanr imo:9405461 --level mirrored
[[ $id == beanr/2:* ]] || fail "$id is not of the new feed"

claim "the directory of the old generation appends nothing and says why"
down beanr
mv "$SB/beanr" "$WORK/new"
cp -a "$SB/copies/beanr" "$WORK/copy"
cp -a "$WORK/old" "$SB/beanr"
up beanr
connected beanr
eventually 20 status_is beanr '.read_only == "closed"'
must 3 node beanr --json --as beanr-pso ban impose --subject imo:9405473 --ground local --reference x
must 1 node beanr doctor
tells 'feed-2.key'
down beanr
rm -rf "${SB:?}/beanr"
mv "$WORK/new" "$SB/beanr"
up beanr
eventually 20 status_is beanr '.read_only == null and .generation == 2'
connected beanr
agree

finish
