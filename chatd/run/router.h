/* Which door an HTTP request is for. */
#ifndef CHATD_RUN_ROUTER_H
#define CHATD_RUN_ROUTER_H

#include "chatd/net/http_conn.h"

/* ctx is the worker's struct services. */
extern const struct http_handler router_handler;

#endif
