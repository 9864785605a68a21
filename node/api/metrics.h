/* Writing metrics: families and samples. Private to node/api. */
#ifndef P2P_API_METRICS_H
#define P2P_API_METRICS_H

#include "call.h"

#include <stdio.h>

void p2p_metric_family(FILE *out, const char *name, const char *type, const char *help);
/* One sample with one label, whose value needs no escaping here: names and words are
 * [a-z0-9_./+-]. */
void p2p_metric_sample(FILE *out, const char *name, const char *label, const char *word,
                       uint64_t value);
/* A family with one sample and no label. */
void p2p_metric_plain(FILE *out, const char *name, const char *type, const char *help,
                      uint64_t value);

/* metrics_observe.c */
void p2p_metrics_observe(FILE *out, struct p2p_node *node);

#endif
