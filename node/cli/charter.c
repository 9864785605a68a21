#include "nouns.h"
#include "print.h"
#include "request.h"

#define SOURCE                                                                                 \
    {                                                                                          \
        .name = "federation", .value = "FILE",                                                 \
        .help = "work on this federation.json instead of the node's charter",                  \
        .type = P2P_CLI_FILE                                                                   \
    }
#define CHANGE                                                                                 \
    {.name = "root-key",                                                                       \
     .value = "F",                                                                             \
     .help = "a root's key file, signs the version; as many as the threshold says; the log "   \
             "key lies beside the first",                                                      \
     .type = P2P_CLI_FILE,                                                                     \
     .rules = P2P_CLI_REPEATS | P2P_CLI_UNLESS_PREFIXED},                                      \
        SOURCE
#define FEED_ARGUMENT                                                                          \
    {                                                                                          \
        .name = "FEED", .help = "a feed, as beanr/1, or beanr for its newest",                 \
        .rules = P2P_CLI_REQUIRED                                                              \
    }

static const struct p2p_cli_command CHARTER_COMMANDS[] = {
    {
        .verb = "show",
        .summary = "members, issuers, circles and policy as they stand",
        .run = p2p_cli_request_run,
        .route = {.method = "GET", .path = "/v1/charter/show", .print = p2p_cli_print_charter},
    },
    {
        .verb = "log",
        .summary = "the versions there were",
        .run = p2p_cli_request_run,
        .route = {.method = "GET",
                  .path = "/v1/charter/log",
                  .rows = "entries",
                  .print = p2p_cli_print_charter_log,
                  .none = "no versions"},
    },
    {
        .verb = "fetch",
        .summary = "take newer versions from a federation.json, wherever it comes from",
        .details =
            "It proves itself: what its roots did not sign is refused, whoever served it.",
        .options = P2P_CLI_OPTIONS(SOURCE),
        .arguments = P2P_CLI_ARGUMENTS({.name = "FILE|URL",
                                        .help = "a federation.json, or https://HOST/v1/charter",
                                        .rules = P2P_CLI_REQUIRED}),
        .run = p2p_cli_charter_fetch_run,
    },
    {
        .verb = "admit",
        .summary = "admit the member that sent this join.json",
        .options = P2P_CLI_OPTIONS(
            CHANGE,
            {.name = "witness",
             .value = "MEMBER",
             .help = "who witnesses its feed (default: the first 15 members)",
             .rules = P2P_CLI_REPEATS},
            {.name = "circle",
             .value = "C",
             .help = "a circle it joins besides its own; its members give it every key",
             .rules = P2P_CLI_REPEATS}),
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "FILE", .help = "its join.json", .rules = P2P_CLI_REQUIRED}),
        .rules = P2P_CLI_PREFIXED,
        .run = p2p_cli_charter_change_run,
    },
    {
        .verb = "grant",
        .summary = "let an issuer do things",
        .options = P2P_CLI_OPTIONS(
            CHANGE,
            {.name = "grant",
             .value = "WORD[:SCOPE]",
             .help = "what, as ban-local or custody:beanr-f1; may be repeated",
             .rules = P2P_CLI_REPEATS | P2P_CLI_REQUIRED},
            {.name = "member", .value = "M", .help = "whose issuer, when it is new"},
            {.name = "key",
             .value = "K",
             .help = "its public key (base64) or its key file, when it is new",
             .type = P2P_CLI_FILE}),
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "ISSUER", .help = "as beanr-pso", .rules = P2P_CLI_REQUIRED}),
        .rules = P2P_CLI_PREFIXED,
        .run = p2p_cli_charter_change_run,
    },
    {
        .verb = "circle",
        .summary = "make a circle, let members join or leave it, give it a new key",
        .details =
            "The charter holds only the hash of a circle's key. A member draws the key (key "
            "circle), and its node gives it, sealed, to the other members; who joins later is "
            "given every key there was.",
        .options = P2P_CLI_OPTIONS(
            CHANGE,
            {.name = "add", .value = "MEMBER", .help = "who joins", .rules = P2P_CLI_REPEATS},
            {.name = "remove",
             .value = "MEMBER",
             .help = "who leaves",
             .rules = P2P_CLI_REPEATS},
            {.name = "key",
             .value = "HASH",
             .help = "a new key for all who are in it from then on: what key circle printed at "
                     "the member that drew it; needed for a new circle and when one leaves"}),
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "CIRCLE", .help = "its name", .rules = P2P_CLI_REQUIRED}),
        .rules = P2P_CLI_PREFIXED,
        .run = p2p_cli_charter_change_run,
    },
    {
        .verb = "witness",
        .summary = "change one witness of a feed",
        .options =
            P2P_CLI_OPTIONS(CHANGE, {.name = "add", .value = "M", .help = "who becomes one"},
                            {.name = "remove", .value = "M", .help = "who is one no more"}),
        .arguments = P2P_CLI_ARGUMENTS(FEED_ARGUMENT),
        .rules = P2P_CLI_PREFIXED,
        .run = p2p_cli_charter_change_run,
    },
    {
        .verb = "policy",
        .summary = "change what the federation has agreed on",
        .options = P2P_CLI_OPTIONS(
            CHANGE,
            {.name = "lease",
             .value = "TIME",
             .help = "how long a port that is cut off may release (72h at first)",
             .type = P2P_CLI_DURATION},
            {.name = "heartbeat",
             .value = "TIME",
             .help = "how often each member signs the time (60s at first)",
             .type = P2P_CLI_DURATION},
            {.name = "fresh-cosignature",
             .value = "TIME",
             .help = "how old a cosignature may be to count for the time (15m at first)",
             .type = P2P_CLI_DURATION},
            {.name = "clock-skew",
             .value = "TIME",
             .help = "how far a clock may be off before a human decides (5m at first)",
             .type = P2P_CLI_DURATION}),
        .rules = P2P_CLI_PREFIXED,
        .run = p2p_cli_charter_change_run,
    },
    {
        .verb = "generation",
        .summary = "close a member's feed and grant it the next generation",
        .details =
            "For a node that was restored or forked: it may append nothing more to the feed it "
            "has. It makes the keys of the next one (key generation) and sends what that "
            "wrote. "
            "What its feed holds stays; what is added to it from here on has no effect.",
        .options = P2P_CLI_OPTIONS(
            CHANGE,
            {.name = "witness",
             .value = "MEMBER",
             .help = "who witnesses the new feed (default: those of the one that is closed)",
             .rules = P2P_CLI_REPEATS}),
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "FILE", .help = "its generation.json", .rules = P2P_CLI_REQUIRED}),
        .rules = P2P_CLI_PREFIXED,
        .run = p2p_cli_charter_change_run,
    },
    {
        .verb = "reassign",
        .summary = "give a container's custody to another member than its lost holder",
        .details =
            "The holder stops as soon as it knows the entry. The member acts once a quorum of "
            "the holder's witnesses has seen the entry, the holder's lease is over, and two of "
            "its issuers have looked at the yard (custody recount). Where the token was passed "
            "on before the witnesses saw the entry, it has no effect: then name who has it.",
        .options = P2P_CLI_OPTIONS(CHANGE,
                                   {.name = "to",
                                    .value = "MEMBER",
                                    .help = "who is to hold it",
                                    .rules = P2P_CLI_REQUIRED},
                                   {.name = "epoch",
                                    .value = "N",
                                    .help = "one more than custody show says (default: the "
                                            "node is asked)",
                                    .type = P2P_CLI_NUMBER}),
        .arguments = P2P_CLI_ARGUMENTS({.name = "TOKEN",
                                        .help = "the record that opened it, as beanr/1:17",
                                        .rules = P2P_CLI_REQUIRED}),
        .rules = P2P_CLI_PREFIXED,
        .run = p2p_cli_charter_change_run,
    },
    {
        .verb = "settle-opens",
        .summary = "keep one of several opens of a container that freeze each other",
        .details =
            "The holders of the others stop as soon as they know the entry. Each of them is "
            "over "
            "once a quorum of its holder's witnesses has seen the entry, its holder's lease is "
            "over, and two issuers who hold the one that is kept have looked at the yard and "
            "found the container (custody recount). One that was passed on before its "
            "witnesses "
            "saw the entry is not; one that was released stays so, and nothing thaws the "
            "others. An entry that lets go what an earlier one kept may leave none: then a "
            "gate-in where the container stands closes them, and it is opened anew.",
        .options = P2P_CLI_OPTIONS(CHANGE, {.name = "other",
                                            .value = "TOKEN",
                                            .help = "an open that goes",
                                            .rules = P2P_CLI_REPEATS | P2P_CLI_REQUIRED}),
        .arguments = P2P_CLI_ARGUMENTS({.name = "TOKEN",
                                        .help = "the open that is kept, as beanr/1:17",
                                        .rules = P2P_CLI_REQUIRED}),
        .rules = P2P_CLI_PREFIXED,
        .run = p2p_cli_charter_change_run,
    },
    {
        .verb = "rotate",
        .summary = "replace the root keys",
        .options = P2P_CLI_OPTIONS(CHANGE,
                                   {.name = "new-root",
                                    .value = "F",
                                    .help = "a key file of a root from then on; name them all",
                                    .type = P2P_CLI_FILE,
                                    .rules = P2P_CLI_REPEATS | P2P_CLI_REQUIRED},
                                   {.name = "threshold",
                                    .value = "K",
                                    .help = "how many of them have to sign from then on",
                                    .type = P2P_CLI_NUMBER,
                                    .rules = P2P_CLI_REQUIRED}),
        .rules = P2P_CLI_PREFIXED,
        .run = p2p_cli_charter_change_run,
    },
    {
        .verb = "settle",
        .summary = "end two heads of the charter in favour of the one held here",
        .options = P2P_CLI_OPTIONS(CHANGE),
        .rules = P2P_CLI_PREFIXED,
        .run = p2p_cli_charter_change_run,
    },
    {
        .verb = "revoke",
        .summary = "end what an issuer may do, from a record of its feed on",
        .options = P2P_CLI_OPTIONS(
            CHANGE,
            {.name = "at",
             .value = "INDEX",
             .help = "the first record that no longer counts (default: all that is witnessed "
                     "counts)",
             .type = P2P_CLI_NUMBER},
            {.name = "keep",
             .value = "ID",
             .help = "a ban above it that stays in force; may be repeated",
             .rules = P2P_CLI_REPEATS},
            {.name = "feed",
             .value = "FEED",
             .help = "in which feed (default: its member's newest)"},
            {.name = "checkpoint",
             .value = "FILE",
             .help = "the feed's newest quorum-cosigned checkpoint (default: the node's)",
             .type = P2P_CLI_FILE}),
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "ISSUER", .help = "as beanr-pso", .rules = P2P_CLI_REQUIRED}),
        .rules = P2P_CLI_PREFIXED,
        .run = p2p_cli_charter_change_run,
    },
    {
        .verb = "draft",
        .summary = "make a version without signing it, for roots in different cities",
        .details =
            "port2port charter draft VERB ... --out F takes the verbs admit, grant, circle, "
            "witness, policy, rotate, settle and revoke with their options. Signed by the log "
            "key, and by the root keys given, if any.",
        .options = P2P_CLI_OPTIONS({.name = "out",
                                    .value = "F",
                                    .help = "where to write the draft",
                                    .type = P2P_CLI_FILE,
                                    .rules = P2P_CLI_REQUIRED},
                                   {.name = "ceremony",
                                    .value = "DIR",
                                    .help = "where the log key is (default: beside the first "
                                            "--root-key)",
                                    .type = P2P_CLI_FILE}),
        .rules = P2P_CLI_PREFIX,
        .run = p2p_cli_charter_change_run,
    },
    {
        .verb = "sign",
        .summary = "add a root's signature to a draft",
        .details =
            "A root key signs one version of each number, ever; what it signed is kept beside "
            "it.",
        .options = P2P_CLI_OPTIONS({.name = "root-key",
                                    .value = "F",
                                    .help = "the root's key file",
                                    .type = P2P_CLI_FILE,
                                    .rules = P2P_CLI_REQUIRED},
                                   SOURCE),
        .arguments =
            P2P_CLI_ARGUMENTS({.name = "FILE", .help = "the draft", .rules = P2P_CLI_REQUIRED}),
        .run = p2p_cli_charter_sign_run,
    },
    {
        .verb = "append",
        .summary = "take a draft that enough roots signed into the charter",
        .options = P2P_CLI_OPTIONS(SOURCE),
        .arguments =
            P2P_CLI_ARGUMENTS({.name = "FILE", .help = "the draft", .rules = P2P_CLI_REQUIRED}),
        .run = p2p_cli_charter_append_run,
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_charter = {
    .name = "charter",
    .summary = "who is who in the federation, and who may do what",
    .commands = CHARTER_COMMANDS,
};
