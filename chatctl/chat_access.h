/* Where the hub is and what opens it: the daemon says so and signs a token over its control socket,
 * unless --url and --token-file do. */
#ifndef CHATCTL_CHAT_ACCESS_H
#define CHATCTL_CHAT_ACCESS_H

#include "chatctl/chat_call.h"
#include "chatctl/cmd.h"
#include "chatctl/locate.h"

struct chat_access {
	struct locate locate; /* count 0: no control socket is used */
	uint64_t timeout_us; /* of each call of the daemon */
	const char *user; /* identity name or user id; NULL with a token file */
	const char *url; /* NULL: the daemon is asked */
	const char *token_file; /* NULL: the daemon signs */
	char *token; /* read last from the file */
};

/* Good until the receiver returns. */
struct chat_ticket {
	struct bytes url; /* as client_open() wants it */
	struct bytes path; /* of the hub, behind a unix: address */
	struct bytes token;
	uint64_t refresh_us; /* when a new one should be had, from now on; 0: not known */
	uint64_t max_message; /* bytes of one call that the hub takes */
};

/* Reads the arguments of chat. 0, or an error with the failure set (a token file that cannot be
 * read, nobody who is called so, settings). */
int chat_access_init(struct chat_access *access, const struct cmd *cmd);
void chat_access_finish(struct chat_access *access);
/* Reads the token file again; what was read before stays where that fails. 0, ERR_SYSTEM (errno),
 * ERR_TOO_LARGE, or ERR_BAD_REQUEST where there is no token in it. */
int chat_access_read_token(struct chat_access *access);
/* Asks the daemon, with --wait until it is there, which room is meant: *ret_room is its id on the
 * invocation's arena, *ret_label what people call it. Where there is none, or no control socket,
 * both are room itself. 0, or an error with the failure set. */
int chat_access_room(const struct chat_access *access, const struct cmd *cmd, const char *room,
	const char **ret_room, const char **ret_label);

/* err 0 and a ticket, or why there is none (for people, not escaped). */
typedef void (*chat_ticket_fn)(
	void *ctx, int err, struct bytes message, const struct chat_ticket *ticket);
struct chat_errand;
/* Gets a ticket on the loop. done comes exactly once, never inside, unless it is cancelled. */
struct chat_errand *chat_errand_start(
	struct chat_access *access, struct stream_pool *pool, chat_ticket_fn done, void *ctx);
void chat_errand_cancel(struct chat_errand **errand);

/* The address to connect to of what a daemon listens on ("127.0.0.1:5000,unix:/run/x"): the first
 * one, this machine where it is a wildcard; as a url with the hub's path. Appends. 0, or
 * ERR_UNREACHABLE where it listens nowhere. */
int chat_access_url(struct buf *out, struct bytes listen, struct bytes hub_path);

#endif
