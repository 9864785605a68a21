#!/usr/bin/env bash
# A disk changes bytes of a record below a node, in a real store: the scrubber finds it, the record is fetched again
# from the other members, and what the node shows is what was signed.

. "$(dirname "$0")/lib.sh" || exit 3
begin 17340 120 beanr,bezee,begne

MARK=quay-$RANDOM$RANDOM
# doctor exits 1 while there is something to look at.
doctor() { { node begne --json doctor || true; } | jq -e "..|objects|select(.name? == \"damage\") | $1"; }
found() { doctor '.text | test("^[1-9][0-9]* damaged places were found")'; }
sound() { status_is begne '.read_only == null' && doctor '.text | test("are repaired")'; }

claim "Antwerp writes 80 notes, and every node holds them"
up
connected $MEMBERS
note=$(printf 'x%.0s' {1..500})
for n in {101..180}; do
    must 0 node beanr record add note --field text="$MARK-$n $note"
done
agree

claim "one byte of a note is changed in Ghent's store, wherever it stands there"
down begne
mapfile -t places < <(grep -obUa "$MARK-123 " "$SB/begne/store/data" | cut -d: -f1)
((${#places[@]} > 0)) || fail "the note is not to be found in the store"
for at in "${places[@]}"; do
    printf 'Q' | dd of="$SB/begne/store/data" bs=1 seek="$at" conv=notrunc status=none
done
! grep -qUa "$MARK-123 " "$SB/begne/store/data" || fail "nothing was changed"

claim "Ghent finds it, fetches it again, and goes on"
up begne
connected begne
eventually 60 found
eventually 20 sound
agree
must 0 node begne status
finish
