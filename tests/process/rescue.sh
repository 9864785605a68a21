#!/usr/bin/env bash
# A container left by a release that only one other port heard of, and its port came back as it was before: the release
# is carried on, and the container is opened anew only after two people have looked.

. "$(dirname "$0")/lib.sh" || exit 3
. "$(dirname "$0")/lib_containers.sh"
begin 19500 150 beanr,bezee,begne,beost
up
connected $MEMBERS
BOX=CSQU3054383


claim "Antwerp holds a container that may leave; its directory is copied"
open_custody beanr "$BOX"
collectable beanr "$BOX"
agree
down beanr
twin_of beanr
up beanr
releasing beanr

claim "it leaves, and only Zeebrugge hears of that before Antwerp is back as it was"
down begne beost
collect 0 beanr "$BOX"
eventually 10 custody_is bezee "$BOX" '.state == "released"'
down beanr bezee
must 0 node twin --json --as beanr-pso ban impose --subject imo:9405461 --ground local --reference twin
get .id ban
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
    eventually 30 custody_is "$member" "$BOX" '.state == "released" and .frozen == ["forked"]'
done
open() { node begne --json custody open --container "$BOX" --call 'second visit' --facility begne-f1; }
must 1 open
holds '.error.code == "recount-first"'
must 0 node begne --json --as begne-pso custody recount "$BOX"
must 1 open
holds '.error.code == "recount-first"'
must 0 node begne --json --as begne-pso2 custody recount "$BOX"
must 0 open
eventually 10 custody_is bezee "$BOX" '.state == "held" and .holder == "begne"'
finish
