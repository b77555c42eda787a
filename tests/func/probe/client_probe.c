/* lib/client with pipes for hands, for tests/func/client.test.js: client_probe [--skip]
 * [--transport=NAME] [--encoding=NAME] URL. The token is in CLIENT_PROBE_TOKEN. Each line of
 * standard input is a call, ["Method", argument...]; its end says goodbye. Each line of standard
 * output is an event, as a JSON object. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/client/client.h"
#include "lib/value/json.h"

struct probe {
	struct loop *loop;
	struct stream_pool *pool;
	struct loop_fd *input;
	struct buf line; /* an unfinished one */
	struct client *client;
	uintptr_t last_call;
};

/* ---- events ---- */

static void event_begin(struct buf *out, const char *name)
{
	buf_append_char(out, '{');
	json_write_member_text(out, "event", bytes_str(name));
}

static void event_value(struct buf *out, const char *name, const struct value *value)
{
	buf_printf(out, ",\"%s\":", name);
	json_write(out, value);
}

static void event_result(struct buf *out, int err, struct bytes text)
{
	if (err != 0) {
		json_write_member_text(out, "error", bytes_str(err_code(err)));
	}
	json_write_member_text(out, "text", text);
}

static void event_end(struct buf *out)
{
	buf_append_bytes(out, BYTES_LIT("}\n"));
	fwrite(out->data, 1, out->len, stdout);
	fflush(stdout);
	buf_finish(out);
}

static void tell_refused(int err)
{
	struct buf out = {0};
	event_begin(&out, "refused");
	event_result(&out, err, BYTES_NONE);
	event_end(&out);
}

static void on_open(void *ctx)
{
	const struct probe *probe = ctx;
	struct buf out = {0};
	event_begin(&out, "open");
	json_write_member_text(&out, "transport",
		bytes_str(client_transport_name(client_transport(probe->client))));
	event_end(&out);
}

static void on_invocation(void *ctx, struct bytes target, const struct value *arguments)
{
	struct buf out = {0};
	(void)ctx;
	event_begin(&out, "invocation");
	json_write_member_text(&out, "target", target);
	event_value(&out, "arguments", arguments);
	event_end(&out);
}

static void on_close(void *ctx, int err, struct bytes text, bool allow_reconnect)
{
	struct probe *probe = ctx;
	const struct value again = value_bool(allow_reconnect);
	struct buf out = {0};
	event_begin(&out, "close");
	event_result(&out, err, text);
	event_value(&out, "allowReconnect", &again);
	event_end(&out);
	client_close(&probe->client);
	loop_stop(probe->loop);
}

static const struct client_events events = {on_open, on_invocation, on_close};

/* ctx is the number of the call. */
static void on_done(void *ctx, int err, struct bytes text, const struct value *result)
{
	struct buf out = {0};
	event_begin(&out, "done");
	json_write_member_int(&out, "call", (int64_t)(uintptr_t)ctx);
	event_result(&out, err, text);
	event_value(&out, "result", result);
	event_end(&out);
}

/* ---- calls ---- */

static void run_line(struct probe *probe, struct bytes line)
{
	struct arena *arena = arena_create(0);
	struct value call;
	int err = json_read(arena, line, &call, NULL);
	if (err == 0 &&
		(call.kind != VALUE_ARRAY || call.count == 0 || call.items[0].kind != VALUE_TEXT)) {
		err = ERR_BAD_REQUEST;
	}
	if (err == 0) {
		const struct value arguments = {
			.kind = VALUE_ARRAY, .count = call.count - 1, .items = call.items + 1};
		err = client_invoke(probe->client, call.items[0].text, &arguments, on_done,
			(void *)++probe->last_call);
	}
	if (err != 0) {
		tell_refused(err);
	}
	arena_destroy(&arena);
}

static void on_input(void *ctx, int ready)
{
	struct probe *probe = ctx;
	char piece[4096];
	ssize_t n = read(STDIN_FILENO, piece, sizeof(piece));
	ptrdiff_t end;
	(void)ready;
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (n <= 0) {
		client_close(&probe->client);
		loop_stop(probe->loop);
		return;
	}
	buf_append(&probe->line, piece, (size_t)n);
	while ((end = bytes_find_char(buf_bytes(&probe->line), '\n')) >= 0) {
		run_line(probe, bytes_of(probe->line.data, (size_t)end));
		buf_consume(&probe->line, (size_t)end + 1);
	}
}

static int probe_run(struct probe *probe, const struct client_options *options)
{
	int err = client_open(probe->loop, probe->pool, options, &events, probe, &probe->client);
	if (err != 0) {
		tell_refused(err);
		return 1;
	}
	fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
	probe->input = loop_fd_open(probe->loop, STDIN_FILENO, LOOP_READ, on_input, probe);
	loop_run(probe->loop);
	loop_fd_close(&probe->input);
	while (stream_pool_lingering(probe->pool) > 0) {
		loop_turn(probe->loop, 100);
	}
	return 0;
}

static bool take_option(struct client_options *options, struct bytes word)
{
	struct bytes value = word;
	struct bytes name = bytes_split(&value, '=');
	if (bytes_eq(name, BYTES_LIT("--transport"))) {
		return client_transport_find(value, &options->transport) == 0;
	}
	if (bytes_eq(name, BYTES_LIT("--encoding"))) {
		return client_encoding_find(value, &options->encoding) == 0;
	}
	options->skip_negotiation = true;
	return bytes_eq(word, BYTES_LIT("--skip"));
}

int main(int argc, char **argv)
{
	struct probe probe = {0};
	struct client_options options = {.open_timeout_us = 10000000};
	bool good = argc > 1;
	for (int i = 1; i < argc - 1; i++) {
		good = take_option(&options, bytes_str(argv[i])) && good;
	}
	if (!good) {
		fprintf(stderr, "usage: client_probe [--skip] [--transport=NAME] "
				"[--encoding=NAME] URL\n");
		return 2;
	}
	options.url = bytes_str(argv[argc - 1]);
	options.token = bytes_str(getenv("CLIENT_PROBE_TOKEN"));
	probe.loop = loop_create();
	probe.pool = stream_pool_create(probe.loop);
	int exit_code = probe_run(&probe, &options);
	buf_finish(&probe.line);
	stream_pool_destroy(&probe.pool);
	loop_destroy(&probe.loop);
	return exit_code;
}
