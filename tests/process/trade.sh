#!/usr/bin/env bash
# Trade messages: port2port-trade with real files, and a real node.
. "$(dirname "$0")/lib.sh" || exit 3
: "${P2P_TRADE:?is the port2port-trade to test}"

SAMPLES=$P2P_SOURCE/tests/adapters/trade/samples
AGREEMENT=$SAMPLES/agreement.json
SPOOL=$WORK/spool

trade() { "$P2P_TRADE" --agreement "$AGREEMENT" "$@"; }
# answer PART: the only answer whose name has it, in $it
answer() {
    # shellcheck disable=SC2206 # PART may be a pattern
    local -a found=("$SPOOL"/answers/*$1*)
    ((${#found[@]} == 1)) && [[ -f ${found[0]} ]] || fail "answers that match $1: ${found[*]}"
    it=$(tr -d '\r\n' <"${found[0]}")
}
# count DIR: how many files are in it
count() { find "$1" -maxdepth 1 -type f | wc -l; }

claim "what each sample asks for"
for sample in "$SAMPLES"/*.edi; do
    must 0 trade --dry-run "$sample"
    diff -u "${sample%.edi}.requests" "$out" >"$WORK/diff" || fail "$sample: $(head -c 1000 "$WORK/diff")"
done

claim "standard input gives the same as a file"
trade --dry-run - <"$SAMPLES/coreor-95b.edi" >"$out" 2>"$err" || fail "exit $?"
diff -q "$SAMPLES/coreor-95b.requests" "$out" >/dev/null || fail "it differs"

claim "usage is 2, and says what to do"
must 2 trade --dry-run
says 'name a --spool, or files'
must 2 trade "$SAMPLES/coreor-95b.edi"
says 'one of --socket, --server and --dry-run'
must 2 trade --json --socket "$WORK/none" "$SAMPLES/coreor-95b.edi"
holds '.error.code == "usage"'
must 2 "$P2P_TRADE" --dry-run --agreement "$SAMPLES/coreor-95b.edi" "$SAMPLES/coreor-95b.edi"
says 'not a JSON object'

claim "with nobody serving a file stays, unanswered, for the next time"
mkdir "$SPOOL"
cp "$SAMPLES/coarri-95b.edi" "$SPOOL/discharge.edi"
must 3 trade --settle 0 --spool "$SPOOL" --socket "$WORK/none"
tells 'undecided: the node gave no answer'
same "$(count "$SPOOL/work") $(count "$SPOOL/answers") $(count "$SPOOL/done")" "1 0 0" "work, answers, done"

claim "what cannot be read goes to failed/, what is half written stays"
rm -f "$SPOOL"/work/*
printf 'hello' >"$SPOOL/hello.edi"
printf 'UNB+UNOA:2+TERM-1742' >"$SPOOL/half.edi"
touch -d '2 minutes ago' "$SPOOL/hello.edi"
must 4 trade --settle 0 --spool "$SPOOL" --socket "$WORK/none"
tells 'unreadable: UNB'
same "$(count "$SPOOL/failed")" 1 "files in failed/"
[[ -f $SPOOL/half.edi ]] || fail "a half written file was taken"
rm -f "$SPOOL/half.edi"

claim "a rejected interchange is answered by CONTRL with its code, and goes to failed/"
sed "s/UNZ+2/UNZ+3/" "$SAMPLES/coreor-95b.edi" >"$SPOOL/count.edi"
must 1 trade --settle 0 --json --spool "$SPOOL" --socket "$WORK/none"
holds 'select(.event == "interchange") | .result == "rejected" and .code == 29 and .segment == "UNZ"'
answer 20261122000001
[[ $it == *"UCI+20261122000001+LINE-A:ZZ+PORT2PORT-BEANR:ZZ+4+29+UNZ+2'"* ]] || fail "CONTRL says $it"
same "$(count "$SPOOL/failed")" 2 "files in failed/"

claim "one at a time has the journal"
(
    flock -x 9
    "$P2P_TRADE" --agreement "$AGREEMENT" --spool "$SPOOL" --socket "$WORK/none" >"$out" 2>"$err"
    [[ $? == 3 ]]
) 9<"$SPOOL/state/journal" || fail "it took a journal that another has"
says 'another process holds it'

# --- with a node ------------------------------------------------------------------------------------------------

begin 19600 150 beanr,bezee
up
connected beanr bezee
releasing beanr

# role ROLE OPTION...: a round over the spool of that role is $program
role() {
    SPOOL=$WORK/$1
    mkdir -p "$SPOOL"
    program=("$P2P_TRADE" --agreement "$AGREEMENT" --settle 0 --spool "$SPOOL" --socket "$SB/beanr/node.sock" "${@:2}")
}
# by ROLE: one round, in which the node signs for that role's issuer
by() {
    role "$1" --as "beanr-$1"
    "${program[@]}"
}
put() { mkdir -p "$WORK/$1" && cp "$2" "$WORK/$1/"; }
# right FILTER: what the right on CSQU3054383 is like, at either port
right() { node "$1" --json right list --container CSQU3054383 --all | jq -e "$2"; }

claim "a release order before the ship is acknowledged, and waits"
put carrier "$SAMPLES/coreor-95b.edi"
must 1 by carrier # its second message cancels what never was
tells 'RO20261122-1: waiting, 2 containers'
tells 'RO20261122-2: refused'
answer 20261122000001*.contrl
[[ $it == *"UCI+20261122000001+LINE-A:ZZ+PORT2PORT-BEANR:ZZ+7'"* ]] || fail "CONTRL says $it"
answer 20261122000001*.aperak
[[ $it == *"RFF+ACW:RO20261122-2'"*"ERC+NOTHINGT::ZZZ'"*"RFF+EQ:MSCU1000070'"* ]] || fail "APERAK says $it"

claim "a discharge report opens custody"
put terminal "$SAMPLES/coarri-95b.edi"
must 0 by terminal
tells '00017001: waiting, 3 containers'
must 0 node beanr --json custody show CSQU3054383
holds '.state == "held" and .holder == "beanr" and .facility == "beanr-f1" and .call == "9411111/047W"'
must 0 node beanr --json custody list
same "$(jq -r .container "$out" | sort | paste -sd' ')" "CSQU3054383 HBMU2699702" "in custody"

claim "what waited is done: the right is issued, and two lights are green"
must 0 by carrier
tells 'CSQU3054383: done'
must 0 by terminal
eventually 10 right beanr '.lights.commercial == "ok" and .lights.discharge == "discharged"'
must 0 node beanr --json right list --container CSQU3054383
holds '.bl == "NSLU26110471" and .reference == "REL7741" and .terminal == "K1742" and .party == "beanr-forwarder"'
holds '.state == "PENDING"'
get .id id

claim "the same interchange again is a duplicate, and does nothing"
put terminal "$SAMPLES/coarri-95b.edi"
must 0 by terminal
tells 'duplicate \(26\)'
answer duplicate-
[[ $it == *"+4+26+UNB+6'"* ]] || fail "CONTRL says $it"
must 0 node beanr --json custody list --container CSQU3054383
same "$(wc -l <"$out")" 1 "tokens of the container"

claim "a haulier who does not hold the right is refused, by container"
put haulier "$SAMPLES/copino-00b.edi"
must 1 by haulier
answer PH000912*.aperak
[[ $it == *"APERAK:D:00B:UN'"*"RFF+EQ:CSQU3054383'"* ]] || fail "APERAK says $it"

claim "once he holds it his announcement assigns driver, truck and slot"
must 0 node beanr --as beanr-forwarder right accept "$id"
eventually 10 right beanr '.state == "ACTIVE"'
must 0 node beanr --as beanr-forwarder right transfer "$id" --to beanr-haulier
eventually 10 right beanr '.state == "PENDING" and .party == "beanr-haulier"'
must 0 node beanr --as beanr-haulier right accept "$id"
eventually 10 right beanr '.state == "ACTIVE" and .party == "beanr-haulier"'
now=$(TZ=Europe/Brussels date +%Y%m%d%H%M)
until=$(TZ=Europe/Brussels date -d '+2 hours' +%Y%m%d%H%M)
sed "s/202611250700-202611250800/$now-$until/; s/PH000912/PH000913/" "$SAMPLES/copino-00b.edi" >"$WORK/copino.edi"
put haulier "$WORK/copino.edi"
must 0 by haulier
eventually 10 right bezee '.driver != null and .truck != null and .slot != null'
must 0 node beanr --json right show "$id"
! grep -q 4400180712 "$out" || fail "the number of the card is told"

claim "collected at the barrier, the gate-out report finishes the right"
must 0 node beanr --as beanr-customs right light "$id" customs released
must 0 node beanr --as beanr-terminal right light "$id" terminal released
eventually 10 right beanr '.lights.customs == "released" and .lights.terminal == "released"'
must 0 node beanr --json gate collect --container CSQU3054383 --subject card:alfapass:4400180712 --subject plate:BE:1ABC234
holds '.answer == "allow"'
put terminal "$SAMPLES/codeco-95b.edi"
must 0 by terminal
tells 'GO-74200021: done'
eventually 10 right bezee '.state == "FINISHED"'
must 0 node bezee --json custody show CSQU3054383
holds '.state == "released"'

# coreor INTERCHANGE DOCUMENT FUNCTION [RFF...]: of the line, on CSQU3054411, put into its spool
coreor() {
    local more="${*:4}"
    printf "UNB+UNOA:2+LINE-A+PORT2PORT-BEANR+261124:1005+%s'UNH+1+COREOR:D:95B:UN'BGM+129+%s+%s'RFF+BM:BL77'%s" \
        "$1" "$2" "$3" "$more" >"$WORK/$1.edi"
    printf "NAD+FW+SCHELDE-FWD'EQD+CN+CSQU3054411'UNT+%d+1'UNZ+1+%s'" $((3 + $#)) "$1" >>"$WORK/$1.edi"
    put carrier "$WORK/$1.edi"
}
live() { node beanr --json right list --container CSQU3054411 | wc -l; }

claim "the same order in another interchange is one right, and its cancellation takes it back; sent again it stays so"
must 0 node beanr --as beanr-terminal custody open --container CSQU3054411 --call 'X 1' --facility beanr-f1
coreor REFA RO-77 9
must 0 by carrier
coreor REFB RO-77 9
must 0 by carrier
tells 'RO-77: done'
coreor REFC RO-78 9 "RFF+RE:RO-77'" # another number, the same release: the node knows the right that lives
must 0 by carrier
same "$(live)" 1 "rights that live"
again=(node beanr --json --as beanr-carrier right issue --container CSQU3054411 --bl BL77 --to beanr-forwarder --reference)
must 0 "${again[@]}" RO-77
holds '.already'
for i in 1 2 3 4; do # at once, on purpose with another reference
    "${again[@]}" ON-PURPOSE >"$WORK/at-once.$i" 2>&1 &
    pids[i]=$!
done
wait "${pids[@]}"
same "$(live)" 2 "rights that live"
coreor REFD RO-79 1
must 0 by carrier
same "$(live)" 0 "rights that live after the cancellation"
coreor REFE RO-77 9
must 1 by carrier
answer REFE*.aperak
[[ $it == *"ERC+REVERSED"* ]] || fail "APERAK says $it"
same "$(live)" 0 "rights that live"

# discharge REFERENCE FIRST COUNT: a report of so many containers, in $WORK/REFERENCE.edi
discharge() {
    local i
    {
        printf "UNB+UNOA:2+TERM-1742+PORT2PORT-BEANR+261124:1005+%s'UNH+1+COARRI:D:95B:UN'BGM+44+%s+9'" "$1" "$1"
        printf "TDT+20+047W+1++NSL:172:20+++9411111:146'LOC+11+BEANR:139:6+K1742:TER:ZZZ'"
        for ((i = $2; i < $2 + $3; i++)); do
            printf "EQD+CN+PTPU%07d++++5'" "$i"
        done
        printf "CNT+16:%d'UNT+%d+1'UNZ+1+%s'" "$3" $(($3 + 6)) "$1"
    } >"$WORK/$1.edi"
}
journal_size() { stat -c %s "$SPOOL/state/journal" 2>/dev/null || echo 0; }
# killed_until_done: $program, killed some times as soon as it has done something; how often, in $kills
killed_until_done() {
    local code pid before
    kills=0
    while :; do
        before=$(journal_size)
        "${program[@]}" >"$out" 2>"$err" &
        pid=$!
        while ((kills < 8)) && kill -0 "$pid" 2>/dev/null && (($(journal_size) < before + 2000)); do
            sleep 0.005
        done
        if ((kills < 8)) && kill -KILL "$pid" 2>/dev/null; then
            kills=$((kills + 1))
            wait "$pid" 2>/dev/null
            continue
        fi
        wait "$pid"
        code=$?
        ran="the round after $kills kills"
        ((code == 0)) || fail "exit $code"
        ((kills > 0)) || fail "it was never killed"
        return
    done
}
# opened FIRST COUNT: each of these containers was opened once, and by one record
opened() {
    must 0 node beanr --json custody list --all
    same "$(jq -r .container "$out" | grep -c '^PTPU')" "$(($1 + $2))" "tokens"
    same "$(jq -r .container "$out" | sort | uniq -d | wc -l)" 0 "containers opened twice"
}

claim "killed again and again it opens each of 40 containers once: the node signs"
discharge CRASH1 0 40
put terminal "$WORK/CRASH1.edi"
role terminal --as beanr-terminal
killed_until_done
opened 0 40
answer CRASH1*.contrl
[[ $it == *"UCI+CRASH1+TERM-1742+PORT2PORT-BEANR+7'"* ]] || fail "CONTRL says $it"

claim "and with a key of its own, which the node never sees"
discharge CRASH2 40 40
put terminal "$WORK/CRASH2.edi"
role terminal --key "$SB/beanr/keys/issuers/beanr-terminal.key"
killed_until_done
opened 40 40

claim "over the listener for people, with the issuer's certificate, it is the same; without, nothing is answered"
key=$SB/beanr/keys/issuers/beanr-terminal.key
must 0 node beanr key certificate --key "$key" --out "$WORK/terminal.pem"
discharge LISTENER 80 2
put terminal "$WORK/LISTENER.edi"
program=("$P2P_TRADE" --agreement "$AGREEMENT" --settle 0 --spool "$WORK/terminal" --server "https://$(address_of beanr):$((BASE + 1))"
    --trust "$SB/beanr/people.crt" --key "$key")
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=nobody -keyout "$WORK/nobody.pem" \
    -out "$WORK/nobody.crt" 2>"$err" && cat "$WORK/nobody.crt" >>"$WORK/nobody.pem" || fail "openssl made no certificate"
must 3 "${program[@]}" --certificate "$WORK/nobody.pem"
tells 'LISTENER: undecided'
must 0 "${program[@]}" --certificate "$WORK/terminal.pem"
opened 80 2

claim "it watches its spool, survives a node that goes away, and ends when it is told to"
role terminal --as beanr-terminal --watch --interval 1
"${program[@]}" >"$WORK/watched" 2>&1 &
watcher=$!
discharge WATCH1 82 2
put terminal "$WORK/WATCH1.edi"
answered() { compgen -G "$SPOOL/answers/*$1*.contrl.edi"; }
eventually 20 answered WATCH1
down beanr
discharge WATCH2 84 2
put terminal "$WORK/WATCH2.edi"
eventually 20 grep -q 'WATCH2: undecided' "$WORK/watched"
answered WATCH2 >/dev/null && fail "it answered without a node"
up beanr
eventually 30 answered WATCH2
kill -TERM "$watcher"
wait "$watcher" || fail "exit $? after SIGTERM"
opened 82 4

finish
