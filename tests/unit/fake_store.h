/* A store in memory whose every call is held until the test lets it be answered, in the order of
 * the calls. What a call does happens when it is answered; the answer goes by mailbox, as the real
 * ones go. All on one thread. */
#ifndef TESTS_UNIT_FAKE_STORE_H
#define TESTS_UNIT_FAKE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/store/store.h"

struct fake_store;

/* In the order of STORE_REQUESTS. */
enum fake_kind {
	FAKE_NOTHING, /* none is held */
	FAKE_APPEND,
	FAKE_PAGE,
	FAKE_MESSAGE_FIND,
	FAKE_SENT_PAGE,
	FAKE_SENT_ERASE,
	FAKE_PURGE,
	FAKE_ROOM_FIND,
	FAKE_ROOM_CREATE,
	FAKE_ROOM_LIST,
	FAKE_ROOM_UPDATE,
	FAKE_ROOM_DELETE,
	FAKE_ROOM_SWEEP,
	FAKE_ROOMS_PAGE,
	FAKE_MEMBER_ADD,
	FAKE_MEMBER_REMOVE,
	FAKE_MEMBER_ROLE,
	FAKE_MEMBER_LIST,
	FAKE_MEMBER_PAGE,
	FAKE_USER_OPEN,
	FAKE_USER_FIND,
	FAKE_USER_LIST,
	FAKE_USER_UPDATE,
	FAKE_USER_BAR,
	FAKE_USER_ERASE,
	FAKE_BAR_LIST,
	FAKE_WATCH,
	FAKE_HEADS,
	FAKE_STATUS,
	FAKE_PING,
	FAKE_KIND_COUNT
};

struct fake_store *fake_store_create(void);
/* Every call must have been answered. */
void fake_store_destroy(struct fake_store **fake);
struct store *fake_store_base(struct fake_store *fake);

/* ---- calls ---- */

/* Calls that wait for their answer. */
size_t fake_store_held(const struct fake_store *fake);
/* Calls of one kind ever taken. */
size_t fake_store_calls(const struct fake_store *fake, enum fake_kind kind);
/* Of the oldest one that is held. */
enum fake_kind fake_store_first(const struct fake_store *fake);
enum fake_kind fake_store_second(const struct fake_store *fake);
/* The oldest one, which must be of that kind. */
const struct store_append *fake_store_first_append(const struct fake_store *fake);
const struct store_page *fake_store_first_page(const struct fake_store *fake);
/* Lets the oldest take effect and be answered. */
void fake_store_answer(struct fake_store *fake);
void fake_store_answer_all(struct fake_store *fake);
/* The second oldest overtakes the oldest, as a write may overtake a read. */
void fake_store_answer_behind(struct fake_store *fake);
/* The oldest takes effect now, but is still held. */
void fake_store_read(struct fake_store *fake);
/* The oldest is answered with an error; takes_effect: it was committed all the same. */
void fake_store_fail(struct fake_store *fake, int err, bool takes_effect);
/* The oldest, an append, is answered 0, but all of its items have failed with err. */
void fake_store_fail_items(struct fake_store *fake, int err);
/* From now on every call takes effect and is answered by itself. */
void fake_store_prompt(struct fake_store *fake, bool prompt);
/* Every call is refused at once with err, until 0 is set. */
void fake_store_refuse(struct fake_store *fake, int err);

/* ---- contents; at once, as if another process had done it ---- */

void fake_store_room(struct fake_store *fake, const struct uuid *id, const char *alias,
	enum room_visibility visibility);
void fake_store_room_visibility(
	struct fake_store *fake, const struct uuid *room, enum room_visibility visibility);
void fake_store_room_flags(
	struct fake_store *fake, const struct uuid *room, bool encrypted, bool archived);
/* Private, and of its two members, who are put in separately. */
void fake_store_room_direct(struct fake_store *fake, const struct uuid *room);
/* Raises member_version. */
void fake_store_member(struct fake_store *fake, const struct uuid *room, const struct uuid *user);
/* The same with a role, also of one who is in. */
void fake_store_role(struct fake_store *fake, const struct uuid *room, const struct uuid *user,
	enum member_role role);
void fake_store_member_gone(
	struct fake_store *fake, const struct uuid *room, const struct uuid *user);
/* One who has not come himself yet. */
void fake_store_user(struct fake_store *fake, const struct uuid *user, const char *identity);
/* Answers its number. */
uint64_t fake_store_message(struct fake_store *fake, const struct uuid *room,
	const struct uuid *sender, const char *content);
/* The numbers from first to last are not there any more. */
void fake_store_purge(
	struct fake_store *fake, const struct uuid *room, uint64_t first, uint64_t last);
/* Other programs share the store (base->shared). */
void fake_store_share(struct fake_store *fake);
/* What another program changed, for the next watch: it comes in the order of these calls. The
 * contents are changed separately. */
void fake_store_change(struct fake_store *fake, enum store_change_kind kind,
	const struct uuid *room, const struct uuid *user);
void fake_store_ban(struct fake_store *fake, const struct uuid *user);
void fake_store_room_gone(struct fake_store *fake, const struct uuid *room);
/* At most so many changes by one watch; 0: all. */
void fake_store_watch_limit(struct fake_store *fake, size_t limit);
/* The next watch says so. */
void fake_store_lose_changes(struct fake_store *fake);
/* Each watch from now on says so. */
void fake_store_begin_anew(struct fake_store *fake);
/* So many sweeps of deleted rooms leave something to be swept. */
void fake_store_sweeps(struct fake_store *fake, unsigned count);
uint64_t fake_store_head(const struct fake_store *fake, const struct uuid *room);
bool fake_store_is_member(
	const struct fake_store *fake, const struct uuid *room, const struct uuid *user);
bool fake_store_has_room(const struct fake_store *fake, const struct uuid *room);
/* Rows as they are; NULL: none. Good until the next call of the store takes effect. */
const struct room_row *fake_store_room_row(const struct fake_store *fake, const struct uuid *room);
const struct room_row *fake_store_room_called(const struct fake_store *fake, const char *alias);
const struct user_row *fake_store_user_row(struct fake_store *fake, const struct uuid *user);
enum member_role fake_store_role_of(
	const struct fake_store *fake, const struct uuid *room, const struct uuid *user);
/* NULL where it was purged. */
const struct message_row *fake_store_message_row(
	const struct fake_store *fake, const struct uuid *room, uint64_t seq);

#endif
