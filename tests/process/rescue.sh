#!/usr/bin/env bash
# A container left by a release that only one other port heard of, and its port came back as it was before: the release
# is carried on, and the container is opened anew only after two people have looked.

. "$(dirname "$0")/lib.sh" || exit 3
begin 19500 150 beanr,bezee,begne,beost
up
connected $MEMBERS
BOX=CSQU3054383 CARD=card:alfapass:1234567 TRUCK=plate:BE:1ABC234

custody_is() { node "$1" --json custody show "$BOX" | jq -e "$2"; }
# may ISSUER RIGHT-VERB...: appends at beanr, for that issuer
may() { must 0 node beanr --json --as "beanr-$1" right "${@:2}"; }

claim "Antwerp holds a container that may leave; its directory is copied"
must 0 node beanr --json custody open --container "$BOX" --call 'PTP EXPRESS 42' --facility beanr-f1
may carrier issue --container "$BOX" --bl PTPL42 --to beanr-haulier
get .id
right=$it
may haulier accept "$right"
may haulier assign "$right" --driver "$CARD" --truck "$TRUCK"
may carrier light "$right" commercial ok
may customs light "$right" customs released
may terminal light "$right" discharge discharged
may terminal light "$right" terminal released
agree
down beanr
cp -a "$SB/beanr" "$SB/twin"
cp -a "$SB/copies/beanr" "$SB/copies/twin"
sed -i "s|copies/beanr|copies/twin|" "$SB/twin/config.yaml"
up beanr
releasing beanr

claim "it leaves, and only Zeebrugge hears of that before Antwerp is back as it was"
down begne beost
must 0 node beanr --json gate collect --container "$BOX" --subject "$CARD" --subject "$TRUCK"
eventually 10 custody_is bezee '.state == "released"'
down beanr bezee
must 0 node twin --json --as beanr-pso ban impose --subject imo:9405461 --ground local --reference twin
get .id
ban=$it
up begne beost
"$P2P_BIN" -C "$SB/twin" serve >"$WORK/twin" 2>&1 &
for member in begne beost; do
    shown() { node "$member" --json ban show "$ban" | jq -e '.reference == "twin"'; }
    eventually 20 shown
done
must 0 node begne --json custody show "$BOX"
holds '.state == "held" and .holder == "beanr"'
down twin

claim "the line is back: the release counts everywhere, and nobody opens the container before two people counted it"
up bezee
for member in bezee begne beost; do
    eventually 30 custody_is "$member" '.state == "released" and .frozen == ["forked"]'
done
open() { node begne --json custody open --container "$BOX" --call 'second visit' --facility begne-f1; }
must 1 open
holds '.error.code == "recount-first"'
must 0 node begne --json --as begne-pso custody recount "$BOX"
must 1 open
holds '.error.code == "recount-first"'
must 0 node begne --json --as begne-pso2 custody recount "$BOX"
must 0 open
eventually 10 custody_is bezee '.state == "held" and .holder == "begne"'
finish
