#include <assert.h>
#include <stdlib.h>

#include "chatd/conn/conns.h"
#include "chatd/room/local_room.h"
#include "chatd/room/render.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/conf/conf.h"
#include "lib/metrics/metrics.h"

#define PAGE 100
/* Of send_queue: large messages make shorter pages, which with their escapes find room in the half
 * that is free. */
#define SEND_QUEUE_PART 16
/* While the store does not answer, reading is tried again after this. */
#define RETRY_US 500000
/* After so many failures, or at once where it is no use to wait, who waits is told, and reading is
 * tried again less often. */
#define FAILURES_TOLD 20
#define HOPELESS_RETRY_US 10000000

/* Reads pages for one entry, the next one when the send queue is below half and no other entry of
 * the connection reads. It outlives its entry while a read is under way. */
struct catchup {
	struct rooms *rooms;
	struct room_entry *entry; /* NULL once the entry has gone */
	struct list_node queued; /* of conn->catchups, while another one reads */
	uint64_t next; /* first number that was not sent */
	uint64_t last; /* last number to send; 0: up to the feed's head, then the entry is LIVE */
	struct list waiters;
	uint64_t gap_from, gap_to; /* what of it was purged, 0: nothing */
	struct loop_timer *retry; /* NULL until the store failed */
	bool reading;
	unsigned failures; /* in a row */
	struct store_page page;
};

static void catchup_go(struct catchup *catchup);
static void catchups_next(struct conn *conn);

static struct catchup *catchup_create(struct room_entry *entry, uint64_t next, uint64_t last)
{
	struct catchup *catchup = mem_zalloc(sizeof(*catchup));
	catchup->rooms = entry->room->rooms;
	catchup->entry = entry;
	catchup->next = next;
	catchup->last = last;
	list_init(&catchup->waiters);
	entry->conn->catching_up++;
	conn_watch_drain(entry->conn);
	return catchup;
}

static struct catchup_waiter *catchup_next_waiter(const struct catchup *catchup, uint64_t upto)
{
	LIST_FOREACH (&catchup->waiters, node) {
		struct catchup_waiter *waiter = CONTAINER_OF(node, struct catchup_waiter, node);
		if (waiter->until <= upto) {
			return waiter;
		}
	}
	return NULL;
}

/* What a waiter does may end other waiters, so the list is looked through anew for each. */
static void catchup_tell(struct catchup *catchup, uint64_t upto, int err)
{
	struct catchup_waiter *waiter;
	while ((waiter = catchup_next_waiter(catchup, upto)) != NULL) {
		list_remove(&waiter->node);
		waiter->gap_from = catchup->gap_from;
		waiter->gap_to = catchup->gap_to;
		waiter->done(waiter, err);
	}
}

static void catchup_free(struct catchup *catchup)
{
	list_remove(&catchup->queued);
	loop_timer_destroy(&catchup->retry);
	arena_destroy(&catchup->page.call.arena);
	free(catchup);
}

/* All was sent: the entry lets go of it. */
static void catchup_finish(struct catchup *catchup)
{
	struct room_entry *entry = catchup->entry;
	if (entry->catchup == catchup) {
		entry->catchup = NULL;
		entry->state = ENTRY_LIVE;
	} else {
		entry->older = NULL;
	}
	entry->conn->catching_up--;
	conn_watch_drain(entry->conn);
	catchup->entry = NULL;
	catchup_tell(catchup, UINT64_MAX, 0);
	catchup_free(catchup);
}

static void catchup_retry(void *ctx)
{
	catchup_go(ctx);
}

static void catchup_pause(struct catchup *catchup)
{
	if (catchup->retry == NULL) {
		catchup->retry =
			loop_timer_create(catchup->rooms->sv->loop, catchup_retry, catchup);
	}
	loop_timer_set(
		catchup->retry, catchup->failures >= FAILURES_TOLD ? HOPELESS_RETRY_US : RETRY_US);
}

static uint64_t catchup_bound(const struct catchup *catchup)
{
	return catchup->last != 0 ? catchup->last : rooms_entry_head(catchup->entry);
}

/* Whether the send queue would be at most half full with so much more. */
static bool catchup_has_room(const struct catchup *catchup, size_t more)
{
	return conn_queued(catchup->entry->conn) + more <=
	       catchup->rooms->sv->conf->limits.send_queue / 2;
}

/* What was asked for and lies before the first message that is kept. */
static void catchup_note_gap(struct catchup *catchup, uint64_t bound)
{
	const struct store_page *page = &catchup->page;
	uint64_t first = page->after_seq + 1;
	uint64_t last = page->first_kept_seq - 1 < bound ? page->first_kept_seq - 1 : bound;
	if (first > last) {
		return;
	}
	catchup->gap_from = catchup->gap_from == 0 ? first : catchup->gap_from;
	catchup->gap_to = last;
}

