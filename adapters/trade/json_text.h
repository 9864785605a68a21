/* A member of a JSON object that is text. */
#ifndef P2P_TRADE_JSON_TEXT_H
#define P2P_TRADE_JSON_TEXT_H

#include <jansson.h>

/* Borrowed from the object; "" when there is none, or it is something else. */
const char *p2p_json_text(const json_t *json, const char *key);

#endif
