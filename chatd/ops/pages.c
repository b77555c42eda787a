#include "chatd/ops/pages.h"

#define PAGE_ARENA 8192

struct arena *pages_next(struct pages *pages)
{
	arena_destroy(&pages->last);
	pages->last = pages->page;
	pages->page = arena_create(PAGE_ARENA);
	return pages->page;
}

void pages_finish(struct pages *pages)
{
	arena_destroy(&pages->page);
	arena_destroy(&pages->last);
}
