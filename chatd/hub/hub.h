/* The hub door: calls of connections become operations, and their results Completions. */
#ifndef CHATD_HUB_HUB_H
#define CHATD_HUB_HUB_H

#include "chatd/conn/conn.h"

/* The hub's side of every connection. */
extern const struct conn_events hub_conn_events;

/* For conns_create(): see there. */
void hub_hold_over(struct conn *conn);

#endif
