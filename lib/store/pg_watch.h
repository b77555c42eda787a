/* Where one asker of store_watch is in the table of changes: kept between his calls. */
#ifndef LIB_STORE_PG_WATCH_H
#define LIB_STORE_PG_WATCH_H

struct pg_watch;

struct pg_watch *pg_watch_create(void);
/* Nothing may be under way. */
void pg_watch_destroy(struct pg_watch **watch);

#endif
