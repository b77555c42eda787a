/* Changes of rooms handed to their home without an operation around them, as an operator asks for
 * them. */
#ifndef TESTS_UNIT_CHANGE_HELP_H
#define TESTS_UNIT_CHANGE_HELP_H

#include "tests/unit/room_help.h"

struct changing {
	union { /* each begins with its call */
		struct home_call call;
		struct home_join join;
		struct home_leave leave;
		struct home_update update;
		struct home_role role;
		struct home_delete remove;
		struct home_notice notice;
	};
	int done, err;
	int place; /* which of all answers this was, from 1 on */
};

/* Each is asked for from a worker; *changing lives until it is answered. alias "" takes it away. */
void change_name(struct hub *hub, unsigned worker, struct changing *changing,
	const struct uuid *room, const char *name);
void change_alias(struct hub *hub, unsigned worker, struct changing *changing,
	const struct uuid *room, const char *alias);
void change_archived(struct hub *hub, unsigned worker, struct changing *changing,
	const struct uuid *room, bool archived);
void change_role(struct hub *hub, unsigned worker, struct changing *changing,
	const struct uuid *room, const char *user, enum member_role role);
void change_add(struct hub *hub, unsigned worker, struct changing *changing,
	const struct uuid *room, const char *user);
void change_remove(struct hub *hub, unsigned worker, struct changing *changing,
	const struct uuid *room, const char *user);
void change_delete(
	struct hub *hub, unsigned worker, struct changing *changing, const struct uuid *room);
/* An invocation of "ServerNotification" with that text. */
void change_notice(struct hub *hub, unsigned worker, struct changing *changing,
	const struct uuid *room, const char *text);
/* It was answered, once, with err. */
void change_expect(const struct changing *changing, int err);

#endif
