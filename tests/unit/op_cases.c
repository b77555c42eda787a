#include "tests/unit/op_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/ctl/commands.h"

static struct fake_store *store_of(const struct world *world)
{
	return world->hub.store;
}

/* ---- rooms ---- */

static void fill_room(const struct world *world, struct op *op)
{
	struct room_ref_params *params = op->params;
	params->room = op_id(op, &world->general);
}

static void fill_create(const struct world *world, struct op *op)
{
	struct room_create_params *params = op->params;
	(void)world;
	params->name = BYTES_LIT("A new room");
	params->alias = BYTES_LIT("made");
	params->members = op_json(op, "['bob','carol']");
}

static bool is_made(const struct world *world)
{
	return fake_store_room_called(store_of(world), "made") != NULL;
}

static void fill_room_page(const struct world *world, struct op *op)
{
	struct room_page_params *params = op->params;
	(void)world;
	params->limit = 1;
}

static void fill_update(const struct world *world, struct op *op)
{
	struct room_update_params *params = op->params;
	params->room = op_id(op, &world->general);
	params->alias = BYTES_LIT("Changed");
	params->alias_given = PARAM_PRESENT;
}

static bool is_changed(const struct world *world)
{
	return fake_store_room_called(store_of(world), "changed") != NULL;
}

static void fill_archive(const struct world *world, struct op *op)
{
	struct room_archive_params *params = op->params;
	params->room = op_id(op, &world->general);
}

static bool is_archived(const struct world *world)
{
	return fake_store_room_row(store_of(world), &world->general)->archived_ms != 0;
}

static bool is_deleted(const struct world *world)
{
	return !fake_store_has_room(store_of(world), &world->general);
}

/* ---- participants ---- */

static void fill_member_page(const struct world *world, struct op *op)
{
	struct member_page_params *params = op->params;
	params->room = op_id(op, &world->general);
	params->limit = 1;
}

static void fill_bob(const struct world *world, struct op *op)
{
	struct member_params *params = op->params;
	params->room = op_id(op, &world->general);
	params->user = BYTES_LIT("bob");
	params->role = 1;
	params->role_given = PARAM_PRESENT;
}

static void fill_carol(const struct world *world, struct op *op)
{
	struct member_params *params = op->params;
	params->room = op_id(op, &world->general);
	params->user = BYTES_LIT("carol");
}

static enum member_role role_of(const struct world *world, const char *name)
{
	struct uuid user = hub_user(name);
	return fake_store_role_of(store_of(world), &world->general, &user);
}

static bool carol_is_in(const struct world *world)
{
	return role_of(world, "carol") == ROLE_MEMBER;
}

static bool bob_is_admin(const struct world *world)
{
	return role_of(world, "bob") == ROLE_ADMIN;
}

static bool bob_is_out(const struct world *world)
{
	return role_of(world, "bob") == ROLE_NONE;
}

/* ---- messages ---- */

static void fill_message_page(const struct world *world, struct op *op)
{
	struct message_page_params *params = op->params;
	params->room = op_id(op, &world->general);
}

static void fill_message(const struct world *world, struct op *op)
{
	struct message_params *params = op->params;
	params->room = op_id(op, &world->general);
	params->message = op_id(op, &world->message);
	params->content = BYTES_LIT("new");
}

static void fill_post(const struct world *world, struct op *op)
{
	struct post_message_params *params = op->params;
	params->room = op_id(op, &world->general);
	params->content = BYTES_LIT("new");
}

static bool has_six(const struct world *world)
{
	return fake_store_head(store_of(world), &world->general) == 6;
}

/* ---- users ---- */

static void fill_user(const struct world *world, struct op *op)
{
	struct user_params *params = op->params;
	(void)world;
	params->user = BYTES_LIT("bob");
	params->reason = BYTES_LIT("spam");
}

static void fill_user_update(const struct world *world, struct op *op)
{
	struct user_update_params *params = op->params;
	(void)world;
	params->display_name = BYTES_LIT("Robert");
	params->name_given = PARAM_PRESENT;
}

static const struct user_row *bob_of(const struct world *world)
{
	struct uuid bob = hub_user("bob");
	return fake_store_user_row(store_of(world), &bob);
}

static bool is_renamed(const struct world *world)
{
	return bytes_eq(bob_of(world)->display_name, BYTES_LIT("Robert"));
}

static bool is_banned(const struct world *world)
{
	return bob_of(world)->banned_ms != 0;
}

static bool has_revoked(const struct world *world)
{
	return bob_of(world)->tokens_from_ms != 0;
}

static bool is_erased(const struct world *world)
{
	return !bytes_eq(bob_of(world)->identity, BYTES_LIT("bob"));
}

/* ---- connections ---- */

static void fill_push_user(const struct world *world, struct op *op)
{
	struct push_params *params = op->params;
	(void)world;
	params->target = BYTES_LIT("bob");
	params->method = BYTES_LIT("Hello");
}

static void fill_push_room(const struct world *world, struct op *op)
{
	struct push_params *params = op->params;
	params->target = op_id(op, &world->general);
	params->method = BYTES_LIT("Hello");
}

