/* What is set of a room as its workers know it, and the index by which clients find it by alias.
 * Two rooms may claim one alias for a moment, as they are told of by different homes: the one that
 * was told last is found, the other one once the first has let go. */
#include "chatd/room/local_room.h"

static void alias_insert(struct local_room *room)
{
	map_insert(&room->rooms->by_alias, &room->by_alias);
	room->in_aliases = true;
}

static struct local_room *alias_holder(const struct rooms *rooms, const char *alias)
{
	struct map_node *node = map_find(&rooms->by_alias, bytes_str(alias));
	return node != NULL ? CONTAINER_OF(node, struct local_room, by_alias) : NULL;
}

void local_room_list(struct local_room *room, bool told)
{
	struct rooms *rooms = room->rooms;
	if (room->info.alias[0] == '\0') {
		return;
	}
	struct local_room *holder = alias_holder(rooms, room->info.alias);
	if (holder != NULL) {
		rooms->unlisted++;
	}
	if (holder != NULL && told) {
		map_remove(&rooms->by_alias, &holder->by_alias);
		holder->in_aliases = false;
		holder = NULL;
	}
	if (holder == NULL) {
		alias_insert(room);
	}
}

struct heir_search {
	const char *alias;
	struct local_room *found;
};

static void visit_heir(struct map_node *node, void *ctx)
{
	struct heir_search *search = ctx;
	struct local_room *room = CONTAINER_OF(node, struct local_room, by_id);
	if (!room->in_aliases && strcmp(room->info.alias, search->alias) == 0) {
		search->found = room;
	}
}

void local_room_unlist(struct local_room *room)
{
	struct rooms *rooms = room->rooms;
	if (room->info.alias[0] == '\0') {
		return;
	}
	if (!room->in_aliases) {
		rooms->unlisted--;
		return;
	}
	map_remove(&rooms->by_alias, &room->by_alias);
	if (rooms->unlisted > 0) {
		/* in_aliases is still set: it is not its own heir. */
		struct heir_search search = {.alias = room->info.alias};
		map_each(&rooms->by_id, visit_heir, &search);
		if (search.found != NULL) {
			alias_insert(search.found);
			rooms->unlisted--;
		}
	}
	room->in_aliases = false;
}

void local_room_set(struct local_room *room, const struct room_info *info)
{
	if (info->version < room->info.version) {
		return;
	}
	if (strcmp(info->alias, room->info.alias) == 0) {
		room_info_set(&room->info, info);
		return;
	}
	local_room_unlist(room);
	room_info_set(&room->info, info);
	local_room_list(room, true);
}
