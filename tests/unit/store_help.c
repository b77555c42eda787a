#include "tests/unit/store_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "lib/store/sqlite.h"

/* ---- the frame ---- */

static uint64_t real_mono(const struct clock *clock)
{
	(void)clock;
	return clock_mono_us(&clock_system);
}

static int64_t stepped_wall(const struct clock *clock)
{
	struct test_clock *t = CONTAINER_OF((void *)(uintptr_t)clock, struct test_clock, clock);

	return atomic_load(&t->wall_ms);
}

void store_test_init(struct store_test *t)
{
	memset(t, 0, sizeof(*t));
	t->clock.clock = (struct clock){.mono_us = real_mono, .wall_ms = stepped_wall};
	atomic_init(&t->clock.wall_ms, 1700000000000);
	t->loop = loop_create();
	t->box = mailbox_create(t->loop);
	t->arena = arena_create(0);
	snprintf(t->folder, sizeof(t->folder), "/tmp/test_store.XXXXXX");
	assert_non_null(mkdtemp(t->folder));
	snprintf(t->path, sizeof(t->path), "%s/chat.db", t->folder);
	snprintf(t->url, sizeof(t->url), "sqlite:%s", t->path);
}

void store_test_finish(struct store_test *t)
{
	char command[128];

	store_test_close(t);
	if (t->hooks != NULL) {
		t->hooks->finish(t);
	}
	snprintf(command, sizeof(command), "rm -rf %s", t->folder);
	assert_int_equal(system(command), 0);
	mailbox_destroy(&t->box);
	loop_destroy(&t->loop);
	arena_destroy(&t->arena);
}

int store_test_try_open(struct store_test *t, bool migrate, const char **ret_why)
{
	struct store_open_params params = {
		.url = bytes_str(t->url),
		.migrate = migrate,
		.clock = &t->clock.clock,
		.max_queued = t->max_queued,
	};
	struct buf why;

	buf_init(&why);
	assert_null(t->store);
	t->root = NULL;
	int err = store_open(&params, &t->root, &why);
	assert_int_equal(err == 0, t->root != NULL);
	if (err == 0) {
		assert_int_equal(store_attach(t->root, t->loop, &t->store), 0);
	}
	assert_int_equal(err == 0, why.len == 0);
	if (ret_why != NULL) {
		*ret_why = arena_strdup(t->arena, buf_cstr(&why));
	} else if (err != 0) {
		print_message("store_open: %s\n", buf_cstr(&why));
	}
	buf_finish(&why);
	return err;
}

void store_test_open(struct store_test *t)
{
	assert_int_equal(store_test_try_open(t, true, NULL), 0);
}

void store_test_close(struct store_test *t)
{
	if (t->store == NULL) {
		return;
	}
	struct store *root = t->root;
	store_stop(root);
	store_detach(root, &t->store);
	store_close(&root);
}

void store_test_reopen(struct store_test *t)
{
	store_test_close(t);
	store_test_open(t);
}

void store_test_sql(struct store_test *t, const char *sql)
{
	struct sqlite *db = NULL;
	struct buf why;

	buf_init(&why);
	assert_int_equal(sqlite_open(t->path, SQLITE_MODE_WRITER, &db, &why), 0);
	if (sqlite_script(db, sql) != 0) {
		fail_msg("%s: %s", sql, sqlite_why(db));
	}
	sqlite_close(&db);
	buf_finish(&why);
}

/* ---- calls ---- */

static void is_done(struct store_call *call, int err)
{
	assert_int_equal(call->err, err);
	call->done = NULL;
}

void store_test_call(struct store_test *t, struct store_call *call)
{
	if (t->hooks != NULL) {
		t->hooks->before_call(t);
	}
	store_call_init(call, t->box, t->arena, is_done);
}

int store_test_wait(struct store_test *t, struct store_call *call, int posted)
{
	if (posted != 0) {
		return posted;
	}
	uint64_t deadline = clock_mono_us(&clock_system) + 20000000;
	while (call->done != NULL) {
		assert_true(clock_mono_us(&clock_system) < deadline);
		loop_turn(t->loop, 1000);
	}
	return call->err;
}

struct uuid test_user(unsigned n)
{
	struct uuid id = {{0xaa, 0, 0, 0, 0, 0, 0x40, 0, 0x80}};

	id.b[14] = (uint8_t)(n >> 8);
	id.b[15] = (uint8_t)n;
	return id;
}

int test_create(struct store_test *t, struct store_room_create *req)
{
	store_test_call(t, &req->call);
	return store_test_wait(t, &req->call, store_room_create(t->store, req));
}

struct uuid test_room(struct store_test *t, const char *alias, size_t members)
{
	struct store_room_create req = {0};

	uuid_random(&req.room.id);
	req.room.alias = bytes_str(alias);
	req.room.name = bytes_str(alias != NULL ? alias : "a room");
	req.room.has_creator = members > 0;
	req.room.creator = test_user(1);
	req.member_count = members;
	req.members = arena_alloc(t->arena, (members + 1) * sizeof(*req.members));
	for (size_t i = 0; i < members; i++) {
		req.members[i].user = test_user((unsigned)i + 1);
		req.members[i].role = i == 0 ? ROLE_OWNER : ROLE_MEMBER;
	}
	assert_int_equal(test_create(t, &req), 0);
	assert_true(req.created);
	return req.room.id;
}

struct append_item test_item(
	struct uuid room, struct uuid sender, const char *key, const char *text)
{
	struct append_item item = {
		.room = room,
		.sender = sender,
		.client_message_id = bytes_str(key),
		.content = bytes_str(text),
		.outcome = (enum append_outcome)99,
	};

