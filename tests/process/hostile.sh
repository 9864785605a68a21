#!/usr/bin/env bash
# Strangers and broken programs at every door of a running node: refused with a line that says who and why, counted,
# and nobody else notices.

. "$(dirname "$0")/lib.sh" || exit 3
begin 17260 90 beanr,bezee,begne

PEERS=127.77.0.1:$BASE
PEOPLE=127.77.0.1:$((BASE + 1))
SOCKET=$SB/beanr/node.sock
LOG=$SB/beanr/node.log

refusals() { metric beanr "port2port_connection_refusals_total{reason=\"$1\"}"; }

# refused REASON COMMAND...: the command comes to nothing, the metric counts it, and the log names it and the sender
refused() {
    local reason=$1 before lines line
    shift
    before=$(refusals "$reason")
    lines=$(wc -l <"$LOG")
    ran="$*"
    "$@" >"$out" 2>"$err" </dev/null
    counted() { (($(refusals "$reason") > before)); }
    eventually 12 counted
    logged() { tail -n +"$((lines + 1))" "$LOG" | grep -F '"network.refused"' | grep -F "\"reason\":\"$reason\""; }
    eventually 5 logged
    line=$(logged | head -n 1)
    jq -e '.remote != "" and .detail != ""' <<<"$line" >/dev/null || fail "the line does not say who and why: $line"
    printf '       %s\n' "$(jq -r .detail <<<"$line")"
}

# raw ADDRESS BYTES: what bash sends over plain TCP, and waits for the end
raw() {
    exec 3<>"/dev/tcp/${1%:*}/${1#*:}" || return 1
    printf '%b' "$2" >&3
    timeout 10 cat <&3
    exec 3>&-
}

s_client() { timeout 10 openssl s_client -connect "$1" -quiet "${@:2}"; }

# unharmed WHAT: the others still exchange and decide
unharmed() {
    local start
    start=$(now_ms)
    REFERENCE="during $1" impose beanr imo:9405423
    must 0 node begne wait record "$id"
    must 1 node begne --json gate check --subject imo:9405423 --purpose call
    connected $MEMBERS
}

claim "three nodes are up"
up
connected $MEMBERS
openssl req -x509 -newkey ed25519 -nodes -keyout "$WORK/stranger.key" -out "$WORK/stranger.crt" -days 1 -subj "/CN=beanr" 2>"$err" ||
    fail "openssl makes no certificate"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$WORK/rsa.key" -out "$WORK/rsa.crt" -days 1 -subj "/CN=bezee" 2>"$err" ||
    fail "openssl makes no certificate"

claim "peers' listener: a certificate that is not in the charter"
refused unpinned s_client "$PEERS" -tls1_3 -alpn h2 -cert "$WORK/stranger.crt" -key "$WORK/stranger.key"

claim "peers' listener: no certificate, and one that is not Ed25519"
refused no_certificate s_client "$PEERS" -tls1_3 -alpn h2
refused no_certificate s_client "$PEERS" -tls1_3 -alpn h2 -cert "$WORK/rsa.crt" -key "$WORK/rsa.key"

claim "both listeners: TLS 1.2"
refused tls_version s_client "$PEERS" -tls1_2 -alpn h2 -cert "$WORK/stranger.crt" -key "$WORK/stranger.key"
refused tls_version s_client "$PEOPLE" -tls1_2 -alpn h2

claim "both listeners: HTTP/1.1 instead of HTTP/2, in ALPN"
refused alpn s_client "$PEERS" -tls1_3 -alpn http/1.1 -cert "$WORK/stranger.crt" -key "$WORK/stranger.key"
refused alpn curl -sk --max-time 10 --http1.1 "https://$PEOPLE/v1/charter"
refused alpn s_client "$PEOPLE" -tls1_3

claim "the socket: HTTP/1.1"
refused http1 curl -s --max-time 10 --http1.1 --unix-socket "$SOCKET" http://node/v1/status

claim "both listeners: no TLS at all"
refused http1 raw "$PEERS" 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
refused not_tls raw "$PEERS" '\x00\x01\x02\x03\x04\x05\x06\x07'
refused not_tls raw "$PEOPLE" '\x00\x01\x02\x03\x04\x05\x06\x07'

claim "a connection that says nothing, or half a hello, is closed in time"
refused handshake_timeout raw "$PEERS" '\x16\x03\x01'

claim "people's listener: no HTTP/2 after the handshake"
garbage() { { printf 'this is no HTTP/2 preface, not even close\n' && head -c 1000 /dev/zero; } | s_client "$PEOPLE" -tls1_3 -alpn h2; }
total() { curl -s --http2-prior-knowledge --unix-socket "$SOCKET" http://node/metrics | awk '/^port2port_connection_refusals_total/ { n += $2 } END { print n + 0 }'; }
before=$(total)
ran="garbage after the handshake"
garbage >"$out" 2>"$err"
more() { (($(total) > before)); }
eventually 10 more

claim "requests out of bounds: a body too large, a path that is none"
ran="a POST of 70 MB"
code=$(head -c 70000000 /dev/zero | curl -s --max-time 20 --http2-prior-knowledge --unix-socket "$SOCKET" -o /dev/null -w '%{http_code}' \
    -X POST -T - http://node/v1/bans)
[[ $code == 4* || $code == 000 ]] || fail "a body of 70 MB got $code"
eventually 5 node beanr wait ready

claim "300 connections at once that never finish their handshake do not keep a peer out"
for ((i = 0; i < 300; i++)); do
    timeout 6 bash -c "exec 3<>/dev/tcp/${PEERS%:*}/${PEERS#*:}; printf '\x16\x03\x01\x02\x00' >&3; read -r -t 5 <&3" 2>/dev/null &
done
must 0 node bezee peers pause beanr
must 0 node bezee peers resume beanr
unharmed flood
from_address() { (($(refusals too_many_from_address) > 0)); }
eventually 10 from_address

claim "others were unharmed: sessions stand, bans spread, nothing is refused that should not be"
for member in $MEMBERS; do
    must 0 node "$member" --json peers
    holds 'all(.[]; .state == "connected")' -s
done
unharmed strangers
agree
eventually 10 node bezee doctor

finish
