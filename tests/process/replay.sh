#!/usr/bin/env bash
# audit replay and explain, on an archive of a gate that refused, that allowed before it could know, and that refused
# after a lift it had not heard of; and the check of decisions in audit verify.
. "$(dirname "$0")/lib.sh" || exit 3
begin 18050 90 beanr,bezee,begne

# decide PURPOSE-EXIT SUBJECT: asks the gate of Ghent, and leaves the decision's id in $it
decide() { must "$1" node begne gate check --subject "$2" --purpose call --json && get .decision; }

claim "a gate allows, is cut off, hears of a ban, is cut off, hears of its lift"
must 0 up
connected $MEMBERS
deciding begne
decide 0 imo:9332810 && before=$it
must 0 node begne peers pause --all
must 0 node beanr ban impose --as beanr-pso --subject imo:9332810 --ground local --reference "<b>order & 12</b>" --json
get .id ban
decide 0 imo:9332810 && unaware=$it
must 0 node begne peers resume --all
must 0 node begne wait record "$ban"
decide 1 imo:9332810 && refused=$it
must 0 node begne peers pause --all
must 0 node beanr ban lift "$ban" --as beanr-pso --reason inspected --json
get .id lift
decide 1 imo:9332810 && stale=$it
must 0 node begne peers resume --all
must 0 node begne wait record "$lift"
decide 0 imo:9332810 && after=$it
down begne
must 0 node begne audit export "$WORK/a" --json

claim "every decision follows from what the gate knew"
must 0 "$P2P_BIN" audit verify "$WORK/a" --trust "$SB/trust" --json
holds '.verdict == "sound"'

# state QUESTION...: the state of the ban by what is asked, in $it; "" when there is none
state() {
    must 0 "$P2P_BIN" audit replay "$WORK/a" --trust "$SB/trust" --subject imo:9332810 "$@" --json
    it=$(tail -n +2 "$out" | jq -r .state)
}

claim "what was true then and what was known then are two questions with two answers"
state --at "$before" && same "$it" "" "before anybody had banned it"
state --at "$unaware" && same "$it" in-force "what was true when Ghent could not know"
state --as-known-by "$unaware" && same "$it" "" "what Ghent knew"
state --at "$stale" && same "$it" lifted "what was true when Ghent had not heard of the lift"
state --as-known-by "$stale" && same "$it" in-force "what Ghent knew"
state --as-known-by "$after" && same "$it" lifted "what Ghent knew in the end"
state && same "$it" lifted "everything"

claim "the state of everything is what the node said of itself"
must 0 node begne status --json
get .frontier_digest frontier
get '.digests["bans/national"]' bans
must 0 "$P2P_BIN" audit replay "$WORK/a" --trust "$SB/trust" --json
same "$(head -1 "$out" | jq -r '.frontier_digest + " " + .digests["bans/national"]')" "$frontier $bans" digests
must 0 "$P2P_BIN" audit replay "$WORK/a" --trust "$SB/trust" --all
grep -q lifted "$out" || fail "the ban is not in the list"

# explain EXIT DECISION
explain() { must "$1" "$P2P_BIN" audit explain "$WORK/a" "$2" --trust "$SB/trust" --json; }

claim "a decision is explained step by step: what was known, found, and had to be answered"
explain 0 "$unaware"
holds '.decided == "right" and .answered.answer == "allow" and .should.answer == "allow" and .found == []'
holds ".unknown | any(.record == \"$ban\" and (.afterwards | not))"
holds '.knew.feeds[] | select(.feed == "beanr/1") | .size < .of'
explain 0 "$before"
holds ".unknown | length == 1 and all(.afterwards) and any(.record == \"$ban\")"
explain 0 "$refused"
holds ".answered.answer == \"refuse\" and .should.reasons == [{code: \"banned\", record: \"$ban\"}]"
holds '.found | length == 1 and .[0].ban.state == "in-force" and .[0].counts_as == "banned"'
explain 0 "$stale"
holds ".answered.answer == \"refuse\" and .now.answer == \"allow\" and (.unknown | any(.record == \"$lift\"))"
explain 0 "$after"
holds ".answered.answer == \"allow\" and .found[0].ban.lifted_by == [\"$lift\"] and .found[0].counts_as == null"
must 0 "$P2P_BIN" audit explain "$WORK/a" "$stale" --trust "$SB/trust"
grep -q "It is in force: the answer is refuse." "$out" || fail "the rule is not told"
grep -q "Record $lift: ban-lift by beanr-pso" "$out" || fail "the lift is not told"
must 0 "$P2P_BIN" audit explain "$WORK/a" "$before" --trust "$SB/trust"
tr -s ' \n' ' ' <"$out" | grep -q "Record $ban: ban-impose by beanr-pso at [0-9 :.-]*\. It was written after the answer\." ||
    fail "what came later is told as if it had been there"

claim "the decisions of an archive are listed, one a line"
must 0 "$P2P_BIN" audit explain "$WORK/a" --trust "$SB/trust" --json
same "$(jq -r 'select(.presented == [["imo:9332810"]] and .purpose == "call") | .decision' "$out" | tr '\n' ' ')" \
    "$before $unaware $refused $stale $after " "what is listed"
must 0 "$P2P_BIN" audit explain "$WORK/a" --trust "$SB/trust"
tells "^[0-9-]+ [0-9:.]+ +$refused +main +refuse +call imo:9332810: banned$"
must 2 "$P2P_BIN" audit explain "$WORK/a" --trust "$SB/trust" --html "$WORK/page.html"

