/* An export: what a stopped node holds, written as an archive. */
#include "figure.h"
#include "fleet.h"
#include "loader.h"

#include <p2p/export.h>

#include <stdio.h>

/* ---- the child ---- */

static enum p2p_err export_all(struct p2p_node *node, struct p2p_txn *txn, const char *dir,
                               struct p2p_export_result *result,
                               char message[P2P_MESSAGE_BYTES])
{
    struct p2p_ledger ledger = {0};
    const struct p2p_export_options options = {
        .dir = dir, .ledger = &ledger, .kv = p2p_txn_kv(txn), .exporter = node->config.member};
    enum p2p_err err = p2p_ledger_open(&ledger, p2p_alloc_default(), p2p_sigs_ed25519(),
                                       p2p_txn_kv(txn), NULL);
    if (err == P2P_OK) {
        err = p2p_export_run(&options, result, message, P2P_MESSAGE_BYTES);
    }
    p2p_ledger_close(&ledger);
    return err;
}

int bench_child_export(struct p2p_node *node)
{
    char dir[P2P_PATH_BYTES_MAX + 16];
    char message[P2P_MESSAGE_BYTES] = "";
    struct p2p_export_result result;
    struct p2p_txn *txn = NULL;
    snprintf(dir, sizeof(dir), "%s/archive", node->dir);
    enum p2p_err err = p2p_store_begin(node->store, P2P_TXN_READ, &txn);
    double began_s = bench_now_s();
    if (err == P2P_OK) {
        err = export_all(node, txn, dir, &result, message);
    }
    double seconds = bench_now_s() - began_s;
    p2p_txn_abort(txn);
    if (err != P2P_OK) {
        bench_fail("the export failed: %s %s", p2p_err_text(err), message);
        return 1;
    }
    printf("{\"records\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"payloads\": %llu}\n",
           (unsigned long long)result.records, (unsigned long long)result.written_bytes,
           seconds, (unsigned long long)result.payloads);
    return 0;
}

/* ---- the part ---- */

static bool measure(struct fleet *fleet, const struct figure *figure)
{
    json_t *said = fleet_child(fleet, "export", &fleet->a, 0);
    double seconds = json_real_value(json_object_get(said, "seconds"));
    double records = (double)json_integer_value(json_object_get(said, "records"));
    json_decref(said);
    if (said == NULL || seconds <= 0) {
        return false;
    }
    figure_add(figure, records / seconds);
    return true;
}

bool bench_export(const struct bench *bench)
{
    static const struct figure whole = {.part = "audit",
                                        .name = "export, 60 % decisions, 30 % bans and lifts",
                                        .unit = "/s",
                                        .aim_type = AIM_AT_LEAST,
                                        .aim = 200000,
                                        .limit = "leaf and interior, 1 thread",
                                        .ratio_aim = 0.20};
    static const struct figure again = {
        .part = "audit", .name = "export again, nothing new", .unit = "/s"};
    struct fleet fleet;
    const size_t records = bench->quick ? 15000 : 300000;
    bool good = fleet_open(&fleet, bench, "export");
    bench_say("export of %zu records", records);
    json_t *mix = good ? fleet_child(&fleet, "mix", &fleet.a, records) : NULL;
    good = mix != NULL && measure(&fleet, &whole) && measure(&fleet, &again);
    json_decref(mix);
    fleet_close(&fleet);
    return good;
}