/* Sends the rows up to the bound; what lies beyond it comes by the feed. */
static void catchup_send(struct catchup *catchup)
{
	struct store_page *page = &catchup->page;
	struct conn *conn = catchup->entry->conn;
	uint64_t bound = catchup_bound(catchup);
	struct outmsg_builder builder;
	size_t i = 0;
	catchup_note_gap(catchup, bound);
	outmsg_begin_single(&builder, conn->codec);
	/* Escapes may make a row six times as long: what finds no room is read again later. */
	while (i < page->count && page->rows[i].seq <= bound &&
		(i == 0 || catchup_has_room(catchup, outmsg_size(&builder)))) {
		struct hub_message message = render_receive_message(
			page->call.arena, catchup->rooms->sv->store, &page->rows[i]);
		outmsg_add(&builder, &message);
		catchup->next = page->rows[i].seq + 1;
		i++;
	}
	/* What the page lacks was purged, but only as far as its snapshot goes: the head may have
	 * risen since. */
	uint64_t known = page->last_seq < bound ? page->last_seq : bound;
	bool all = i == page->count || page->rows[i].seq > bound;
	if (all && page->count < page->limit && !page->cut && catchup->next <= known) {
		catchup->next = known + 1;
	}
	if (builder.count == 0) {
		return;
	}
	catchup->rooms->sv->metrics->deliveries += builder.count;
	struct outmsg *msg = outmsg_end(&builder);
	struct outmsg_local *local = outmsg_local_create(msg);
	outmsg_unref(&msg);
	conn_send_local(conn, local);
	outmsg_local_done(&local);
}

static void catchup_log_failure(const struct catchup *catchup, int err)
{
	struct rooms *rooms = catchup->rooms;
	char room[UUID_TEXT_SIZE];
	uint64_t more;
	if (!log_rate_allows(&rooms->trouble, loop_now_us(rooms->sv->loop), &more)) {
		return;
	}
	uuid_format(&catchup->entry->room->info.id, room);
	log_event(LOG_WARN, "catching up failed", LOG_STR("error", err_code(err)),
		LOG_STR("why", catchup->page.call.why),
		LOG_STR("connection", catchup->entry->conn->id_text), LOG_STR("room", room),
		LOG_INT("next", catchup->next), LOG_INT("more", more));
}

/* Damage does not go away by waiting. */
static void catchup_fail(struct catchup *catchup, int err)
{
	bool hopeless = err == ERR_CORRUPT || err == ERR_INTERNAL;
	catchup->failures = hopeless ? FAILURES_TOLD : catchup->failures + 1;
	if (catchup->failures == 1 || catchup->failures >= FAILURES_TOLD) {
		catchup_log_failure(catchup, err);
	}
	if (catchup->failures >= FAILURES_TOLD) {
		catchup_tell(catchup, UINT64_MAX, err);
	}
}

static void catchup_take(struct catchup *catchup, int err)
{
	if (err == ERR_NOT_FOUND) { /* the room is no more: that is found out for all its entries */
		local_room_check_members(catchup->entry->room);
		return;
	}
	if (err != 0) {
		catchup_fail(catchup, err);
		return;
	}
	catchup->failures = 0;
	if (catchup->entry->room->state != LOCAL_FOLLOWING) {
		return; /* its user may be no participant any more: read again once that is known */
	}
	catchup_send(catchup);
	if (catchup == catchup->entry->catchup) {
		catchup->entry->next = catchup->next;
	}
	/* At the end it is told once nothing runs any more: who waited may ask for more at once. */
	if (catchup->next <= catchup_bound(catchup)) {
		catchup_tell(catchup, catchup->next - 1, 0);
	}
}

static void catchup_read_done(struct store_call *call, int err)
{
	struct store_page *page = CONTAINER_OF(call, struct store_page, call);
	struct catchup *catchup = CONTAINER_OF(page, struct catchup, page);
	struct conn *conn = catchup->entry != NULL ? catchup->entry->conn : NULL;
	catchup->rooms->pending--;
	if (catchup->entry != NULL) {
		catchup_take(catchup, err); /* the entry may go meanwhile: reading is still set */
	}
	arena_destroy(&page->call.arena);
	catchup->reading = false;
	if (catchup->entry == NULL) {
		catchup_free(catchup);
	} else if (err != 0) {
		conn->catchup_reading = false;
		catchup_pause(catchup);
	} else {
		conn->catchup_reading = false;
		catchup_go(catchup);
	}
	if (conn != NULL) {
		catchups_next(conn);
	}
}

