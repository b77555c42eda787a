#include "chatd/rest/gzip.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "lib/base/err.h"

/* The largest window, and a gzip header (zlib.h, deflateInit2). */
#define WINDOW_BITS (15 + 16)
#define MEMORY_LEVEL 8

struct gzip {
	z_stream stream;
	bool open; /* the stream has its memory */
};

struct gzip *gzip_create(void)
{
	return mem_zalloc(sizeof(struct gzip));
}

void gzip_destroy(struct gzip **gzip)
{
	if (*gzip != NULL && (*gzip)->open) {
		deflateEnd(&(*gzip)->stream);
	}
	free(*gzip);
	*gzip = NULL;
}

static bool start(struct gzip *gzip)
{
	if (gzip->open) {
		return deflateReset(&gzip->stream) == Z_OK;
	}
	gzip->open = deflateInit2(&gzip->stream, Z_BEST_SPEED, Z_DEFLATED, WINDOW_BITS,
			     MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK;
	return gzip->open;
}

int gzip_pack(struct gzip *gzip, struct bytes text, struct buf *out)
{
	if (!start(gzip)) {
		return ERR_NOMEM;
	}
	size_t most = deflateBound(&gzip->stream, text.len);
	if (buf_try_reserve(out, most) != 0) {
		return ERR_NOMEM;
	}
	gzip->stream.next_in = (Bytef *)(uintptr_t)text.ptr;
	gzip->stream.avail_in = (uInt)text.len;
	gzip->stream.next_out = (Bytef *)out->data + out->len;
	gzip->stream.avail_out = (uInt)most;
	if (deflate(&gzip->stream, Z_FINISH) != Z_STREAM_END) {
		return ERR_NOMEM;
	}
	out->len += gzip->stream.total_out;
	return 0;
}
