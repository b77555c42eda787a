/* A new token for a connection that lives: by the hub method RefreshToken, or by the refresh
 * endpoint. */
#ifndef CHATD_CONN_RENEW_H
#define CHATD_CONN_RENEW_H

struct conn;
struct principal;

/* On the connection's worker, whose principal it is too: later calls are made for renewed, and the
 * connection lives until it expires. 0, or with a sentence in why (BARS_WHY_SIZE bytes)
 * ERR_FORBIDDEN (another user, or a banned one) or ERR_UNAUTHORIZED (a token that was revoked);
 * then nothing has changed. */
int conn_renew(struct conn *conn, struct principal *renewed, char *why);

#endif
