/* Compressing answers (RFC 1952). gzip.c is the only file that sees zlib. */
#ifndef CHATD_REST_GZIP_H
#define CHATD_REST_GZIP_H

#include "lib/base/bytes.h"

/* Memory for it, 256 KiB from the first use on; of one worker. */
struct gzip;

struct gzip *gzip_create(void);
void gzip_destroy(struct gzip **gzip);
/* Appends text, compressed fast, as a whole gzip member. ERR_NOMEM, and nothing is appended. */
int gzip_pack(struct gzip *gzip, struct bytes text, struct buf *out);

#endif
