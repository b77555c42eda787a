/* The floor's hub: who is in which room, and what is on its way to them. */
#include <stdlib.h>

#include "tests/bench/bench_messages.h"
#include "tests/bench/floor.h"

static struct bytes room_key(const struct map_node *node)
{
	return buf_bytes(&((const struct floor_room *)node)->name);
}

void floor_rooms_init(struct floor *floor)
{
	map_init(&floor->rooms, room_key);
	list_init(&floor->clients);
}

/* ---- rooms ---- */

static struct floor_room *find_room(struct floor *floor, struct bytes name)
{
	struct floor_room *room = (struct floor_room *)map_find(&floor->rooms, name);

	if (room == NULL) {
		room = mem_zalloc(sizeof(*room));
		buf_append_bytes(&room->name, name);
		map_insert(&floor->rooms, &room->node);
	}
	return room;
}

static void leave(struct floor_client *client)
{
	struct floor_room *room = client->room;

	if (room != NULL) {
		room->members[client->place] = room->members[--room->count];
		room->members[client->place]->place = client->place;
		client->room = NULL;
	}
}

static void join(struct floor *floor, struct floor_client *client, struct bytes name)
{
	leave(client);
	struct floor_room *room = find_room(floor, name);
	if (room->count == room->cap) {
		room->cap = room->cap == 0 ? 8 : room->cap * 2;
		room->members = mem_realloc(room->members, room->cap * sizeof(*room->members));
	}
	client->room = room;
	client->place = room->count;
	room->members[room->count++] = client;
}

/* ---- clients ---- */

struct floor_client *floor_client_create(struct floor *floor)
{
	struct floor_client *client = mem_zalloc(sizeof(*client));

	floor->by_id = mem_realloc(floor->by_id, (floor->ids + 1) * sizeof(*floor->by_id));
	client->id = floor->ids++;
	floor->by_id[client->id] = client;
	list_append(&floor->clients, &client->node);
	return client;
}

void floor_client_destroy(struct floor *floor, struct floor_client **client)
{
	if (*client == NULL) {
		return;
	}
	leave(*client);
	list_remove(&(*client)->node);
	floor->by_id[(*client)->id] = NULL;
	buf_finish(&(*client)->completions);
	free(*client);
	*client = NULL;
}

/* ---- what goes out ---- */

static void deliver(struct floor *floor, struct floor_room *room)
{
	for (size_t i = 0; i < room->count; i++) {
		floor->wire->deliver(floor, room->members[i], room->pending);
	}
	room->pending = 0;
}

void floor_deliver(struct floor *floor)
{
	while (floor->pending != NULL) {
		struct floor_room *room = floor->pending;
		floor->pending = room->next_pending;
		if (room->pending > 0) {
			deliver(floor, room);
		}
	}
}

static void complete(struct floor *floor, struct floor_client *client, struct bytes invocation)
{
	struct buf record = {0};

	bench_write_completion(floor->encoding, invocation, &record);
	floor->wire->frame(floor, buf_bytes(&record), &client->completions);
	buf_finish(&record);
}

static void post(struct floor *floor, struct floor_client *client, struct bytes invocation)
{
	struct floor_room *room = client->room;

	complete(floor, client, invocation);
	if (room->pending++ == 0) {
		room->next_pending = floor->pending;
		floor->pending = room;
	}
	if (!floor->gather || room->pending == FLOOR_GATHER_MAX) {
		floor_deliver(floor);
	}
}

void floor_ping(struct floor *floor)
{
	struct buf record = {0}, frame = {0};

	bench_write_ping(floor->encoding, &record);
	floor->wire->frame(floor, buf_bytes(&record), &frame);
	LIST_FOREACH (&floor->clients, node) {
		struct floor_client *client = CONTAINER_OF(node, struct floor_client, node);
		if (client->greeted && client->conn != NULL) {
			floor_write(client->conn, buf_bytes(&frame), BYTES_NONE);
		}
	}
	buf_finish(&frame);
	buf_finish(&record);
}

/* ---- what comes in ---- */

void floor_record(struct floor *floor, struct floor_client *client, struct bytes record)
{
	struct bench_call call;

	if (!client->greeted) {
		client->greeted = true;
		floor->wire->frame(floor, BYTES_LIT("{}\x1e"), &client->completions);
		floor->wire->flush(floor, client);
		return;
	}
	bench_read_call(floor->encoding, record, &call);
	if (call.sends && client->room != NULL) {
		post(floor, client, call.invocation);
	} else if (call.joins) {
		join(floor, client, call.room);
		complete(floor, client, call.invocation);
		floor->wire->flush(floor, client);
	}
}
