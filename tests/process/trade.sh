# Trade messages: port2port-trade with real files, and a real node.
. "$(dirname "$0")/lib.sh" || exit 3
: "${P2P_TRADE:?is the port2port-trade to test}"

SAMPLES=$P2P_SOURCE/tests/adapters/trade/samples
AGREEMENT=$SAMPLES/agreement.json
SPOOL=$WORK/spool

trade() { "$P2P_TRADE" --agreement "$AGREEMENT" "$@"; }
# answer PART: the only answer whose name has it, in $it
answer() {
    local -a found=("$SPOOL"/answers/*"$1"*)
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

finish
