#!/usr/bin/env bash
# No room: the map's limit is reached, and the disk is full. What does not fit is refused in a clear sentence, nothing
# that was acknowledged is lost, reading and checks go on, and with room again the node goes on by itself.

. "$(dirname "$0")/lib.sh" || exit 3
begin 17220 100 beanr,bezee

read_only() { status_is bezee "(.read_only | tostring) == \"$1\""; }

# Appends until it is refused; the acknowledged ids are in $WORK/acknowledged.
fill() { # fill NAME
    local n=0 line code
    : >"$WORK/acknowledged"
    while :; do
        n=$((n + 1))
        {
            echo subject,reference
            for ((line = 0; line < 400; line++)); do
                printf '%d,%s-%d-%d-%0300d\n' $((9000000 + n * 400 + line)) "$1" "$n" "$line" 7
            done
        } >"$WORK/list.csv"
        node bezee --json --as bezee-pso ban import "$WORK/list.csv" --subject-type imo --subject-column subject \
            --ground local --reference-column reference >"$out" 2>"$err"
        code=$?
        ran="import of 400 lines, the ${n}th"
        if ((code != 0)); then
            return
        fi
        sed 1d "$WORK/list.csv" | cut -d, -f2 >>"$WORK/acknowledged"
        ((n < 200)) || fail "200 lists went in and nothing was full"
    done
}

# full REASON CODE: what holds while there is no room
full() {
    keys .error code text hint
    says "$2"
    printf '       %d lines went in; then: %s\n' "$(wc -l <"$WORK/acknowledged")" "$(head -n 1 "$err" | cut -c 1-160)"
    eventually 5 read_only "$1"
    [[ $(metric bezee "port2port_read_only{reason=\"$1\"}") == 1 ]] || fail "metrics do not say $1"
    must 1 node bezee doctor
    tells "$1|room|full"
    must 3 node bezee --json --as bezee-pso ban impose --subject imo:9405423 --ground local --reference x
    keys .error code text hint
}

# Decisions made while nothing could be appended: those that wait, and those that were appended late.
kept() { # kept COUNT
    local late
    late=$(node bezee --json gate log | jq -s '[.. | .reasons? // empty | select(any(.code == "read-only"))] | length')
    (($(metric bezee port2port_spool_entries) + late == $1))
}

waits() { same "$(metric bezee port2port_spool_entries)" "$1" "decisions in the spool"; }

holds_acknowledged() { # holds_acknowledged MEMBER
    must 0 node "$1" --json ban list --all
    jq -r .reference "$out" | sort >"$WORK/held"
    sort "$WORK/acknowledged" | comm -23 - "$WORK/held" >"$WORK/lost"
    [[ ! -s $WORK/lost ]] || fail "$(wc -l <"$WORK/lost") acknowledged lines are not at $1"
}

# Decisions while nothing can be appended: they answer, say so, wait, and are appended late.
still_decides() {
    "$P2P_BIN" -C "$SB/bezee" --json gate check --subject imo:9000400 --purpose call >"$out" 2>"$err"
    ran="gate check while nothing can be appended"
    holds '.answer == "refuse" and .decision == null and (.spooled | test("^[0-9]+:[0-9]+$"))'
    holds 'any(.reasons[]; .code == "read-only")'
}

claim "the map's limit: imports go in until it is reached, then they are refused in a sentence"
sed -i 's/^# map_size:.*/map_size: 2MiB/' "$SB/bezee/config.yaml"
grep -q '^map_size: 2MiB' "$SB/bezee/config.yaml" || fail "config.yaml has no map_size"
up
connected $MEMBERS
fill map
full map-full "room|full|map"

claim "the map's limit: checks and reading go on, nothing acknowledged is lost"
still_decides
holds_acknowledged bezee

claim "the map's limit: restarted with more room it goes on, and what waited is appended"
must 0 node bezee --json status
down bezee
sed -i 's/^map_size:.*/map_size: 64MiB/' "$SB/bezee/config.yaml"
up bezee
eventually 10 read_only null
impose bezee imo:9405423
connected $MEMBERS
agree
holds_acknowledged beanr
spool_empty() { [[ $(metric bezee port2port_spool_entries) == 0 ]]; }
eventually 10 spool_empty
must 0 node bezee --json gate log
holds 'any(.[]; any(.reasons[]; .code == "read-only"))' -s # the one that was spooled
eventually 10 node bezee doctor

claim "a full disk: imports go in until it is full, then they are refused in a sentence"
down bezee
mv "$SB/bezee" "$WORK/bezee.was"
mkdir "$SB/bezee"
if ((EUID != 0)) || ! mount -t tmpfs -o size=4m p2p-test "$SB/bezee" 2>"$err"; then
    end_claim
    echo "SKIPPED PART: the full disk; it needs root and a tmpfs: $(head -n 1 "$err")"
    finish
    exit 0
fi
at_end "umount -l '$SB/bezee' 2>/dev/null"
cp -a "$WORK/bezee.was/." "$SB/bezee/" # the whole node: the store, the spool, the log
up bezee
connected $MEMBERS
fill disk
full disk-full "room|full|disk"

claim "a full disk: not a block is left, and it decides 40 times all the same; each decision waits in the spool"
dd if=/dev/zero of="$SB/bezee/ballast" bs=4096 2>/dev/null # what the store left over
for ((decision = 0; decision < 40; decision++)); do
    still_decides
done
same "$(df --output=avail "$SB/bezee" | tail -n 1 | tr -d " ")" 0 "what is left on the disk"
waits 40
printf '       %s bytes of the spool are in use\n' "$(metric bezee port2port_spool_bytes)"

claim "a full disk: reading goes on, nothing acknowledged is lost"
holds_acknowledged bezee

claim "a full disk: an export onto it stops, and says that it goes on once there is room"
must 3 node beanr audit export "$SB/bezee/archive"
says 'No space left on device; make room and run it again: it goes on where it stopped$'
rm -r "$SB/bezee/archive"

claim "a full disk: killed and started on it, no decision is lost"
kill_node bezee
up bezee
eventually 10 kept 41 # with one of the first part; pages that the kill set free may take some

claim "a full disk: with space again, and after a restart, it goes on and all are alike"
down bezee
mount -o remount,size=1g "$SB/bezee" || fail "the tmpfs does not grow"
up bezee
eventually 10 read_only null
impose bezee imo:9405435
connected $MEMBERS
agree
holds_acknowledged beanr
eventually 10 spool_empty
kept 41 || fail "decisions are missing, or there twice"
eventually 10 node bezee doctor

finish
