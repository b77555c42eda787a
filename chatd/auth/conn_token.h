/* Connection tokens that need no memory of their own (DESIGN.md, Connections across workers):
 * base64url of version 1, node incarnation 8, worker 2, connection id 16, issued at 8, flags 1,
 * user hash 8, MAC 16 bytes; numbers big-endian. The MAC is HMAC-SHA-256 under the fleet secret,
 * cut to 16 bytes. */
#ifndef CHATD_AUTH_CONN_TOKEN_H
#define CHATD_AUTH_CONN_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/ident.h"

#define CONN_TOKEN_LEN 80 /* characters of the text form */
#define CONN_TOKEN_SIZE (CONN_TOKEN_LEN + 1)
#define CONN_ID_LEN 22
#define CONN_ID_SIZE (CONN_ID_LEN + 1)

enum conn_token_flags {
	CONN_TOKEN_RESUMABLE = 1, /* stateful reconnect was asked for and allowed */
	CONN_TOKEN_VERSION_0 = 2, /* negotiate version 0: the token is the public id as well */
};

struct conn_token {
	uint64_t incarnation; /* random number of the node's process */
	uint16_t worker; /* index of the worker there */
	struct uuid id; /* 16 random bytes, any bit pattern */
	int64_t issued_ms; /* wall clock, not negative */
	uint8_t flags; /* enum conn_token_flags */
	uint8_t user_hash[8]; /* conn_token_user_hash() */
};

/* secret: the fleet secret, at least 16 bytes. out is NUL-terminated. */
void conn_token_issue(
	struct bytes secret, const struct conn_token *token, char out[CONN_TOKEN_SIZE]);
/* 0, or ERR_NOT_FOUND: garbled, of another version, or not ours. The time taken does not depend on
 * where the MAC differs. Age and user are the caller's to check. */
int conn_token_open(struct bytes secret, struct bytes text, struct conn_token *ret_token);

/* Whether it may still create a connection at now_ms (wall clock): it does for life_ms; clocks of
 * nodes may differ by up to as much the other way. */
bool conn_token_is_fresh(const struct conn_token *token, int64_t now_ms, int64_t life_ms);
/* What stands in for the user in a token: 8 bytes of a SHA-256. */
void conn_token_user_hash(const struct uuid *user_id, uint8_t out[8]);
/* Whether the token was issued for that user. */
bool conn_token_is_for(const struct conn_token *token, const struct uuid *user_id);

/* The public text of a connection id: base64url of its 16 bytes. */
void conn_id_format(const struct uuid *id, char out[CONN_ID_SIZE]);
/* 0 or ERR_BAD_REQUEST. */
int conn_id_parse(struct bytes text, struct uuid *ret_id);

#endif
