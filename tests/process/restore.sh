#!/usr/bin/env bash
# A node directory is put back from an old backup: the copy outside it tells. The node appends nothing and signs
# nothing until it has fetched its own feed back from its peers; without the copy it stays so until the roots act.

. "$(dirname "$0")/lib.sh" || exit 3
begin 17240 90 beanr,bezee,begne

read_only() { status_is beanr "(.read_only | tostring) == \"$1\""; }

# back_to_backup: the directory as it was, with the newer copy beside it
back_to_backup() {
    rm -rf "${SB:?}/beanr"
    cp -a "$WORK/backup" "$SB/beanr"
}

claim "a backup is taken; afterwards more is imposed, and it is witnessed"
up
connected $MEMBERS
impose beanr imo:9405423
old=$id
agree
down beanr
cp -a "$SB/beanr" "$WORK/backup"
cp -a "$SB/copies/beanr" "$WORK/copy"
up beanr
connected beanr
REFERENCE=after-backup impose beanr imo:9405435 --level witnessed
newer=$id
size_of beanr beanr/1 before
agree
digest=$(node beanr --json status | jq -r .leaves_digest)

claim "the backup is put back while no peer can be reached: restored, and it appends and signs nothing"
down
back_to_backup
must 0 node beanr --json status
holds '.read_only == "restored"'
up beanr
read_only restored || fail "a restored node is $(node beanr --json status | jq -r .read_only)"
must 3 node beanr --json --as beanr-pso ban impose --subject imo:9405447 --ground local --reference x
keys .error code text hint
says restored
must 1 node beanr doctor

claim "it still checks, by what it has, and the decision waits in the spool"
"$P2P_BIN" -C "$SB/beanr" --json gate check --subject imo:9405423 --purpose call >"$out" 2>"$err"
ran="gate check at the restored node"
holds ".answer == \"refuse\" and .decision == null and any(.reasons[]; .record == \"$old\")"

claim "a peer comes: it fetches its feed back, then appends at the old end, and no history branches"
up bezee begne
eventually 20 read_only null
must 0 node beanr --json ban show "$newer"
holds '.state == "in-force"'
size_of beanr beanr/1 now
((now >= before)) || fail "the feed ends at $now, it had $before"
REFERENCE=after-restore impose beanr imo:9405459 --level witnessed
((${id#beanr/1:} >= before)) || fail "$id was written over what there was"
agree
for member in $MEMBERS; do
    must 1 node "$member" --json gate check --subject imo:9405435 --purpose call
    holds ".reasons[0].record == \"$newer\""
    must 0 node "$member" --json status
    holds '[.feeds[].state] | all(. == "ok")'
done
[[ $(metric bezee 'port2port_events_total{type="fork"}') == 0 ]] || fail "bezee saw a fork"
must 1 node beanr doctor # what its witness key cosigned since the backup is not known: it cosigns nothing more
grep -q '^no *witness' "$out" || fail "doctor does not name the witness key"

claim "without the copy it stays read-only, whatever the peers hold, and says what to do"
down beanr
mv "$SB/copies/beanr" "$WORK/newest"
must 0 node beanr --json status
holds '.read_only == "restored"'
up beanr
connected beanr
agree
read_only restored || fail "without its copy the node is $(node beanr --json status | jq -r .read_only)"
must 3 node beanr --json --as beanr-pso ban impose --subject imo:9405461 --ground local --reference x
must 1 node beanr --json gate check --subject imo:9405435 --purpose call
holds '.decision == null'
must 1 node beanr doctor
size_of bezee beanr/1 grew
impose bezee imo:9405473
eventually 10 answers beanr imo:9405473 call refuse
size_of bezee beanr/1
same "$it" "$grew" "the size of beanr's feed at bezee"

claim "what only this node ever held, its own decisions, no peer can give back: their leaves come without, by name"
down beanr
back_to_backup
cp -a "$WORK/newest" "$SB/copies/beanr"
up beanr
connected beanr
lost_named() { grep -q '"event":"payload-lost","feed":"beanr/1"' "$SB/beanr/node.log"; }
eventually 10 lost_named
eventually 10 read_only null
must 0 node beanr --json --as beanr-pso ban impose --subject imo:9405502 --ground local --reference x

claim "the copy put back as old as the backup hides the restore: the fork is proven everywhere, what was witnessed holds"
down
back_to_backup
cp -a "$WORK/copy" "$SB/copies/beanr"
up beanr
REFERENCE=second-history
"$P2P_BIN" -C "$SB/beanr" --json --as beanr-pso ban impose --subject imo:9405485 --ground local --reference x >"$out" 2>"$err"
up bezee begne
forked() { status_is "$1" '.feeds[] | select(.feed == "beanr/1") | .state == "forked"'; }
for member in $MEMBERS; do
    eventually 20 forked "$member"
    must 0 node "$member" --json status
    holds '.alarm != null'
    must 1 node "$member" doctor
done
claim "the proof is a file that anybody with the charter can check, and nothing else is one"
must 0 node bezee audit fork beanr/1 --out "$WORK/beanr.fork"
must 0 node begne audit check-fork "$WORK/beanr.fork"
must 0 "$P2P_BIN" -C / --json audit check-fork "$WORK/beanr.fork" --federation "$SB/federation.json"
holds '.proven == "forked" and (.who | endswith("/beanr/1"))'
sed 's/^other-root x/other-root y/; t; s/^other-root ./other-root x/' "$WORK/beanr.fork" >"$WORK/made-up"
must 4 node begne audit check-fork "$WORK/made-up"
must 4 node begne audit check-reuse "$WORK/beanr.fork"
must 3 node begne audit fork bezee/1 --out "$WORK/none"
must 3 node begne audit reuse beanr-pso --out "$WORK/none"
eventually 5 read_only forked
must 3 node beanr --json --as beanr-pso ban impose --subject imo:9405497 --ground local --reference x
for member in bezee begne; do
    eventually 10 answers "$member" imo:9405435 call refuse
    eventually 10 answers "$member" imo:9405485 call allow
done
impose bezee imo:9405502
eventually 10 answers begne imo:9405502 call refuse

finish
