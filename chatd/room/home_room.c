#include "chatd/room/home_room.h"

#include <stdlib.h>

#include "chatd/room/render.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/metrics/metrics.h"

/* A missing number may be on its way: so long nothing is read. */
#define HOLE_WAIT_US 20000
/* While the store does not answer, a hole is tried again after this. */
#define HOLE_RETRY_US 500000
#define HOLE_PAGE 100
/* Messages that are published as one are at most about this many bytes. */
#define BATCH_BYTES ((size_t)64 * 1024)

/* A read of missing messages. It outlives its room, if need be. */
struct home_reading {
	struct store_page page;
	struct home_room *room; /* NULL once the room has gone */
	uint64_t to;
};

static void hole_look(struct home_room *room);

struct home_room *home_room_create(struct services *sv, const struct uuid *id)
{
	struct home_room *room = mem_zalloc(sizeof(*room));
	room->id = *id;
	room->sv = sv;
	feed_init(&room->feed);
	room->used_us = loop_now_us(sv->loop);
	return room;
}

void home_room_destroy(struct home_room **room)
{
	struct home_room *gone = *room;
	*room = NULL;
	if (gone == NULL) {
		return;
	}
	if (gone->reading != NULL) {
		gone->reading->room = NULL;
	}
	loop_timer_destroy(&gone->hole_timer);
	feed_finish(&gone->feed);
	list_remove(&gone->touched);
	arena_destroy(&gone->arena);
	free(gone);
}

bool home_room_idle(const struct home_room *room, uint64_t now_us, uint64_t idle_us)
{
	bool wanted = room->subscribers > 0 && !room->deleted;
	return !wanted && room->reading == NULL && room->builder.count == 0 &&
	       now_us - room->used_us >= idle_us;
}

static void room_publish(struct home_room *room, struct outmsg *msg, uint64_t first, uint64_t last)
{
	struct room_info info = {
		.id = room->id,
		.last_seq = last,
		.member_version = room->member_version,
	};
	struct room_event *event = room_event_create(ROOM_MESSAGES, &info, msg);
	event->first_seq = first;
	event->last_seq = last;
	bus_publish(room->sv->bus, &room->id, &event->base);
}

static void room_publish_built(struct home_room *room)
{
	if (room->builder.count > 0) {
		struct outmsg *msg = outmsg_end(&room->builder);
		room_publish(room, msg, room->first_seq, room->last_seq);
	}
	arena_destroy(&room->arena);
}

static void room_build(struct home_room *room, const struct message_row *row)
{
	if (room->arena == NULL) {
		room->arena = arena_create(2048);
	}
	if (room->builder.count == 0) {
		outmsg_begin(&room->builder, room->sv->codecs);
		room->first_seq = row->seq;
	}
	struct hub_message message = render_receive_message(room->arena, room->sv->store, row);
	outmsg_add(&room->builder, &message);
	room->last_seq = row->seq;
	arena_reset(room->arena);
	if (outmsg_size(&room->builder) >= BATCH_BYTES) {
		room_publish_built(room);
	}
}

/* Delivers what waited and whose turn has come. A change that was told meanwhile holds for it too:
 * who was removed is gone, who was added is not live yet. */
static void room_take_waiting(struct home_room *room)
{
	struct feed_item *item;
	while ((item = feed_take(&room->feed)) != NULL) {
		room_publish_built(room);
		if (item->member_version > room->member_version) {
			room->member_version = item->member_version;
		}
		room_publish(room, item->msg, item->seq, item->seq);
		item->msg = NULL;
		feed_delivered(&room->feed, item->seq);
		feed_item_free(&item);
	}
}

static void room_deliver(struct home_room *room, const struct message_row *row)
{
	if (room->subscribers > 0) {
		room_build(room, row);
	}
	feed_delivered(&room->feed, row->seq);
	room_take_waiting(room);
}

static void room_keep(struct home_room *room, const struct message_row *row, uint64_t version)
{
	struct arena *arena = arena_create(0);
	struct hub_message message = render_receive_message(arena, room->sv->store, row);
	struct outmsg *msg = room_encode(room->sv->codecs, &message);
	feed_keep(&room->feed, row->seq, version, msg, row->content.len + 512);
	arena_destroy(&arena);
}

/* ---- holes ---- */

static void hole_arm(struct home_room *room, uint64_t delay_us);

static void hole_timer(void *ctx)
{
	hole_look(ctx);
}

static void hole_arm(struct home_room *room, uint64_t delay_us)
{
	if (room->hole_timer == NULL) {
		room->hole_timer = loop_timer_create(room->sv->loop, hole_timer, room);
	}
	if (!loop_timer_armed(room->hole_timer) && room->reading == NULL) {
		loop_timer_set(room->hole_timer, delay_us);
	}
}

static void hole_deliver(struct home_room *room, const struct home_reading *reading)
{
	const struct store_page *page = &reading->page;
	room->sv->metrics->gap_recoveries++;
	for (size_t i = 0; i < page->count; i++) {
		uint64_t seq = page->rows[i].seq;
		if (seq >= room->feed.next) {
			feed_skip_to(&room->feed, seq);
			room_deliver(room, &page->rows[i]);
		}
	}
	if (page->count < page->limit) {
		feed_skip_to(&room->feed, reading->to + 1); /* purged: told to who catches up */
	}
	room_take_waiting(room);
	room_publish_built(room);
}

