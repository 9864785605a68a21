# What stands outside a federation, for process tests that begin with lib.sh: keys that no node has, and a log of nobody
# here, made by openssl and sha256sum alone.
need openssl sha256sum base64 xxd

# make_key FILE: a private key in PEM; its public half, in base64, is in $public
make_key() {
    openssl genpkey -algorithm ed25519 -out "$1" 2>"$err" || fail "openssl made no key"
    public=$(openssl pkey -in "$1" -pubout -outform DER | tail -c 32 | base64)
}
# signed KEY PREPARED: what was prepared, with a signature by that key, on stdout
signed() {
    jq -r .bytes "$2" | base64 -d >"$WORK/bytes"
    openssl pkeyutl -sign -rawin -inkey "$1" -in "$WORK/bytes" -out "$WORK/signature"
    jq -c --arg s "$(base64 -w0 "$WORK/signature")" '.signature = $s' "$2"
}

# sha_hex: sha256 of the bytes that are given in hex
sha_hex() { xxd -r -p | sha256sum | cut -c 1-64; }

LOG=log.example/outside
# make_log: a key for the log LOG; what `witness_logs` says of it is in $log_vkey (c2sp.org/signed-note, its verifier key)
make_log() {
    make_key "$WORK/log.pem"
    local typed
    typed=01$(base64 -d <<<"$public" | xxd -p -c 32)
    log_id=$(printf '%s0a%s' "$(printf %s $LOG | xxd -p -c 99)" "$typed" | sha_hex | head -c 8)
    log_vkey=$LOG+$log_id+$(xxd -r -p <<<"$typed" | base64)
}
# log_checkpoint SIZE ROOT FILE: of that log, signed by it; the root in hex
log_checkpoint() {
    printf '%s\n%s\n%s\n' $LOG "$1" "$(xxd -r -p <<<"$2" | base64)" >"$WORK/text"
    openssl pkeyutl -sign -rawin -inkey "$WORK/log.pem" -in "$WORK/text" -out "$WORK/signature"
    printf '\n\xe2\x80\x94 %s %s\n' $LOG \
        "$({ xxd -r -p <<<"$log_id"; cat "$WORK/signature"; } | base64 -w 0)" | cat "$WORK/text" - >"$3"
}

# root FILE: the root over leaf hashes, one in hex a line (RFC 6962, section 2.1)
root() {
    local -a hashes next
    local i
    mapfile -t hashes <"$1"
    while ((${#hashes[@]} > 1)); do
        next=()
        for ((i = 0; i + 1 < ${#hashes[@]}; i += 2)); do
            next+=("$(printf '01%s%s' "${hashes[i]}" "${hashes[i + 1]}" | sha_hex)")
        done
        if ((i < ${#hashes[@]})); then # the odd one goes up as it is: trees split at the largest power of two
            next+=("${hashes[i]}")
        fi
        hashes=("${next[@]}")
    done
    echo "${hashes[0]}"
}
