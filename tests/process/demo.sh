#!/usr/bin/env bash
# The demo without a terminal: its report is the story, a second run starts afresh, and what it leaves behind is what
# it says: nothing running, or seven nodes with --keep.

. "$(dirname "$0")/lib.sh" || exit 3

DEMO=${P2P_BIN%/*}/port2port-demo
STORY_MS_MAX=90000
CLAIMS=17
SB=$WORK/demo/federation # where lib.sh looks for what still runs
REPORT=$WORK/demo/report.json

demo() { "$DEMO" --dir "$WORK/demo" "$@"; }
running() { pid_of beanr || pid_of begne || pid_of belgg || pid_of commission; }
# told: the report of a story that held, which took $took_ms with what comes before and after
told() {
    jq -e --argjson claims $CLAIMS --argjson most $STORY_MS_MAX --argjson took "$took_ms" '
        length == $claims
        and all(.[]; keys == ["claim", "evidence", "ms", "ok"] and .ok == true and .ms >= 0 and (.evidence | length) > 0)
        and ([.[].ms] | add) <= $most and ([.[].ms] | add) <= $took' "$REPORT" >/dev/null ||
        fail "the report is not that of a story that held: $(head -c 3000 "$REPORT" 2>&1)"
}

claim "what it does not know is usage, and it says how it is used"
must 2 demo --no-such-option
says "usage:"
must 0 demo --help
tells "--keep"
[[ ! -e $WORK/demo ]] || fail "asking for help made a directory"

claim "a directory with a federation of somebody else is left alone"
mkdir -p "$WORK/theirs/federation"
must 2 "$DEMO" --dir "$WORK/theirs"
says "theirs/federation was not made by the demo"
[[ -d $WORK/theirs/federation ]] || fail "it was removed"

claim "every claim of the story holds, in its order, and the report adds up"
must 0 demo --keep
told
same "$(jq -r '.[].claim' "$REPORT" | grep -oE '^(Seven|Antwerp|Every|Ghent|The line|Liege|A lift|A court|An officer|A right|A driver|Customs|A container leaves|A container goes|Two officers|The commission)' | paste -sd,)" \
    "Seven,Antwerp,Every,Ghent,Ghent,The line,Liege,A lift,A court,An officer,A right,A driver,Customs,A container leaves,A container goes,Two officers,The commission" "the order"

claim "what is printed is the report, without colour and without a moving line"
same "$(grep -c '✓' "$out")" "$CLAIMS" "claims printed"
same "$(grep -cP '[\x1b\r]|✗' "$out")" 0 "lines with something for a terminal"
while read -r ms; do
    grep -qE "✓ +$ms ms  " "$out" || fail "no claim is printed with $ms ms"
done < <(jq -r '.[].ms' "$REPORT")

claim "with --keep all seven go on running, and each line to try does what it is for"
cp "$out" "$WORK/told"
mapfile -t lines < <(sed -n 's/^  \(.*port2port .*\)/\1/p' "$WORK/told")
same "${#lines[@]}" 7 "lines to copy"
for line in "${lines[@]:0:6}"; do
    want=0
    [[ $line != *"gate check"* ]] || want=1
    must $want bash -c "$line"
done

claim "the seven are stopped by the next run, which starts afresh"
pid=$(pid_of beanr) || fail "Antwerp does not run"
must 0 demo
told
! kill -0 "$pid" 2>/dev/null || fail "the node of the run before still runs"

claim "without --keep nothing runs afterwards, and the logs stay"
! running || fail "a node still runs"
for member in beanr bezee begne beost belgg bebru commission; do
    [[ -s $SB/$member/node.log ]] || fail "$member has no log"
done

claim "an interrupt stops everything"
rm "$REPORT"
env --default-signal=INT "$DEMO" --dir "$WORK/demo" >"$out" 2>"$err" & # the shell has it ignored in the background
demo_pid=$!
eventually 30 running
kill -INT "$demo_pid"
wait "$demo_pid"
same $? 130 "the exit code"
! running || fail "a node still runs"

claim "a claim that is false ends it with exit 1, and the report says what was seen"
mkdir -p "$WORK/lame"
cp "$DEMO" "$WORK/lame/port2port-demo"
# A port2port whose gates let everybody in.
cat >"$WORK/lame/port2port" <<END
#!/bin/sh
case "\$*" in
*"gate check"*) echo '{"answer":"allow","reasons":[],"knowledge":[]}' ;;
*) exec "$P2P_BIN" "\$@" ;;
esac
END
chmod +x "$WORK/lame/port2port"
must 1 "$WORK/lame/port2port-demo" --dir "$WORK/demo"
jq -e 'length == 4 and all(.[:3][]; .ok) and .[3].ok == false and (.[3].evidence | test("Ghent answered allow"))' \
    "$REPORT" >/dev/null || fail "the report: $(cat "$REPORT")"
tells "✗"
! running || fail "a node still runs"

finish
