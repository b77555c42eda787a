#include "chatd/control/control.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "chatd/control/audit.h"
#include "chatd/control/methods.h"
#include "chatd/control/peer.h"
#include "chatd/net/listener.h"
#include "lib/base/err.h"
#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/conf/conf.h"
#include "lib/ctl/commands.h"
#include "lib/ctl/frames.h"
#include "lib/net/stream.h"

/* Clients at one time. */
#define CLIENTS_MAX 256
/* Who may only look is refused above this, so that who may change things finds a place. */
#define READERS_MAX 192
/* An emitting operation waits while so much is queued. */
#define QUEUED_MAX ((size_t)256 * 1024)

struct control {
	struct services *sv;
	struct listener *listener;
	struct list clients;
	size_t count;
	uint64_t calls; /* so far: numbers them in the log */
	struct log_rate refused;
};

/* One connection: calls one after the other. */
struct client {
	struct op_caller caller;
	struct list_node node;
	struct control *control;
	struct stream *stream;
	struct buf input;
	struct peer peer;
	int64_t id; /* of the call under way; -1: none was named yet */
	uint64_t call; /* its number among all */
	struct op *op; /* NULL: none */
	const struct ctl_command *command;
	char about[AUDIT_ABOUT_SIZE]; /* what it is about */
	struct op *congested; /* waits for a drain */
	size_t lost; /* items of the call that no frame holds */
	bool ended; /* the other side sends no more */
	bool in_frames; /* inside client_take_frames() */
};

static void client_go_on(struct client *client);

static void client_close(struct client *client)
{
	if (client->op != NULL) {
		/* What it changes may still come, and nobody is told. */
		audit_done(&client->peer, client->call, client->command, client->about, ERR_CLOSED);
	}
	op_caller_gone(&client->caller);
	if (client->congested != NULL) {
		struct op *op = client->congested;
		client->congested = NULL;
		op_resume(op, ERR_CLOSED);
	}
	list_remove(&client->node);
	client->control->count--;
	stream_close_flushed(&client->stream, 1000000);
	buf_finish(&client->input);
	free(client);
}

static void client_send(struct client *client, struct buf *frame)
{
	stream_send_copy(client->stream, buf_bytes(frame));
	buf_finish(frame);
}

static void client_end_call(struct client *client, int err, const char *message, const char *hint)
{
	struct buf frame = {0};
	ctl_end_write(&frame, client->id, err, message, hint);
	client_send(client, &frame);
}

static void send_item(struct client *client, const struct value *item)
{
	struct buf frame = {0};
	if (ctl_item_write(&frame, client->id, item) != 0) {
		log_event(LOG_WARN, "item too large for a control frame",
			LOG_STR("command", client->command->name), LOG_INT("call", client->call));
		client->lost++;
	}
	client_send(client, &frame);
}

static void on_op_done(struct op_caller *caller, struct op *op, int err)
{
	struct client *client = CONTAINER_OF(caller, struct client, caller);
	client->op = NULL;
	audit_done(&client->peer, client->call, client->command, client->about, err);
	const char *message = err != 0 ? op->message : NULL;
	if (err == 0 && op->result.kind != VALUE_NULL) {
		send_item(client, &op->result);
	}
	if (err == 0 && client->lost > 0) {
		err = ERR_PARTIAL;
		message = arena_printf(op->arena,
			"left out, since larger than a frame of the control socket: %zu",
			client->lost);
	}
	client_end_call(client, err, message, NULL);
	client_go_on(client);
}

static void on_op_emit(struct op_caller *caller, struct op *op, const struct value *item)
{
	(void)op;
	send_item(CONTAINER_OF(caller, struct client, caller), item);
}

static bool on_op_congested(struct op_caller *caller, struct op *op)
{
	struct client *client = CONTAINER_OF(caller, struct client, caller);
	stream_flush(client->stream);
	if (stream_queued(client->stream) <= QUEUED_MAX) {
		return false;
	}
	client->congested = op;
	return true;
}

static const struct op_caller_events client_caller_events = {
	.done = on_op_done,
	.emit = on_op_emit,
	.congested = on_op_congested,
};

/* ---- requests ---- */

static void refuse(struct client *client, int err, const char *message)
{
	client_end_call(client, err, message, NULL);
}

static void client_start(struct client *client, const struct control_method *method,
	const struct value *args, struct arena *arena)
{
	struct services *sv = client->control->sv;
	struct params_error error;
	struct op *op = op_create(sv, method->op, arena);
	if (method->param_count > 0 && params_bind_object(method->params, method->param_count, args,
					       op->params, &error) != 0) {
		refuse(client, ERR_USAGE, params_error_text(arena, &error));
		op_discard(&op);
		return;
	}
	client->op = op;
	client->lost = 0;
	op->origin = (struct op_origin){.door = OP_DOOR_CONTROL, .call = client->call};
	op_start(op, &client->caller, NULL, NULL);
}

/* What is wrong with a request before any operation is asked. */
static int check_request(struct client *client, struct arena *arena,
	const struct ctl_request *request, const char **ret_why)
{
	client->command = ctl_command_named(request->command);
	if (client->command == NULL || control_method_find(client->command->name) == NULL) {
		*ret_why = arena_printf(arena, "the daemon has no command '%.*s'",
			(int)(request->command.len < 64 ? request->command.len : 64),
			request->command.ptr);
		return ERR_USAGE;
	}
	if (!client->peer.may_write && !(client->command->read_only && client->peer.may_read)) {
		*ret_why = arena_printf(arena,
			"'%s' is for root, the daemon's own user and the group chatd",
			client->command->name);
		return ERR_FORBIDDEN;
	}
	return ctl_args_check(arena, client->command, &request->args, ret_why);
}

