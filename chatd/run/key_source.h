/* The public keys that an identity provider publishes (auth.jwks_url): fetched on the main thread's
 * loop, kept, and fetched again. Nobody waits for it: tokens of keys that are not there are refused
 * meanwhile. */
#ifndef CHATD_RUN_KEY_SOURCE_H
#define CHATD_RUN_KEY_SOURCE_H

#include "chatd/op/services.h"

struct conf;
struct jwks;
struct key_source;

/* on_keys: key_source_keys() answers others now; on the main thread, never inside a call. One for
 * the process: what it has fetched outlasts a new start on the store. */
struct key_source *key_source_create(void (*on_keys)(void *ctx), void *ctx);
void key_source_destroy(struct key_source **source);

/* Begins to fetch what conf names, if it names anything. sv is the main thread's, before other
 * threads run. */
void key_source_start(struct key_source *source, struct services *sv, const struct conf *conf);
/* Fetches at once, from what conf names now. */
void key_source_reload(struct key_source *source, const struct conf *conf);
/* No more is fetched. Before the loop is destroyed; twice is once. */
void key_source_stop(struct key_source *source);

/* A view of the set that was fetched from what conf names, or NULL. */
struct jwks *key_source_keys(const struct key_source *source, const struct conf *conf);
/* Any thread, as often as it likes: a token came whose key is not there. Asks for a fetch, at most
 * once in 30 s. source: a struct key_source that is started. */
void key_source_want(void *source);

#endif
