#!/usr/bin/env bash
# A line goes down, by pause and by firewall: both sides go on deciding, the age of what they know rises, and when it
# comes back all hold the same again.

. "$(dirname "$0")/lib.sh" || exit 3
begin 17120 90 beanr,bezee,begne,beost,belgg

# The age that begne's gate names for a feed, in $it.
age_at_begne() { # age_at_begne FEED
    answer begne imo:9321483 call
    get ".knowledge[] | select(.feed == \"$1\") | .age_s"
}
older_than() { # older_than FEED SECONDS
    local age
    age=$("$P2P_BIN" -C "$SB/begne" --json gate check --subject imo:9321483 --purpose call |
        jq ".knowledge[] | select(.feed == \"$1\") | .age_s")
    ((age > $2))
}

# Both sides keep deciding during the cut; what each of them did is everywhere after it.
# through_a_cut NAME CUT HEAL SUBJECT SUBJECT
through_a_cut() {
    claim "$1: begne is cut off"
    agree
    $2
    if [[ $1 == pause || ${P2P_NIGHTLY:-} ]]; then # a silent line is found dead by two PINGs, after 45 s
        eventually 60 cut_noticed
    fi
    claim "$1: a ban imposed meanwhile is refused where it was imposed, and unknown where it cannot come"
    REFERENCE="$1 south" impose beanr "$4"
    REFERENCE="$1 north" impose begne "$5"
    eventually 5 answers bezee "$4" call refuse
    answer begne "$4" call
    same "$it" allow "begne's answer about what it cannot know"
    answer beanr "$5" call
    same "$it" allow "beanr's answer about what it cannot know"
    answer begne "$5" call
    same "$it" refuse "begne's answer about its own ban"
    must 3 p2p federation status "$SB"

    claim "$1: the age of what begne knows of beanr rises"
    age_at_begne beanr/1
    eventually 5 older_than beanr/1 $((it + 1))

    claim "$1: the line comes back, both bans hold on both sides, all are alike"
    $3
    eventually 20 answers begne "$4" call refuse
    eventually 10 answers beanr "$5" call refuse
    eventually 10 answers belgg "$5" call refuse
    agree
    connected begne beanr
    printf '       both bans were everywhere %d ms after the line came back\n' $(($(now_ms) - claimed_at))
}

cut_noticed() { node begne peers | grep -qE '^beanr +(offline|paused|refused)'; }

claim "they come up alike"
up
connected $MEMBERS
deciding $MEMBERS

pause_begne() {
    must 0 node begne peers pause --all
}
resume_begne() { must 0 node begne peers resume --all; }
through_a_cut pause pause_begne resume_begne imo:9405423 imo:9405435

claim "both sides lift and suspend during a cut, and no order of arrival changes the outcome"
impose beanr imo:9405447
contested=$id
agree
pause_begne
must 0 node beanr --as beanr-pso ban lift "$contested" --reason "paid"
REFERENCE=again impose beanr imo:9405447
must 0 node begne --as begne-court ban suspend "$contested" --reason "appeal"
resume_begne
agree
for member in $MEMBERS; do
    must 1 node "$member" --json gate check --subject imo:9405447 --purpose call
    holds ".reasons[0].record == \"$id\""
done

table=p2p_test_$$
if ((EUID != 0)) || ! command -v nft >/dev/null || ! nft add table inet "$table" 2>"$err"; then
    end_claim
    echo "SKIPPED PART: the cut by firewall rule; it needs root and nftables in the kernel: $(head -n 1 "$err")"
    finish
    exit 0
fi
at_end "nft delete table inet $table 2>/dev/null"
firewall_begne() {
    local address
    address=$(address_of begne)
    nft -f - <<END || fail "nft takes no rules"
table inet $table {
    chain out {
        type filter hook output priority 0;
        ip saddr $address tcp sport $BASE drop
        ip saddr $address tcp dport $BASE drop
        ip daddr $address tcp sport $BASE drop
        ip daddr $address tcp dport $BASE drop
    }
}
END
}
open_firewall() { nft delete table inet "$table" || fail "nft keeps its rules"; }
through_a_cut firewall firewall_begne open_firewall imo:9405459 imo:9405461

finish
