/* What becomes of hub connections, for the log: each with its id and its user. */
#ifndef CHATD_CONN_CONN_LOG_H
#define CHATD_CONN_CONN_LOG_H

#include <stdint.h>

struct conn;

/* LOG_DEBUG. request: the id of the exchange that it grew out of; peer: as that has it. */
void conn_log_opened(const struct conn *conn, uint64_t request, const char *peer);
/* LOG_DEBUG. why: what its client was told, or what ended it; NULL: nothing was amiss. */
void conn_log_ended(const struct conn *conn, const char *why);
/* LOG_DEBUG: its client broke the protocol; detail: in words without anything of its content. */
void conn_log_failed(const struct conn *conn, const char *detail);
/* LOG_INFO: it is dropped for what it does not read; limit: the setting. */
void conn_log_slow(const struct conn *conn, const char *limit);

#endif
