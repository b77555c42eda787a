#include "chatd/room/event.h"

#include <stdlib.h>

#include "lib/base/list.h"

void room_info_of(const struct room_row *row, struct room_info *ret_info)
{
	*ret_info = (struct room_info){
		.id = row->id,
		.encrypted = row->encrypted,
		.archived = row->archived_ms != 0,
		.last_seq = row->last_seq,
		.member_version = row->member_version,
		.version = row->version,
	};
	if (row->alias.len > 0 && row->alias.len < sizeof(ret_info->alias)) {
		memcpy(ret_info->alias, row->alias.ptr, row->alias.len);
	}
}

void room_info_set(struct room_info *info, const struct room_info *from)
{
	memcpy(info->alias, from->alias, sizeof(info->alias));
	info->encrypted = from->encrypted;
	info->archived = from->archived;
	info->version = from->version;
}

static void room_event_release(struct bus_event *base)
{
	struct room_event *event = CONTAINER_OF(base, struct room_event, base);
	outmsg_unref(&event->msg);
	free(event);
}

struct room_event *room_event_create(
	enum room_event_kind kind, const struct room_info *info, struct outmsg *msg)
{
	struct room_event *event = mem_zalloc(sizeof(*event));
	atomic_init(&event->base.refs, 1);
	event->base.kind = (int)kind;
	event->base.release = room_event_release;
	event->info = *info;
	event->msg = msg;
	return event;
}

struct outmsg *room_encode(const struct codecs *codecs, const struct hub_message *message)
{
	struct outmsg_builder builder;
	outmsg_begin(&builder, codecs);
	outmsg_add(&builder, message);
	return outmsg_end(&builder);
}
