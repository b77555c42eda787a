#include "chatd/control/audit.h"

#include "lib/base/err.h"

/* Arguments that name what a command is about. */
static bool is_name(const struct ctl_arg *arg)
{
	static const char *const names[] = {
		"room", "user", "connection", "level", "role", "name", "alias", "owner", "for"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(arg->name, names[i]) == 0) {
			return arg->kind == CTL_ARG_TEXT || arg->kind == CTL_ARG_DURATION;
		}
	}
	return false;
}

static void append_value(struct buf *out, const char *name, const struct value *value)
{
	const char *blank = out->len > 0 ? " " : "";
	if (value->kind == VALUE_TEXT) {
		buf_printf(out, "%s%s=%.*s", blank, name, BYTES_ARG(value->text));
	} else if (value->kind == VALUE_INT) {
		buf_printf(out, "%s%s=%lldms", blank, name, (long long)value->integer);
	}
}

void audit_about(
	const struct ctl_command *command, const struct value *args, char out[AUDIT_ABOUT_SIZE])
{
	struct buf text = {0};
	for (const struct ctl_arg *arg = command->args; arg->name != NULL; arg++) {
		const struct value *value = is_name(arg) ? value_get(args, arg->name) : NULL;
		if (value != NULL) {
			append_value(&text, arg->name, value);
		}
	}
	size_t len = text.len < AUDIT_ABOUT_SIZE - 1 ? text.len : AUDIT_ABOUT_SIZE - 1;
	memcpy(out, buf_cstr(&text), len);
	out[len] = '\0';
	buf_finish(&text);
}

void audit_done(const struct peer *peer, uint64_t call, const struct ctl_command *command,
	const char *about, int err)
{
	if (!command->read_only) {
		log_on_record("control", LOG_STR("command", command->name), LOG_STR("about", about),
			LOG_INT("call", call), LOG_INT("uid", peer->uid), LOG_INT("pid", peer->pid),
			LOG_STR("result", err != 0 ? err_code(err) : "ok"));
	}
}

void audit_refused(struct log_rate *rate, uint64_t now_us, const struct peer *peer, uint64_t call,
	struct bytes name, int err)
{
	uint64_t more;
	if (log_rate_allows(rate, now_us, &more)) {
		log_event(LOG_INFO, "control refused", LOG_BYTES("command", name),
			LOG_INT("call", call), LOG_INT("uid", peer->uid), LOG_INT("pid", peer->pid),
			LOG_STR("result", err_code(err)), LOG_INT("more", more));
	}
}
