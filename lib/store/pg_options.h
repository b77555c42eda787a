/* What libpq is told beyond the URL, and in which order it tries several hosts. Of pg_link.c
 * alone. */
#ifndef LIB_STORE_PG_OPTIONS_H
#define LIB_STORE_PG_OPTIONS_H

#include "lib/store/pg_url.h"

/* As PQconnectStartParams() takes them. Passwords may be in it. */
struct pg_options {
	const char **keywords;
	const char **values;
	char *rotated[3]; /* values that are not the URL's */
};

/* 1 or more. */
size_t pg_options_hosts(const struct pg_url *url);
/* The URL's, our defaults where it says nothing, and the list of hosts beginning with the one of
 * number first (from 0, modulo their count). Views url. */
void pg_options_init(struct pg_options *options, const struct pg_url *url, size_t first);
void pg_options_finish(struct pg_options *options);

#endif
