/* Messages as POST requests to an address that the operator names. */
#ifndef CHATCTL_WEBHOOK_H
#define CHATCTL_WEBHOOK_H

#include <stdint.h>

#include "chatctl/failure.h"
#include "lib/base/bytes.h"

struct webhook;

/* url: http or https; it is not followed elsewhere. timeout_us: for each request. 0, ERR_USAGE or
 * ERR_SYSTEM with the failure. */
int webhook_open(struct webhook **ret_webhook, struct bytes url, uint64_t timeout_us,
	struct failure *failure);
void webhook_close(struct webhook **webhook);
/* One JSON body, with Idempotency-Key: key. Tried up to three times where the receiver is busy or
 * cannot be reached. 0 for a 2xx answer, or ERR_UNREACHABLE, ERR_TIMEOUT, ERR_FORBIDDEN (any other
 * answer) with the failure. */
int webhook_post(
	struct webhook *webhook, struct bytes body, const char *key, struct failure *failure);

#endif
