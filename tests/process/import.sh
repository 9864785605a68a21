#!/usr/bin/env bash
# Lists as people send them: every line is imposed, already there, or refused by name; two nodes import at once and
# all gates know both lists. P2P_NIGHTLY=1 makes the long list 1,000,000 lines.

. "$(dirname "$0")/lib.sh" || exit 3
begin 17160 $((${P2P_NIGHTLY:+1} + 0 ? 1200 : 120)) beanr,bezee,begne
LINES_LONG=${P2P_NIGHTLY:+1000000}
LINES_LONG=${LINES_LONG:-100000}
REAL=$P2P_DATA/eu-port-access-bans.csv

# import CODE FILE [OPTION...]: by beanr's security officer, columns subject and reference
import() {
    must "$1" node beanr --json --as beanr-pso ban import "$2" --subject-type imo --subject-column subject --ground local \
        --reference-column reference "${@:3}"
}
# report LINES IMPOSED ALREADY REFUSED ERRORS
report() {
    keys . lines imposed already refused errors
    holds ".lines == $1 and .imposed == $2 and .already == $3 and .refused == $4 and (.errors | length) == $5"
}
# imo N: a valid one from six digits
imo() {
    local d=$1
    echo "$d$(((${d:0:1} * 7 + ${d:1:1} * 6 + ${d:2:1} * 5 + ${d:3:1} * 4 + ${d:4:1} * 3 + ${d:5:1} * 2) % 10))"
}

claim "three nodes are up"
up
connected $MEMBERS

claim "two nodes import at once, the real list and another, and every gate knows both"
{
    echo subject,reference
    for ((i = 0; i < 600; i++)); do
        echo "$(imo $((910000 + i * 7))),bezee-$i"
    done
} >"$WORK/bezee.csv"
node bezee --json --as bezee-pso ban import "$WORK/bezee.csv" --subject-type imo --subject-column subject --ground local \
    --reference-column reference >"$WORK/bezee.out" 2>&1 &
other=$!
must 0 node beanr --json --as beanr-pso ban import "$REAL" --subject-type imo --subject-column imo \
    --reference-column legal_basis --from-column listed_on --ground eu-regulation
report 633 633 0 0 0
wait "$other" || fail "bezee's import: $(cat "$WORK/bezee.out")"
same "$(jq -c '[.lines, .imposed]' "$WORK/bezee.out")" "[600,600]" "bezee's report"
agree
for member in $MEMBERS; do
    must 1 node "$member" --json gate check --subject imo:9179842 --purpose call
    must 1 node "$member" --json gate check --subject "imo:$(imo 914193)" --purpose call
    must 0 node "$member" --json ban list
    same "$(wc -l <"$out")" 1233 "bans in force at $member"
    same "$(jq -r '.subjects[]' "$out" | sort -u | grep -cxFf <(sed 1d "$REAL" | cut -d, -f1 | sed 's/^/imo:/' | sort -u))" 632 "ships of the list"
done

claim "the same list again imposes nothing"
must 0 node beanr --json --as beanr-pso ban import "$REAL" --subject-type imo --subject-column imo \
    --reference-column legal_basis --from-column listed_on --ground eu-regulation
report 633 0 633 0 0

claim "a column that is not there is usage, named, and nothing is imposed"
must 2 node beanr --json --as beanr-pso ban import "$REAL" --subject-type imo --subject-column ship --ground local \
    --reference-column legal_basis
holds '.error.text | contains("ship")'
must 2 node beanr --json --as beanr-pso ban import "$REAL" --subject-type imo --subject-column imo --ground local \
    --reference-column legal_basis --until-column nothing
must 3 node beanr --json --as beanr-pso ban import "$WORK/absent.csv" --subject-type imo --subject-column imo --ground local \
    --reference-column legal_basis
must 2 node beanr --json --as beanr-pso ban import "$REAL" --subject-type horse --subject-column imo --ground local \
    --reference-column legal_basis

claim "a wrong check digit is imposed, flagged and named, and is not refused"
printf 'subject,reference\n9000003,good\n9000001,wrong digit\n' >"$WORK/digit.csv"
import 0 "$WORK/digit.csv"
report 2 2 0 0 1
holds '.errors[0].line == 3 and (.errors[0].text | contains("9000001"))'
answer begne imo:9000001 call

