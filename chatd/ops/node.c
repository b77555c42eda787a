#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "chatd/conn/conns.h"
#include "chatd/op/server_control.h"
#include "chatd/ops/async.h"
#include "chatd/ops/ops.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"
#include "lib/conf/keys.h"
#include "lib/conf/load.h"
#include "lib/conf/print.h"

/* ---- ping ---- */

static int ping(struct op *op)
{
	struct server_control *control = op->sv->control;
	op->result = value_object(op->arena, 2);
	value_put(&op->result, "pong", value_bool(true));
	value_put(&op->result, "ready", value_bool(control->ready(control->server) != 0));
	return OP_DONE;
}

static const struct op_step ping_steps[] = {
	{"ping", ping, 0},
	{0},
};

const struct op_def op_ping = {
	.name = "ping",
	.steps = ping_steps,
	.needs = OP_OPERATOR_READ,
	.doc = "Ask whether the daemon is there and ready.",
};

/* ---- status ---- */

#define GATHER_US 1000000

struct status_slot {
	uint64_t connections;
};

struct status {
	struct store_status store;
	int store_err;
	uint64_t connections;
	unsigned answered, total;
};

static int ask_store(struct op *op)
{
	struct status *state = op->state;
	async_store(op, &state->store.call);
	int err = store_status(op->sv->store, &state->store);
	if (err != 0) {
		op_resume(op, err); /* the rest is worth telling all the same */
	}
	return OP_WAIT;
}

static void collect(struct services *sv, void *slot)
{
	struct status_slot *mine = slot;
	mine->connections = sv->conns != NULL ? conns_count(sv->conns) : 0;
}

static void gathered(void *ctx, const void *slots, unsigned answered, unsigned total)
{
	struct op *op = ctx;
	struct status *state = op->state;
	const struct status_slot *all = slots;
	for (unsigned i = 0; i < total; i++) {
		state->connections += all[i].connections;
	}
	state->answered = answered;
	state->total = total;
	op_resume(op, 0);
}

static int ask_workers(struct op *op)
{
	struct status *state = op->state;
	struct server_control *control = op->sv->control;
	state->store_err = op_error(op);
	control->gather(
		control->server, collect, sizeof(struct status_slot), GATHER_US, gathered, op);
	return OP_WAIT;
}

static struct value setting(const struct op *op, const char *section, const char *name)
{
	struct buf text = {0};
	conf_value_text(op->sv->conf, conf_key_find(bytes_str(section), bytes_str(name)), &text);
	struct value value = value_text(arena_dup(op->arena, buf_bytes(&text)));
	buf_finish(&text);
	return value;
}

static void put_store(const struct op *op, struct value *out)
{
	const struct status *state = op->state;
	bool known = state->store_err == 0;
	const struct store_status *store = &state->store;
	const struct {
		const char *name;
		uint64_t n;
	} numbers[] = {
		{"users", store->users},
		{"rooms", store->rooms},
		{"messages", store->messages},
		{"databaseBytes", store->size_bytes},
		{"schema", store->schema},
	};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		value_put(out, numbers[i].name,
			known ? value_int((int64_t)numbers[i].n) : value_null);
	}
	value_put(out, "databaseUrl", setting(op, "database", "url"));
	value_put(out, "epoch", value_str(op->sv->store->epoch));
}

static int report(struct op *op)
{
	const struct status *state = op->state;
	struct server_control *control = op->sv->control;
	struct value *out = &op->result;
	*out = value_object(op->arena, 16);
	value_put(out, "version", value_str(CHATD_VERSION));
	value_put(out, "pid", value_int(getpid()));
	value_put(out, "node",
		value_str(arena_printf(op->arena, "%016" PRIx64, op->sv->incarnation)));
	value_put(out, "ready", value_bool(control->ready(control->server) != 0));
	value_put(
		out, "uptime", value_int((int64_t)(control->uptime_us(control->server) / 1000000)));
	value_put(out, "listen",
		value_str(arena_strdup(op->arena, control->listening(control->server))));
	value_put(out, "workers", value_int(op->sv->worker_count));
	/* The main thread is asked as well, but is none of those that serve clients. */
	value_put(out, "workersAnswered", value_int(state->answered > 0 ? state->answered - 1 : 0));
	value_put(out, "connections", value_int((int64_t)state->connections));
	put_store(op, out);
	return OP_DONE;
}

static const struct op_step status_steps[] = {
	{"store", ask_store, 0},
	{"workers", ask_workers, 0},
	{"report", report, 0},
	{0},
};

const struct op_def op_status = {
	.name = "status",
	.steps = status_steps,
	.state_size = sizeof(struct status),
	.needs = OP_OPERATOR_READ,
	.doc = "Show what the daemon is and holds.",
};

/* ---- settings ---- */

static int show_settings(struct op *op)
{
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_keys[i];
		struct arena *scratch = arena_create(0);
		struct buf value = {0};
		struct buf origin = {0};
		conf_value_text(op->sv->conf, key, &value);
		conf_origin_text(op->sv->conf, key, &origin);
		struct value item = value_object(scratch, 4);
		value_put(&item, "key",
			value_str(arena_printf(scratch, "%s.%s", key->section, key->key)));
		value_put(&item, "value", value_text(buf_bytes(&value)));
		value_put(&item, "origin", value_text(buf_bytes(&origin)));
		value_put(&item, "reloadable", value_bool(key->reloadable));
		op_emit(op, &item);
		buf_finish(&value);
		buf_finish(&origin);
		arena_destroy(&scratch);
	}
	return OP_DONE;
}

static const struct op_step settings_steps[] = {
	{"show", show_settings, 0},
	{0},
};

const struct op_def op_config_show = {
	.name = "config_show",
	.steps = settings_steps,
	.needs = OP_OPERATOR_READ,
	.doc = "Show the effective settings.",
};

/* ---- stop ---- */

static int stop(struct op *op)
{
	struct server_control *control = op->sv->control;
	control->stop(control->server);
	return OP_DONE;
}

static const struct op_step stop_steps[] = {
	{"stop", stop, 0},
	{0},
};

const struct op_def op_node_stop = {
	.name = "node_stop",
	.steps = stop_steps,
	.needs = OP_OPERATOR_WRITE,
	.doc = "Drain and end the daemon.",
};