static void client_take_frame(struct client *client, struct bytes json)
{
	struct arena *arena = arena_create(2048);
	struct ctl_request request = {.id = 0};
	const char *why = NULL;
	int err = ctl_request_read(arena, json, &request, &why);
	client->id = request.id;
	client->call = ++client->control->calls;
	if (err == 0) {
		err = check_request(client, arena, &request, &why);
	}
	if (err != 0) {
		refuse(client, err, why);
		audit_refused(&client->control->refused, loop_now_us(client->control->sv->loop),
			&client->peer, client->call, request.command, err);
		arena_destroy(&arena);
		return;
	}
	audit_about(client->command, &request.args, client->about);
	client_start(client, control_method_find(client->command->name), &request.args, arena);
}

static void client_take_frames(struct client *client)
{
	struct bytes input = buf_bytes(&client->input);
	int err = 0;
	while (client->op == NULL && err == 0) {
		struct bytes json;
		err = ctl_frame_next(&input, &json);
		if (err == 0) {
			client_take_frame(client, json);
		}
	}
	if (err != 0 && err != ERR_AGAIN) {
		client->id = -1;
		refuse(client, err, "this is no control frame");
		client->ended = true;
		input.len = 0;
	}
	buf_consume(&client->input, client->input.len - input.len);
}

/* With the next call, or to the end. Not from inside client_take_frames(), whose loop goes on by
 * itself. */
static void client_go_on(struct client *client)
{
	if (client->in_frames) {
		return;
	}
	client->in_frames = true;
	client_take_frames(client);
	client->in_frames = false;
	/* What has no end of its own ends with who listens. */
	bool awaited = client->op != NULL && !client->op->def->endless;
	if (client->ended && !awaited) {
		client_close(client);
		return;
	}
	if (client->op == NULL) {
		stream_resume(client->stream);
	} else if (client->input.len > CTL_FRAME_MAX) {
		stream_pause(client->stream);
	}
}

static void on_data(void *ctx, struct bytes data)
{
	struct client *client = ctx;
	buf_append_bytes(&client->input, data);
	client_go_on(client);
}

static void on_end(void *ctx, int err)
{
	struct client *client = ctx;
	if (err != 0) {
		client_close(client);
		return;
	}
	client->ended = true;
	client_go_on(client);
}

static void on_drain(void *ctx)
{
	struct client *client = ctx;
	struct op *op = client->congested;
	client->congested = NULL;
	if (op != NULL) {
		op_resume(op, 0);
	}
}

static const struct stream_events client_stream_events = {
	.on_data = on_data,
	.on_end = on_end,
	.on_drain = on_drain,
};

static void on_accept(void *ctx, int fd, const char *peer)
{
	struct control *control = ctx;
	(void)peer;
	struct client *client = mem_zalloc(sizeof(*client));
	client->control = control;
	client->id = -1;
	op_caller_init(&client->caller, &client_caller_events);
	peer_find(control->sv->conf, fd, &client->peer);
	client->stream = stream_open(control->sv->streams, fd, &client_stream_events, client);
	stream_set_low(client->stream, QUEUED_MAX);
	list_append(&control->clients, &client->node);
	control->count++;
	bool known = client->peer.may_read || client->peer.may_write;
	size_t max = client->peer.may_write ? CLIENTS_MAX : READERS_MAX;
	if (!known || control->count > max) {
		refuse(client, known ? ERR_BUSY : ERR_FORBIDDEN,
			known ? "too many control connections"
			      : "only root, the daemon's own user, the group chatd and "
				"control.read_group may connect");
		audit_refused(&control->refused, loop_now_us(control->sv->loop), &client->peer, 0,
			BYTES_LIT("connect"), known ? ERR_BUSY : ERR_FORBIDDEN);
		client_close(client);
	}
}

/* /run/chatd is made by whoever starts chatd as a service. */
static bool folder_is_missing(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];

	if (slash == NULL || slash == path || (size_t)(slash - path) >= sizeof(folder)) {
		return false;
	}
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
	return access(folder, F_OK) != 0 && errno == ENOENT;
}

int control_open(struct services *sv, struct control **ret_control, struct buf *ret_why)
{
	struct control *control = mem_zalloc(sizeof(*control));
	control->sv = sv;
	list_init(&control->clients);
	struct buf address = {0};
	char why[LISTENER_WHY_SIZE];
	buf_printf(&address, "unix:%s", sv->conf->control.socket);
	int err = listener_open(
		sv->loop, buf_bytes(&address), on_accept, control, &control->listener, why);
	buf_finish(&address);
	if (err != 0) {
		buf_printf(ret_why, "control.socket: %s%s", why,
			folder_is_missing(sv->conf->control.socket)
				? " (make its folder, or set control.socket to another place)"
				: "");
		free(control);
		return err;
	}
	peer_prepare_socket(sv->conf);
	*ret_control = control;
	return 0;
}

void control_drop_stalled(struct control *control, uint64_t stalled_us)
{
	if (control == NULL) {
		return;
	}
	uint64_t now = loop_now_us(control->sv->loop);
	LIST_FOREACH (&control->clients, node) {
		struct client *client = CONTAINER_OF(node, struct client, node);
		uint64_t since = stream_stalled_since(client->stream);
		if (client->congested != NULL && since != 0 && now - since >= stalled_us) {
			client_close(client);
		}
	}
}

void control_close(struct control **control)
{
	struct control *gone = *control;
	*control = NULL;
	if (gone == NULL) {
		return;
	}
	LIST_FOREACH (&gone->clients, node) {
		client_close(CONTAINER_OF(node, struct client, node));
	}
	listener_close(&gone->listener);
	free(gone);
}
