/* Upload streams of a connection's calls (streamIds): what comes for them, and when the client has
 * to wait. */
#ifndef CHATD_HUB_UPLOADS_H
#define CHATD_HUB_UPLOADS_H

#include "chatd/conn/conn.h"

struct call;

/* Makes the streams of a call that binds; nothing can come for them yet. */
void uploads_make(struct call *call, const struct hub_message *message);
/* From now on items are theirs. NULL; or why not, on the operation's arena: the call cannot run. */
const char *uploads_open(struct call *call);
/* A StreamItem. true: arena was kept. */
bool uploads_item(struct conn *conn, const struct hub_message *message, struct arena *arena);
/* A Completion. false: it belongs to no stream. */
bool uploads_end(struct conn *conn, const struct hub_message *message);
/* For flows.c. */
void uploads_drop(struct conn *conn);

#endif
