/* What watchers are told of how feeds stand, and, at an observer, of what is kept from it: once
 * a second at most, and of a feed or circle only when it stands otherwise than was told last.
 *
 * A feed stands otherwise when its size, its witnessed size, its lag or its state is another,
 * or when its owner is silent for another minute, from P2P_NEWS_SILENT_MIN on. In a node that
 * serves; the writer's thread. Without memory nothing is told. */
#ifndef P2P_FEED_NEWS_H
#define P2P_FEED_NEWS_H

#include "node_state.h"

#define P2P_NEWS_EVERY_MS   1000u
#define P2P_NEWS_SILENT_MIN 2u
#define P2P_NEWS_LEAVES     4096u /* looked at each time for what is withheld */

/* Within a batch, whose transaction it reads: counts on, at an observer, when it is time. */
void p2p_news_count(struct p2p_node *node);
/* After a batch: tells what is due. happened: something did. */
void p2p_news_tell(struct p2p_node *node, bool happened);
/* When it wants to be called again; UINT64_MAX: with the next batch. */
uint64_t p2p_news_wake_ms(const struct p2p_node *node);
void p2p_news_free(struct p2p_feed_news *news); /* accepts NULL */

#endif
