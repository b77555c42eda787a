/* Where a PostgreSQL database is: postgresql:// and postgres:// URLs as libpq takes them, and the
 * form of Npgsql, which ASP.NET Core servers are configured with (Host=…;Username=…). Source:
 * PostgreSQL manual «Connection Strings», Npgsql manual «Connection String Parameters». */
#ifndef LIB_STORE_PG_URL_H
#define LIB_STORE_PG_URL_H

#include <stdbool.h>

#include "lib/base/bytes.h"

/* Whether the text is in one of these forms (it may still be a wrong one). */
bool pg_url_is(struct bytes url);

/* What libpq is given: keywords and values, both ended by NULL; passwords may be in it. */
struct pg_url {
	char **keywords;
	char **values;
	size_t count;
	char *place; /* "database chat on db1.example:5432": for people, without user and password
		      */
};

/* Understands both forms. Where several hosts are named and no target_session_attrs is, it is
 * read-write. What cannot hold for chatd is refused. 0, or ERR_CONFIG with a sentence in why that
 * names the keyword and repeats no value of a password (why is appended to). Other keywords of
 * Npgsql that only tell it how to pool or trace are accepted and left out. */
int pg_url_parse(struct bytes url, struct pg_url *ret_url, struct buf *why);
/* Wipes and frees. */
void pg_url_finish(struct pg_url *url);
/* A copy with another database name (for tests and for making a database). */
int pg_url_with_database(const struct pg_url *url, const char *database, struct pg_url *ret_url);

#endif
