/* What a room's home tells its members of changes that are stored, each in its place among the
 * room's messages. On the home's worker. For chatd/room only. */
#ifndef CHATD_ROOM_HOME_TELL_H
#define CHATD_ROOM_HOME_TELL_H

#include "chatd/op/services.h"
#include "lib/store/model.h"

/* The user is in the room now, and his connections (but except; nil: none) enter it: they are told
 * UserJoined, or, invited, RoomCreated. row: the room after it. */
void home_tell_joined(struct services *sv, const struct room_row *row, const struct uuid *user,
	const struct uuid *except, bool invited);
/* The user is in the room no more. */
void home_tell_left(struct services *sv, const struct room_row *row, const struct uuid *user,
	const struct uuid *except);
/* changed false: only where the row is younger than what is known here (a change of unknown fate,
 * or of another instance). raised: it raised member_version by one. */
void home_tell_updated(struct services *sv, const struct room_row *row, bool changed, bool raised);
void home_tell_deleted(struct services *sv, const struct uuid *room);
/* The room is read, so that its members learn of what may have been committed. */
void home_tell_again(struct services *sv, const struct uuid *room);

#endif
