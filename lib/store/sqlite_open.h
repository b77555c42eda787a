/* The SQLite back end of lib/store/store.h. */
#ifndef LIB_STORE_SQLITE_OPEN_H
#define LIB_STORE_SQLITE_OPEN_H

#include "lib/store/store.h"

/* Whether the text is sqlite:PATH; *ret_path views PATH. */
bool sqlite_url_is(struct bytes url, struct bytes *ret_path);

/* path: what follows "sqlite:" in params->url. As store_open(). */
int sqlite_store_open(const struct store_open_params *params, struct bytes path,
	struct store **ret_store, struct buf *why);

#endif
