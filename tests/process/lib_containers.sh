# Containers in custody and rights to collect them, for process tests that begin with lib.sh.

CARD=card:alfapass:1234567 TRUCK=plate:BE:1ABC234 # who drives

# open_custody MEMBER CONTAINER [OPTION...]
open_custody() {
    must 0 node "$1" --json custody open --container "$2" --call 'PTP EXPRESS 42' --facility "$1-f1" "${@:3}"
}
# custody_is MEMBER CONTAINER|TOKEN FILTER
custody_is() { node "$1" --json custody show "$2" | jq -e "$3"; }

# right_by ISSUER VERB...: at the member whose issuer it is
right_by() { must 0 node "${1%%-*}" --json --as "$1" right "${@:2}"; }
# assign MEMBER CONTAINER: a right on it passes from carrier to forwarder to haulier, who names $CARD and $TRUCK; it is
# in $right, and no light is green yet
assign() {
    right_by "$1-carrier" issue --container "$2" --bl PTPL42 --to "$1-forwarder"
    get .id right
    right_by "$1-forwarder" accept "$right"
    right_by "$1-forwarder" transfer "$right" --to "$1-haulier"
    right_by "$1-haulier" accept "$right"
    right_by "$1-haulier" assign "$right" --driver "$CARD" --truck "$TRUCK"
}
# green MEMBER: all four lights of $right
green() {
    right_by "$1-carrier" light "$right" commercial ok
    right_by "$1-customs" light "$right" customs released
    right_by "$1-terminal" light "$right" discharge discharged
    right_by "$1-terminal" light "$right" terminal released
}
# collectable MEMBER CONTAINER: nothing speaks against collecting it, once it is in that member's custody
collectable() { assign "$@" && green "$1"; }

# collect CODE MEMBER CONTAINER [CARD]; because REASON: among those of the last answer
collect() { must "$1" node "$2" --json gate collect --container "$3" --subject "${4:-$CARD}" --subject "$TRUCK"; }
because() { holds '[.reasons[].code] | index($code) != null' --arg code "$1"; }
