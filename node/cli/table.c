#include "nouns.h"

const struct p2p_cli_option p2p_cli_globals[] = {
    {.name = "json",
     .help = "answer in JSON, one object or one per line",
     .type = P2P_CLI_FLAG},
    {.name = "as", .value = "ISSUER", .help = "who signs; needed only when several could"},
    {.name = "passphrase-file",
     .value = "F",
     .help = "the passphrase of locked keys is this file's first line (default "
             "$PORT2PORT_PASSPHRASE_FILE)",
     .type = P2P_CLI_FILE},
    {.name = "help", .help = "how a command works", .type = P2P_CLI_FLAG},
    {.name = "version", .help = "which version this is", .type = P2P_CLI_FLAG},
    {0},
};

const struct p2p_cli_option p2p_cli_appends[] = {
    {.name = "level",
     .value = "LEVEL",
     .help =
         "wait until it is held so: local (the default), mirrored by one peer, or witnessed "
         "by a quorum; after 30 s exit 3, and the record stands",
     .choices = "local|mirrored|witnessed"},
    {.name = "prepare",
     .value = "FILE",
     .help = "append nothing; write the bytes to sign outside into FILE, for port2port submit",
     .type = P2P_CLI_FILE,
     .rules = P2P_CLI_LOCAL},
    {0},
};

/* Nouns of later versions: known, so that they are told from slips of the fingers. */
#define LATER(noun) (&(const struct p2p_cli_noun){.name = (noun)})

const struct p2p_cli_noun *const p2p_cli_nouns[] = {
    &p2p_cli_noun_ban,        &p2p_cli_noun_gate,
    &p2p_cli_noun_right,      &p2p_cli_noun_custody,
    &p2p_cli_noun_status,     &p2p_cli_noun_peers,
    &p2p_cli_noun_watch,      &p2p_cli_noun_doctor,
    &p2p_cli_noun_wait,       &p2p_cli_noun_serve,
    &p2p_cli_noun_init,       &p2p_cli_noun_federation,
    &p2p_cli_noun_charter,    &p2p_cli_noun_key,
    &p2p_cli_noun_record,     &p2p_cli_noun_submit,
    &p2p_cli_noun_audit,      &p2p_cli_noun_help,
    &p2p_cli_noun_completion, &p2p_cli_noun_version,
    LATER("incident"),        LATER("level"),
    LATER("evidence"),        LATER("erase"),
    LATER("alarm"),           NULL,
};
