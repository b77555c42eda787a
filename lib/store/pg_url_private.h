/* What the two forms of a connection string share; for pg_url.c and pg_npgsql.c, and pg_link.c,
 * which sees libpq. */
#ifndef LIB_STORE_PG_URL_PRIVATE_H
#define LIB_STORE_PG_URL_PRIVATE_H

#include "lib/store/pg_url.h"

/* Sets a keyword of libpq's to a copy of value, in place of what it was.
 * Both without NUL. */
void pg_url_set(struct pg_url *url, const char *keyword, struct bytes value);
/* NULL where it is not set. */
const char *pg_url_get(const struct pg_url *url, const char *keyword);

/* postgresql://... (pg_uri.c). Errors as pg_url_parse(). */
int pg_uri_parse(struct bytes text, struct pg_url *url, struct buf *why);
bool pg_uri_is(struct bytes text);

/* Host=...;Username=... (pg_npgsql.c). Errors as pg_url_parse(). */
int pg_npgsql_parse(struct bytes text, struct pg_url *url, struct buf *why);
/* Whether the text begins with a keyword and '='. */
bool pg_npgsql_is(struct bytes text);

/* The keywords that this libpq takes, one after the other (pg_link.c); none where memory is
 * exhausted. */
void pg_url_known(void (*each)(void *ctx, const char *keyword), void *ctx);

#endif
