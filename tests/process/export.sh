#!/usr/bin/env bash
# audit export: the same state gives the same bytes, in one go, in several, and after a kill; served or not; and nobody's
# directory is taken for an archive.
. "$(dirname "$0")/lib.sh" || exit 3
. "$(dirname "$0")/lib_outside.sh"
need curl xxd
begin 17950 200 beanr,bezee,begne,commission

# sum DIR: one hash over all names and bytes of an archive
sum() { (cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | sha256sum | cut -c 1-64; }
# listed DIR: the manifest lists every file with its size and hash, and there is nothing else
listed() {
    local hash size path count
    count=$(sed -n '5,/^$/p' "$1/manifest" | grep -c .)
    same "$(find "$1" -type f | grep -vc '/manifest$')" "$count" "files in $1"
    while read -r hash size path && [[ $hash ]]; do
        same "$(sha256sum <"$1/$path" | cut -c 1-64) $(stat -c %s "$1/$path")" "$hash $size" "$path"
    done < <(sed -n '5,$p' "$1/manifest")
}
impose() { must 0 node beanr ban impose --as beanr-pso --subject "imo:$1" --ground local --reference "$1" --level witnessed --json && get .id id; }

claim "an archive lists all it holds"
up
connected $MEMBERS
impose 9332810
impose 9074729
must 1 node beanr gate check --subject imo:9332810 --purpose call
must 0 node begne wait record "$id" --level witnessed
agree # what was decided has come as well
must 0 node begne audit export "$WORK/a" --json
holds '.feeds == 5 and .records == .added and .records > 10 and .written.files == .files'
listed "$WORK/a"
[[ ! -e $SB/begne/store.copy ]] || fail "the copy of the store is still there"

claim "with the daemon down the store gives archives that are the same every time"
down begne
must 0 node begne audit export "$WORK/a" --json
holds '.added <= 1'
must 0 node begne audit export "$WORK/b"
same "$(sum "$WORK/a")" "$(sum "$WORK/b")" "two archives of one state"
must 0 node begne audit export "$WORK/a" --json
holds '.added == 0 and .written.files == 0 and .removed == 0'
must 0 up begne

claim "a second export adds what is new, to the bytes of a first one"
seq -f 'line %.0f' 1 66000 | awk '{ printf "%s,R%d\n", 9000000 + $2, $2 }' |
    sed '1i imo,legal' >"$WORK/list.csv"
must 0 node beanr ban import "$WORK/list.csv" --as beanr-pso --subject-type imo --subject-column imo --ground local \
    --reference-column legal --json
agree 60
for path in tile/1/000 tile/2/000.p/1 tile/entries/256 tile/0/255; do
    over_socket begne "/tlog/beanr-1/$path" -f --create-dirs -o "$WORK/served/$path" || fail "a node does not serve $path"
done
down begne
must 0 node begne audit export "$WORK/a" --json
holds '.added >= 66000 and .removed > 0'
must 0 node begne audit export "$WORK/e" --json
same "$(sum "$WORK/a")" "$(sum "$WORK/e")" "an archive in two steps and in one"
for path in tile/1/000 tile/2/000.p/1 tile/entries/256; do # three levels of hashes
    [[ -f $WORK/a/beanr-1/$path ]] || fail "there is no $path"
done

claim "hashes stand at every level, over those below, and partial tiles at the edge alone; a node serves the same"
FEED=$WORK/a/beanr-1/tile
size=$(sed -n 2p "$WORK/a/beanr-1/checkpoint")
# edge LEVEL HASHES: so many stand there, in whole tiles and one that is not
edge() {
    local rest=
    (($2 % 256)) && printf -v rest './%03d.p/%d' $(($2 / 256)) $(($2 % 256))
    same "$(find "$FEED/$1" -type f ! -path '*.p/*' | wc -l)" $(($2 / 256)) "whole tiles of level $1"
    same "$(cd "$FEED/$1" && find . -path '*.p/*' -type f)" "$rest" "the partial tile of level $1"
}
edge entries "$size"
edge 0 "$size"
edge 1 $((size / 256))
edge 2 $((size / 65536))
[[ ! -e $FEED/3 ]] || fail "there is a level without a hash"
xxd -p -c 32 "$FEED/0/000" >"$WORK/hashes"
same "$(root "$WORK/hashes")" "$(xxd -p -c 32 -l 32 "$FEED/1/000")" "the first hash of level 1"
for path in tile/1/000 tile/2/000.p/1 tile/entries/256 tile/0/255; do
    cmp -s "$WORK/served/$path" "$WORK/a/beanr-1/$path" || fail "$path as a node serves it is another"
done

claim "one feed alone, and then the others"
must 0 node begne audit export "$WORK/f" --feed beanr/1 --json
holds '.feeds == 2'
[[ -d $WORK/f/charter-1 && -d $WORK/f/beanr-1 && ! -e $WORK/f/bezee-1 ]] || fail "other feeds are there"
must 0 node begne audit export "$WORK/f" --feed bezee/1 --json
listed "$WORK/f"
must 0 node begne audit export "$WORK/f"
same "$(sum "$WORK/f")" "$(sum "$WORK/e")" "an archive feed by feed and in one go"

claim "an export that is killed anywhere goes on to the same bytes"
must 0 node begne audit export "$WORK/whole"
for at in 1 30 300; do
    timeout 60 strace -f -qq -o /dev/null -e inject=rename,renameat,renameat2:signal=KILL:when=$at \
        "$P2P_BIN" -C "$SB/begne" audit export "$WORK/k$at" >/dev/null 2>&1
    [[ ! -e $WORK/k$at/manifest ]] || fail "it was not killed at file $at"
    must 0 node begne audit export "$WORK/k$at"
    same "$(sum "$WORK/k$at")" "$(sum "$WORK/whole")" "killed at file $at and gone on"
done

claim "killed when all but the manifest is synced, it writes the manifest alone"
timeout 60 strace -f -qq -o /dev/null -e inject=fsync:signal=KILL:when=1 \
    "$P2P_BIN" -C "$SB/begne" audit export "$WORK/last" >/dev/null 2>&1
[[ ! -e $WORK/last/manifest && -s $WORK/last/manifest.part ]] || fail "it was not killed before its manifest"
must 0 node begne audit export "$WORK/last" --json
holds '.written.files == 0'
same "$(sum "$WORK/last")" "$(sum "$WORK/whole")" "killed at the end and gone on"

claim "what a member may not hold is announced"
grep -q '^withheld beanr-1 ' "$WORK/whole/manifest" || fail "the decision of another member is not announced"
must 0 node commission audit export "$WORK/comm"
grep -q '^withheld ' "$WORK/comm/manifest" || fail "nothing is withheld from the commission"

claim "nobody's directory is taken for an archive"
mkdir "$WORK/mine" && echo letter >"$WORK/mine/letter"
must 2 node begne audit export "$WORK/mine"
says 'not empty and not an archive'
must 2 node bezee audit export "$WORK/whole"
must 3 node begne audit export "$WORK/new" --feed nobody/1
same "$(ls "$WORK/mine")" letter "what is in the directory"

finish