claim "the page needs nothing but itself, and what records say stays text"
must 0 "$P2P_BIN" audit explain "$WORK/a" "$refused" --trust "$SB/trust" --html "$WORK/page.html"
grep -q "size: A4" "$WORK/page.html" || fail "the page is not made for paper"
grep -q "<div class=\"running\">Decision $refused, federation sandbox.example<br>[0-9a-f]\{64\}<" "$WORK/page.html" ||
    fail "sheets do not say what they are of"
grep -Eq 'src=|href=|<script|url\(' "$WORK/page.html" && fail "the page fetches something"
grep -q '&lt;b&gt;order &amp; 12&lt;/b&gt;' "$WORK/page.html" || fail "what a record says is not text"
cp "$WORK/page.html" "$WORK/first.html"
must 0 "$P2P_BIN" audit explain "$WORK/a" "$refused" --trust "$SB/trust" --html "$WORK/page.html"
cmp "$WORK/page.html" "$WORK/first.html" || fail "the same input gave another page"
must 3 "$P2P_BIN" audit explain "$WORK/a" "$ban" --trust "$SB/trust"
must 3 "$P2P_BIN" audit explain "$WORK/a" "${refused%#*}#9" --trust "$SB/trust"

claim "a file that was written since the index was made is found by the next question, whatever times it has"
explain 0 "$refused"
[[ -f $WORK/a.index/state ]] || fail "no index was kept"
entries=$(find "$WORK/a/begne-1/tile/entries" -type f | head -n 1)
cp --preserve=timestamps "$entries" "$WORK/entries"
head -c "$(wc -c <"$entries")" /dev/zero >"$WORK/zeroes"
cp "$WORK/zeroes" "$entries" && touch -r "$WORK/entries" "$entries"
explain 4 "$refused"
must 4 "$P2P_BIN" audit replay "$WORK/a" --trust "$SB/trust" --as-known-by "$refused" --json
cp "$WORK/entries" "$entries"
explain 0 "$refused"

claim "an index lies where it is told to, and where it cannot is said"
must 0 "$P2P_BIN" audit explain "$WORK/a" "$refused" --trust "$SB/trust" --index "$WORK/elsewhere"
[[ -f $WORK/elsewhere/state ]] || fail "no index lies there"
must 0 "$P2P_BIN" audit verify "$WORK/a" --trust "$SB/trust" --index "$WORK/elsewhere"
must 3 "$P2P_BIN" audit verify "$WORK/a" --trust "$SB/trust" --index "$WORK/entries"
says "$WORK/entries cannot be written"
says 'index DIR'

claim "another member's archive does not have the decision, and says so"
must 0 node beanr audit export "$WORK/other"
must 3 "$P2P_BIN" audit explain "$WORK/other" "$refused" --trust "$SB/trust"
grep -q "is withheld" "$err" || fail "it does not say why"
must 0 "$P2P_BIN" audit explain "$WORK/other" --trust "$SB/trust"
tells "^no decisions$"
says "withheld here; the archive of their own member has them"

claim "what is no record, no time or no trust is said so"
must 3 "$P2P_BIN" audit replay "$WORK/a" --trust "$SB/trust" --at begne/1:4000
must 3 "$P2P_BIN" audit replay "$WORK/a" --trust "$SB/trust" --at yesterday
must 2 "$P2P_BIN" audit replay "$WORK/a" --trust "$SB/trust" --as-known-by "$stale" --at "$before"
must 2 "$P2P_BIN" audit replay "$WORK/a"
must 3 "$P2P_BIN" audit replay "$WORK/nowhere" --trust "$SB/trust"
must 2 "$P2P_BIN" audit replay "$WORK/a" --trust "$SB/trust" --subject ship:9332810
must 3 "$P2P_BIN" audit replay "$WORK/a" --trust "$SB/trust" --subject card:alfapass:7305518264
says "cannot be told by an archive"
must 2 "$P2P_BIN" audit explain "$WORK/a" "$refused" --trust "$SB/trust" --html "$WORK/a/page.html"

claim "a decision in what does not verify of an archive is 4, not one that never was"
cp -r "$WORK/a" "$WORK/damaged"
entries=$(find "$WORK/damaged/begne-1/tile/entries" -type f | head -n 1)
head -c "$(wc -c <"$entries")" /dev/zero >"$WORK/zeroes"
cp "$WORK/zeroes" "$entries"
must 4 "$P2P_BIN" audit explain "$WORK/damaged" "$refused" --trust "$SB/trust"
says 'audit verify'

claim "what is told of an archive that does not verify says so first"
cp -r "$WORK/a" "$WORK/scratched"
printf x >>"$WORK/scratched/bezee-1/checkpoint"
must 4 "$P2P_BIN" audit explain "$WORK/scratched" "$refused" --trust "$SB/trust"
sed -n 2p "$out" | grep -q "^The archive does not verify" || fail "it does not say so first"
must 4 "$P2P_BIN" audit explain "$WORK/scratched" "$refused" --trust "$SB/trust" --html "$WORK/page.html"
grep -q '<div class="verdict wrong">' "$WORK/page.html" || fail "the page looks as if all were well"
grep -q "<strong>The archive does not verify" "$WORK/page.html" || fail "the page does not say so"

finish
