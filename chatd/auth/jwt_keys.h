/* The keys that stand in the settings: whether they will do. */
#ifndef CHATD_AUTH_JWT_KEYS_H
#define CHATD_AUTH_JWT_KEYS_H

#include "lib/base/bytes.h"

enum key_kind { KEY_SECRET, KEY_RSA, KEY_EC };

/* A PEM "PUBLIC KEY": RSA from 2048 bits, or EC on P-256. 0 with its kind, or ERR_CONFIG with a
 * sentence in why (JWT_WHY_SIZE bytes). */
int jwt_check_public_key(struct bytes pem, enum key_kind *ret_kind, char *why);
/* An HMAC secret: long enough, and no PEM key. 0, or ERR_CONFIG with why. */
int jwt_check_secret(struct bytes secret, char *why);

#endif