static void fill_push_connection(const struct world *world, struct op *op)
{
	struct push_params *params = op->params;
	params->target = op_text(op, "%s", client_conn(world->bob)->id_text);
	params->method = BYTES_LIT("Hello");
}

static void fill_conn(const struct world *world, struct op *op)
{
	struct conn_params *params = op->params;
	params->connection = op_text(op, "%s", client_conn(world->bob)->id_text);
}

static void fill_notify(const struct world *world, struct op *op)
{
	struct notify_params *params = op->params;
	(void)world;
	params->text = BYTES_LIT("down at noon");
}

/* ---- history ---- */

static void fill_history(const struct world *world, struct op *op)
{
	struct history_params *params = op->params;
	params->room = op_id(op, &world->general);
}

static void fill_replay(const struct world *world, struct op *op)
{
	struct history_replay_params *params = op->params;
	params->room = op_id(op, &world->general);
	params->from = 2;
}

static void fill_import(const struct world *world, struct op *op)
{
	struct history_import_params *params = op->params;
	params->room = op_id(op, &world->general);
	params->messages = op_json(
		op, "[{'senderId':'carol','content':'old','sentAt':'2020-01-01T00:00:00Z'}]");
}

static void fill_purge(const struct world *world, struct op *op)
{
	struct history_purge_params *params = op->params;
	params->room = op_id(op, &world->general);
	params->before = 3;
}

static bool is_purged(const struct world *world)
{
	return fake_store_message_row(store_of(world), &world->general, 2) == NULL;
}

const struct op_case op_cases[] = {
	{&op_room_create, "alice", fill_create, is_made, 0, 0},
	{&op_room_show, "bob", fill_room, NULL, 0, 0},
	{&op_room_list, NULL, NULL, NULL, 0, 0},
	{&op_room_page, "bob", fill_room_page, NULL, 0, 0},
	{&op_room_update, "alice", fill_update, is_changed, 0, 0},
	{&op_room_archive, NULL, fill_archive, is_archived, 0, 0},
	{&op_room_delete, "olga", fill_room, is_deleted, 0, 0},
	{&op_room_sweep, NULL, NULL, NULL, 0, 0},
	{&op_member_page, "bob", fill_member_page, NULL, 0, 0},
	{&op_member_list, NULL, fill_room, NULL, 0, 0},
	{&op_member_show, "alice", fill_bob, NULL, 0, 0},
	{&op_member_add, "alice", fill_carol, carol_is_in, 1, ERR_UNCERTAIN},
	{&op_member_role, NULL, fill_bob, bob_is_admin, 1, ERR_UNCERTAIN},
	{&op_member_remove, "alice", fill_bob, bob_is_out, 0, 0},
	{&op_message_page, "bob", fill_message_page, NULL, 0, 0},
	{&op_message_show, "bob", fill_message, NULL, 0, 0},
	{&op_message_edit, "bob", fill_message, has_six, 0, 0},
	{&op_message_delete, "alice", fill_message, has_six, 0, 0},
	{&op_post_message, "bob", fill_post, has_six, 0, 0},
	{&op_user_show, "alice", fill_user, NULL, 0, 0},
	{&op_user_me, "bob", NULL, NULL, 0, 0},
	{&op_user_update, "bob", fill_user_update, is_renamed, 0, 0},
	{&op_user_list, NULL, NULL, NULL, 0, 0},
	{&op_user_ban, NULL, fill_user, is_banned, 0, 0},
	{&op_user_unban, NULL, fill_user, NULL, 0, 0},
	{&op_user_revoke_tokens, NULL, fill_user, has_revoked, 0, 0},
	{&op_user_erase, NULL, fill_user, is_erased, 1, ERR_PARTIAL},
	{&op_user_export, NULL, fill_user, NULL, 0, 0},
	{&op_push_user, "olga", fill_push_user, NULL, 0, 0},
	{&op_push_room, "olga", fill_push_room, NULL, 0, 0},
	{&op_push_connection, "olga", fill_push_connection, NULL, 0, 0},
	{&op_conn_list, NULL, NULL, NULL, 0, 0},
	{&op_conn_show, NULL, fill_conn, NULL, 0, 0},
	{&op_conn_kick, NULL, fill_conn, NULL, 0, 0},
	{&op_notify_send, NULL, fill_notify, NULL, 0, 0},
	{&op_history, NULL, fill_history, NULL, 0, 0},
	{&op_history_show, NULL, fill_history, NULL, 0, 0},
	{&op_history_replay, NULL, fill_replay, NULL, 0, 0},
	{&op_history_import, NULL, fill_import, has_six, 0, 0},
	{&op_history_purge, NULL, fill_purge, is_purged, 0, 0},
	{&op_node_drain, NULL, NULL, NULL, 0, 0},
	{&op_node_undrain, NULL, NULL, NULL, 0, 0},
};
const size_t op_case_count = sizeof(op_cases) / sizeof(op_cases[0]);
