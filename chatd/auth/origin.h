/* Which pages of browsers may open connections. */
#ifndef CHATD_AUTH_ORIGIN_H
#define CHATD_AUTH_ORIGIN_H

#include <stdbool.h>

#include "lib/base/bytes.h"

struct conf;

/* origin: the header's value (len 0: there is none, as from programs that are no browsers); host:
 * the Host header's. Allowed are none, the same host, loopback in Development, and
 * server.allowed_origins ("*": all). */
bool origin_allowed(const struct conf *conf, struct bytes origin, struct bytes host);

#endif