claim "what is no subject is refused by line; the other lines stand; exit 1"
printf 'subject,reference\n9000015,a\n%0200d,b\n9000027,c\n,d\n9000039,\nx,y,z\n' 7 >"$WORK/mixed.csv"
import 1 "$WORK/mixed.csv"
holds '.lines == 6 and .imposed == 2 and .refused == 4 and ([.errors[].line] | sort == [3, 5, 6, 7])'

claim "empty lines, CRLF, quotes with commas and line ends, and a byte order mark are all taken"
printf '\xef\xbb\xbfsubject,reference\r\n9000041,"article 3s(2)(a), annex"\r\n\r\n9000053,"he said ""no"""\r\n9000065,"two\r\nlines"\r\n' >"$WORK/odd.csv"
import 0 "$WORK/odd.csv"
holds '.imposed == 3 and .refused == 0'
must 0 node beanr --json ban list --subject imo:9000041
holds '.reference == "article 3s(2)(a), annex"'
must 0 node beanr --json ban list --subject imo:9000053
holds '.reference == "he said \"no\""'

claim "a file without a last line end, one with only a header, and one that is empty"
printf 'subject,reference\n9000077,last' >"$WORK/last.csv"
import 0 "$WORK/last.csv"
report 1 1 0 0 0
printf 'subject,reference\n' >"$WORK/header.csv"
import 0 "$WORK/header.csv"
report 0 0 0 0 0
: >"$WORK/empty.csv"
import 2 "$WORK/empty.csv"

claim "--dry-run imposes nothing and reports all"
size_of beanr beanr/1 before
printf 'subject,reference\n9000089,x\n,y\n' >"$WORK/dry.csv"
import 1 "$WORK/dry.csv" --dry-run
holds '.lines == 2 and .refused == 1 and .errors[0].line == 3'
size_of beanr beanr/1
same "$it" "$before" "the feed's size after a dry run"

claim "--all-or-nothing imposes nothing when one line of many is refused"
{
    echo subject,reference
    for ((i = 0; i < 1500; i++)); do
        echo "9000091,all-$i"
    done
    echo ,last
} >"$WORK/all.csv"
import 1 "$WORK/all.csv" --all-or-nothing
holds '.imposed == 0 and .refused == 1 and .errors[0].line == 1502'
must 0 node beanr --json ban list --subject imo:9000091
silent
sed -i '$d' "$WORK/all.csv"
import 0 "$WORK/all.csv" --all-or-nothing
report 1500 1500 0 0 0

claim "already: the same in one file and across files, but not with another reference or from"
printf 'subject,reference,from\n9000106,r,2026-01-01\n9000106,r,2026-01-01\n9000106,s,2026-01-01\n9000106,r,2026-01-02\n' >"$WORK/twice.csv"
import 0 "$WORK/twice.csv" --from-column from
report 4 3 1 0 0
import 0 "$WORK/twice.csv" --from-column from
report 4 0 4 0 0

claim "a list that another issuer may not impose is 1, and nothing of it stands"
must 1 node beanr --json --as beanr-terminal ban import "$WORK/last.csv" --subject-type imo --subject-column subject \
    --ground local --reference-column reference
claim "an import from stdin is one like any other"
ran="ban import -"
printf 'subject,reference\n9000118,stdin\n' | node beanr --json --as beanr-pso ban import - --subject-type imo \
    --subject-column subject --ground local --reference-column reference >"$out" 2>"$err" || fail "exit $?"
report 1 1 0 0 0

claim "$LINES_LONG lines: a report, and every peer has them"
awk -v n="$LINES_LONG" 'BEGIN {
    print "subject,reference"
    for (i = 0; i < n; i++) printf "alfapass:%07d,long\n", i
}' >"$WORK/long.csv"
must 0 node beanr --json --as beanr-pso ban import "$WORK/long.csv" --subject-type card --subject-column subject --ground local \
    --reference-column reference
report "$LINES_LONG" "$LINES_LONG" 0 0 0
printf '       imported in %d ms' "$took_ms"
started=$(now_ms)
agree 120
printf ', and everywhere %d ms after that\n' $(($(now_ms) - started))
must 1 node begne --json gate check --subject card:alfapass:0077777 --purpose enter

finish
