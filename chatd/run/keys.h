/* The keys that tokens are checked with, from the settings, or a secret that is made at the first
 * start. */
#ifndef CHATD_RUN_KEYS_H
#define CHATD_RUN_KEYS_H

#include "lib/base/bytes.h"

struct conf;
struct jwt_verifier;
struct key_source;

/* Those of the settings, and what source has fetched from where they say; source is told of keys
 * that are not there. Where no key is configured: reads <state dir>/jwt-secret, made (0600) where
 * it is missing; *ret_made says so (may be NULL). ERR_CONFIG or ERR_SYSTEM with a sentence appended
 * to why. */
int keys_load(const struct conf *conf, struct key_source *source,
	struct jwt_verifier **ret_verifier, bool *ret_made, struct buf *why);

#endif
