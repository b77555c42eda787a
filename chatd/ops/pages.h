/* The memory of a listing that goes page by page, where the place that a page begins at lies on the
 * page before. */
#ifndef CHATD_OPS_PAGES_H
#define CHATD_OPS_PAGES_H

#include "lib/base/arena.h"

/* Embedded in the operation's state; all zero is a valid empty one. */
struct pages {
	struct arena *page; /* this page's rows */
	struct arena *last; /* those of the page before */
};

/* A fresh arena for the next page; the one before lives until the next call. */
struct arena *pages_next(struct pages *pages);
void pages_finish(struct pages *pages);

#endif
