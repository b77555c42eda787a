#include "tests/unit/change_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int answers;

static void on_answer(struct home_call *call, int err)
{
	struct changing *changing = CONTAINER_OF(call, struct changing, call);
	changing->done++;
	changing->err = err;
	changing->place = ++answers;
}

/* Results on the arena are gone with the answer: nobody may look at them later. */
static void on_update(struct home_call *call, int err)
{
	arena_destroy(&CONTAINER_OF(call, struct changing, call)->update.arena);
	on_answer(call, err);
}

static void on_role(struct home_call *call, int err)
{
	arena_destroy(&CONTAINER_OF(call, struct changing, call)->role.arena);
	on_answer(call, err);
}

static void on_join(struct home_call *call, int err)
{
	arena_destroy(&CONTAINER_OF(call, struct changing, call)->join.arena);
	on_answer(call, err);
}

static void on_leave(struct home_call *call, int err)
{
	arena_destroy(&CONTAINER_OF(call, struct changing, call)->leave.arena);
	on_answer(call, err);
}

static void on_delete(struct home_call *call, int err)
{
	arena_destroy(&CONTAINER_OF(call, struct changing, call)->remove.arena);
	on_answer(call, err);
}

static struct store_room_update *update_begin(
	struct changing *changing, const struct uuid *room, enum room_change change)
{
	*changing = (struct changing){0};
	changing->update.arena = arena_create(0);
	changing->update.update.room = *room;
	changing->update.update.changes = change;
	return &changing->update.update;
}

static void update_go(struct hub *hub, unsigned worker, struct changing *changing)
{
	home_update(&hub->sv[worker], &changing->update, on_update);
	assert_int_equal(changing->done, 0);
}

void change_name(struct hub *hub, unsigned worker, struct changing *changing,
	const struct uuid *room, const char *name)
{
	update_begin(changing, room, ROOM_SET_NAME)->name = bytes_str(name);
	update_go(hub, worker, changing);
}

void change_alias(struct hub *hub, unsigned worker, struct changing *changing,
	const struct uuid *room, const char *alias)
{
	update_begin(changing, room, ROOM_SET_ALIAS)->alias = bytes_str(alias);
	update_go(hub, worker, changing);
}

void change_archived(struct hub *hub, unsigned worker, struct changing *changing,
	const struct uuid *room, bool archived)
{
	update_begin(changing, room, ROOM_SET_ARCHIVED)->archived = archived;
	update_go(hub, worker, changing);
}

void change_role(struct hub *hub, unsigned worker, struct changing *changing,
	const struct uuid *room, const char *user, enum member_role role)
{
	*changing = (struct changing){0};
	changing->role.arena = arena_create(0);
	changing->role.role.room = *room;
	changing->role.role.user = hub_user(user);
	changing->role.role.role = role;
	home_role(&hub->sv[worker], &changing->role, on_role);
	assert_int_equal(changing->done, 0);
}

void change_add(struct hub *hub, unsigned worker, struct changing *changing,
	const struct uuid *room, const char *user)
{
	*changing = (struct changing){0};
	changing->join.arena = arena_create(0);
	changing->join.invited = true;
	changing->join.add.room = *room;
	changing->join.add.user = hub_user(user);
	changing->join.add.role = ROLE_MEMBER;
	home_join(&hub->sv[worker], &changing->join, on_join);
	assert_int_equal(changing->done, 0);
}

void change_remove(struct hub *hub, unsigned worker, struct changing *changing,
	const struct uuid *room, const char *user)
{
	*changing = (struct changing){0};
	changing->leave.arena = arena_create(0);
	changing->leave.remove.room = *room;
	changing->leave.remove.user = hub_user(user);
	changing->leave.remove.even_direct = true;
	home_leave(&hub->sv[worker], &changing->leave, on_leave);
	assert_int_equal(changing->done, 0);
}

void change_delete(
	struct hub *hub, unsigned worker, struct changing *changing, const struct uuid *room)
{
	*changing = (struct changing){0};
	changing->remove.arena = arena_create(0);
	changing->remove.remove.room = *room;
	home_delete(&hub->sv[worker], &changing->remove, on_delete);
	assert_int_equal(changing->done, 0);
}

void change_notice(struct hub *hub, unsigned worker, struct changing *changing,
	const struct uuid *room, const char *text)
{
	struct arena *arena = arena_create(0);
	struct hub_message message = {
		.type = HUB_INVOCATION,
		.target = BYTES_LIT("ServerNotification"),
		.arguments = value_array(arena, 1),
	};
	value_add(&message.arguments, value_str(text));
	*changing = (struct changing){0};
	changing->notice.room = *room;
	changing->notice.msg = room_encode(hub->sv[worker].codecs, &message);
	arena_destroy(&arena);
	home_notice(&hub->sv[worker], &changing->notice, on_answer);
	assert_int_equal(changing->done, 0);
}

void change_expect(const struct changing *changing, int err)
{
	assert_int_equal(changing->done, 1);
	assert_int_equal(changing->err, err);
}