	store_client_key(&sender, item.client_message_id, item.client_key);
	store_body_hash(&item, item.body_hash);
	return item;
}

int test_append(struct store_test *t, struct append_item *items, size_t count)
{
	struct store_append req = {.items = items, .count = count};

	store_test_call(t, &req.call);
	int err = store_test_wait(t, &req.call, store_append(t->store, &req));
	if (err != 0 && req.call.why != NULL) {
		print_message("append: %s\n", req.call.why);
	}
	return err;
}

uint64_t test_send(struct store_test *t, struct uuid room, struct uuid sender, const char *key,
	const char *text)
{
	struct append_item item = test_item(room, sender, key, text);

	assert_int_equal(test_append(t, &item, 1), 0);
	assert_int_equal(item.outcome, APPEND_STORED);
	return item.seq;
}

int test_page(struct store_test *t, struct store_page *req)
{
	store_test_call(t, &req->call);
	return store_test_wait(t, &req->call, store_page(t->store, req));
}

int test_add(struct store_test *t, struct store_member_add *req)
{
	store_test_call(t, &req->call);
	return store_test_wait(t, &req->call, store_member_add(t->store, req));
}

int test_remove(struct store_test *t, struct store_member_remove *req)
{
	store_test_call(t, &req->call);
	return store_test_wait(t, &req->call, store_member_remove(t->store, req));
}

int test_list(struct store_test *t, struct store_member_list *req)
{
	store_test_call(t, &req->call);
	return store_test_wait(t, &req->call, store_member_list(t->store, req));
}

int test_find(struct store_test *t, struct store_room_find *req)
{
	store_test_call(t, &req->call);
	return store_test_wait(t, &req->call, store_room_find(t->store, req));
}

int test_open_user(struct store_test *t, struct store_user_open *req)
{
	store_test_call(t, &req->call);
	return store_test_wait(t, &req->call, store_user_open(t->store, req));
}

int test_status(struct store_test *t, struct store_status *req)
{
	store_test_call(t, &req->call);
	return store_test_wait(t, &req->call, store_status(t->store, req));
}

#define X(request) \
	int ask_##request(struct store_test *t, struct store_##request *req) \
	{ \
		store_test_call(t, &req->call); \
		return store_test_wait(t, &req->call, store_##request(t->store, req)); \
	}
STORE_REQUESTS(X)
#undef X

struct uuid test_private_room(struct store_test *t, size_t members)
{
	struct uuid room = test_room(t, NULL, members);
	struct store_room_update hide = {
		.room = room, .changes = ROOM_SET_VISIBILITY, .visibility = ROOM_PRIVATE};

	assert_int_equal(ask_room_update(t, &hide), 0);
	return room;
}

struct uuid test_direct_room(struct store_test *t, unsigned a, unsigned b)
{
	struct store_new_member pair[] = {{.user = test_user(a)}, {.user = test_user(b)}};
	struct store_room_create req = {.members = pair, .member_count = 2};

	uuid_random(&req.room.id);
	req.room.type = ROOM_DIRECT;
	req.room.has_creator = true;
	req.room.creator = test_user(a);
	assert_int_equal(test_create(t, &req), 0);
	assert_true(req.created);
	return req.room.id;
}

void test_role(struct store_test *t, struct uuid room, unsigned user, enum member_role role)
{
	struct store_member_add add = {.room = room, .user = test_user(user), .role = role};
	struct store_member_role change = {.room = room, .user = test_user(user), .role = role};

	assert_int_equal(test_add(t, &add), 0);
	if (add.now != role) {
		assert_int_equal(ask_member_role(t, &change), 0);
	}
}

struct room_row test_room_row(struct store_test *t, struct uuid room)
{
	struct store_room_find find = {0};
	char text[UUID_TEXT_SIZE];

	uuid_format(&room, text);
	find.ref = bytes_str(text);
	assert_int_equal(test_find(t, &find), 0);
	return find.room;
}

struct message_row test_row(struct store_test *t, struct uuid room, uint64_t seq)
{
	struct store_page page = {.room = room, .after_seq = seq - 1, .limit = 1};

	assert_int_equal(test_page(t, &page), 0);
	assert_int_equal(page.count, 1);
	assert_int_equal(page.rows[0].seq, seq);
	return page.rows[0];
}

/* The key is made of what it is about, so that the same once more is a repeat. */
struct append_item test_change(struct uuid room, unsigned sender, enum message_type type,
	uint64_t ref_seq, const char *text)
{
	struct append_item item = {
		.room = room,
		.sender = test_user(sender),
		.type = type,
		.ref_seq = ref_seq,
		.content = bytes_str(text),
		.outcome = (enum append_outcome)99,
	};
	char key[128];

	int len = snprintf(key, sizeof(key), "%s %llu %s", model_message_type_name(type),
		(unsigned long long)ref_seq, text);
	store_client_key(&item.sender, bytes_of(key, (size_t)len), item.client_key);
	store_body_hash(&item, item.body_hash);
	return item;
}

enum append_outcome test_outcome(struct store_test *t, struct append_item *item)
{
	assert_int_equal(test_append(t, item, 1), 0);
	return item->outcome;
}

struct store_actor test_actor(unsigned user)
{
	return (struct store_actor){.has_by = true, .by = test_user(user)};
}

void assert_user(const struct uuid *is, unsigned expected)
{
	const struct uuid user = test_user(expected);

	assert_memory_equal(is->b, user.b, sizeof(user.b));
}

void assert_bytes(struct bytes is, const char *expected)
{
	assert_int_equal(is.len, strlen(expected));
	assert_memory_equal(is.ptr != NULL ? is.ptr : "", expected, is.len);
}