static void hole_read_done(struct store_call *call, int err)
{
	struct store_page *page = CONTAINER_OF(call, struct store_page, call);
	struct home_reading *reading = CONTAINER_OF(page, struct home_reading, page);
	struct home_room *room = reading->room;
	if (room != NULL) {
		room->reading = NULL;
		if (err == 0) {
			hole_deliver(room, reading);
		}
		uint64_t from, to;
		if (feed_hole(&room->feed, &from, &to)) {
			hole_arm(room, err == 0 ? 1 : HOLE_RETRY_US);
		}
	}
	arena_destroy(&reading->page.call.arena);
	free(reading);
}

static void hole_look(struct home_room *room)
{
	uint64_t from, to;
	if (room->reading != NULL || !feed_hole(&room->feed, &from, &to)) {
		return;
	}
	struct home_reading *reading = mem_zalloc(sizeof(*reading));
	reading->room = room;
	reading->to = to;
	reading->page.room = room->id;
	reading->page.after_seq = from - 1;
	reading->page.before_seq = to + 1;
	reading->page.limit = HOLE_PAGE;
	store_call_init(
		&reading->page.call, services_mailbox(room->sv), arena_create(0), hole_read_done);
	int err = store_page(room->sv->store, &reading->page);
	if (err != 0) {
		arena_destroy(&reading->page.call.arena);
		free(reading);
		hole_arm(room, HOLE_RETRY_US);
		return;
	}
	room->reading = reading;
}

/* ---- public ---- */

static void room_set_version(struct home_room *room, uint64_t version)
{
	if (version != room->member_version) {
		room_publish_built(room);
		room->member_version = version;
	}
}

void home_room_stored(struct home_room *room, const struct append_item *item)
{
	if (room->deleted) {
		return;
	}
	struct message_row row = {
		.room = item->room,
		.seq = item->seq,
		.sender = item->sender,
		.type = item->type,
		.ref_seq = item->ref_seq,
		.sent_ms = item->sent_ms,
		.epoch_no = item->epoch_no,
		.client_message_id = item->client_message_id,
		.content = item->content,
		.encrypted = item->encrypted,
		.nonce = item->nonce,
		.auth_tag = item->auth_tag,
		.attachment = item->attachment,
		.imported_id = item->imported_id,
		.edited_ms = item->edited_ms,
		.deleted_ms = item->deleted_ms,
	};
	room->used_us = loop_now_us(room->sv->loop);
	switch (feed_judge(&room->feed, item->seq)) {
	case FEED_DUPLICATE:
		return;
	case FEED_HOLE:
		room_keep(room, &row, item->member_version);
		hole_arm(room, HOLE_WAIT_US);
		return;
	case FEED_DELIVER:
		room_set_version(room, item->member_version);
		room_deliver(room, &row);
		return;
	}
}

void home_room_repeated(struct home_room *room, const struct append_item *item)
{
	if (room->feed.next != 0 && item->seq >= room->feed.next) {
		struct append_item first = *item;
		first.member_version = room->member_version;
		home_room_stored(room, &first);
	}
}

void home_room_flush(struct home_room *room)
{
	room_publish_built(room);
}

void home_room_changed(struct home_room *room, const struct room_info *info)
{
	room->used_us = loop_now_us(room->sv->loop);
	room_publish_built(room);
	if (info->member_version > room->member_version) { /* what is announced may be older */
		room->member_version = info->member_version;
	}
	if (info->version >= room->set.version) {
		room->set = *info;
	}
}

static void room_forget_feed(struct home_room *room)
{
	if (room->reading != NULL) {
		room->reading->room = NULL;
		room->reading = NULL;
	}
	loop_timer_destroy(&room->hole_timer);
	feed_finish(&room->feed);
	feed_init(&room->feed);
}

void home_room_delete(struct home_room *room)
{
	room->used_us = loop_now_us(room->sv->loop);
	room_publish_built(room);
	/* The numbers before what waits will never come: its senders were told that it is stored.
	 */
	while (!list_empty(&room->feed.waiting)) {
		const struct feed_item *first =
			CONTAINER_OF(list_first(&room->feed.waiting), struct feed_item, node);
		feed_skip_to(&room->feed, first->seq);
		room_take_waiting(room);
	}
	room_forget_feed(room);
	room->deleted = true;
}

void home_room_head(struct home_room *room, uint64_t last_seq)
{
	if (last_seq >= room->feed.next && room->feed.next != 0) {
		feed_judge(&room->feed, last_seq);
		hole_arm(room, HOLE_WAIT_US);
	}
}

void home_room_subscribed(struct home_room *room, struct room_info *info)
{
	room->subscribers++;
	room->used_us = loop_now_us(room->sv->loop);
	if (room->feed.next == 0) {
		feed_delivered(&room->feed, info->last_seq);
	} else {
		home_room_head(room, info->last_seq); /* the worker's row may be younger */
	}
	if (room->member_version == 0) {
		room->member_version = info->member_version;
	}
	if (info->version >= room->set.version) {
		room->set = *info;
	} else {
		room_info_set(info, &room->set);
	}
	info->last_seq = room->feed.next - 1;
	info->member_version = room->member_version;
}

void home_room_unsubscribed(struct home_room *room)
{
	if (room->subscribers > 0) {
		room->subscribers--;
	}
	room->used_us = loop_now_us(room->sv->loop);
}