static void catchup_read(struct catchup *catchup)
{
	struct services *sv = catchup->rooms->sv;
	struct store_page *page = &catchup->page;
	*page = (struct store_page){
		.room = catchup->entry->room->info.id,
		.after_seq = catchup->next - 1,
		.before_seq = catchup->last != 0 ? catchup->last + 1 : 0,
		.limit = PAGE,
		.max_bytes = sv->conf->limits.send_queue / SEND_QUEUE_PART,
	};
	store_call_init(&page->call, services_mailbox(sv), arena_create(8192), catchup_read_done);
	int err = store_page(sv->store, page);
	if (err != 0) {
		arena_destroy(&page->call.arena);
		catchup_pause(catchup);
		return;
	}
	catchup->reading = true;
	catchup->entry->conn->catchup_reading = true;
	catchup->rooms->pending++;
}

/* All is sent that there is. Where that is more than the feed has come to, the entry waits for it:
 * live ones up to there would come twice. */
static void catchup_end(struct catchup *catchup)
{
	struct local_room *room = catchup->entry->room;
	if (catchup->last == 0 && catchup->next > room->info.last_seq + 1) {
		room->has_ahead = true;
		catchup_tell(catchup, catchup->next - 1, 0);
		return;
	}
	catchup_finish(catchup);
}

/* Reads, waits (for the home, for a drain, for the store), or has finished. */
static void catchup_go(struct catchup *catchup)
{
	const struct local_room *room = catchup->entry->room;
	uint64_t bound = catchup_bound(catchup);
	if (catchup->reading || room->state != LOCAL_FOLLOWING) {
		return;
	}
	if (catchup->next > bound) {
		catchup_end(catchup);
		return;
	}
	if (!catchup_has_room(catchup, 0)) {
		return;
	}
	struct conn *conn = catchup->entry->conn;
	if (!conn->catchup_reading) {
		list_remove(&catchup->queued);
		catchup_read(catchup);
	} else if (!list_linked(&catchup->queued)) {
		list_append(&conn->catchups, &catchup->queued);
	}
}

/* The turn of those that waited for another's page. */
static void catchups_next(struct conn *conn)
{
	struct list_node *node;
	while (conn->state != CONN_ENDED && !conn->catchup_reading &&
		(node = list_pop(&conn->catchups)) != NULL) {
		catchup_go(CONTAINER_OF(node, struct catchup, queued));
	}
}

void entry_catch_up(struct room_entry *entry)
{
	assert(entry->state == ENTRY_CATCHING_UP);
	if (entry->catchup == NULL) {
		entry->catchup = catchup_create(entry, entry->next, 0);
	}
	catchup_go(entry->catchup);
}

void entry_send_older(struct room_entry *entry, uint64_t first, uint64_t last)
{
	assert(entry->older == NULL);
	entry->older = catchup_create(entry, first, last);
	catchup_go(entry->older);
}

static void catchup_detach(struct catchup *catchup)
{
	if (catchup == NULL) {
		return;
	}
	if (catchup->reading) {
		catchup->entry->conn->catchup_reading = false;
	}
	catchup->entry->conn->catching_up--;
	conn_watch_drain(catchup->entry->conn);
	catchup->entry = NULL;
	list_remove(&catchup->queued);
	loop_timer_destroy(&catchup->retry);
}

static void catchup_abandon(struct catchup *catchup)
{
	if (catchup == NULL) {
		return;
	}
	catchup_tell(catchup, UINT64_MAX, ERR_CLOSED);
	if (!catchup->reading) {
		catchup_free(catchup);
	}
}

void entry_stop(struct room_entry *entry)
{
	struct conn *conn = entry->conn;
	struct catchup *catchup = entry->catchup;
	struct catchup *older = entry->older;
	/* Both are off before anybody is told: who is told may go on with the connection. */
	catchup_detach(catchup);
	catchup_detach(older);
	entry->catchup = entry->older = NULL;
	catchup_abandon(catchup);
	catchup_abandon(older);
	catchups_next(conn);
}

void entry_on_drain(struct room_entry *entry)
{
	if (entry->older != NULL) {
		catchup_go(entry->older);
	}
	if (entry->catchup != NULL) {
		catchup_go(entry->catchup);
	}
}

void entry_wait(struct room_entry *entry, struct catchup_waiter *waiter, bool older)
{
	struct catchup *catchup = older ? entry->older : entry->catchup;
	assert(catchup != NULL);
	list_append(&catchup->waiters, &waiter->node);
}
