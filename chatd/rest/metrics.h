/* GET /metrics: the counters of all workers in Prometheus' text format 0.0.4. On a listener of its
 * own, on the main thread. */
#ifndef CHATD_REST_METRICS_H
#define CHATD_REST_METRICS_H

#include "chatd/net/http_conn.h"

/* ctx is the main thread's struct services. */
extern const struct http_handler metrics_handler;

#endif
