/* Checking and reading the args of a request. */
#include "lib/ctl/commands.h"

#include "lib/base/err.h"
#include "lib/base/utf8.h"

#define TEXT_MAX 4096
#define REPEAT_MAX 1000

static const char *list_choices(struct arena *arena, const struct ctl_arg *arg)
{
	const char *text = arg->choices[0];
	for (size_t i = 1; arg->choices[i] != NULL; i++) {
		text = arena_printf(arena, "%s%s%s", text,
			arg->choices[i + 1] == NULL ? " or " : ", ", arg->choices[i]);
	}
	return text;
}

static int refuse_range(struct arena *arena, const struct ctl_arg *arg, const char **ret_why)
{
	long long min = arg->min;
	long long max = arg->max;
	long long text_max = arg->max != 0 ? arg->max : TEXT_MAX;
	if (arg->kind == CTL_ARG_FLAG) {
		*ret_why = arena_printf(arena, "%s must be true or false", arg->name);
	} else if (arg->kind == CTL_ARG_PAIR) {
		*ret_why = arena_printf(arena,
			"%s must be an object of 1 to %d texts without control characters",
			arg->name, REPEAT_MAX);
	} else if (arg->kind == CTL_ARG_NUMBER || arg->kind == CTL_ARG_DURATION) {
		*ret_why = arena_printf(arena, "%s must be a %s from %lld to %lld", arg->name,
			arg->kind == CTL_ARG_NUMBER ? "whole number" : "time in milliseconds", min,
			max);
	} else if (arg->choices != NULL) {
		*ret_why =
			arena_printf(arena, "%s must be %s", arg->name, list_choices(arena, arg));
	} else if (arg->repeatable) {
		*ret_why = arena_printf(arena,
			"%s must be a list of 1 to %d texts of %lld to %lld bytes of UTF-8 without "
			"control characters",
			arg->name, REPEAT_MAX, min, text_max);
	} else {
		*ret_why = arena_printf(arena,
			"%s must be %lld to %lld bytes of UTF-8 without control characters",
			arg->name, min, text_max);
	}
	return ERR_USAGE;
}

static bool is_choice(const struct ctl_arg *arg, struct bytes text)
{
	if (arg->choices == NULL) {
		return true;
	}
	for (size_t i = 0; arg->choices[i] != NULL; i++) {
		if (bytes_eq_nocase(bytes_str(arg->choices[i]), text)) {
			return true;
		}
	}
	return false;
}

static bool text_fits(const struct ctl_arg *arg, const struct value *value)
{
	size_t max = (size_t)(arg->max != 0 ? arg->max : TEXT_MAX);
	return value->kind == VALUE_TEXT && !value->bad_text &&
	       value->text.len >= (size_t)arg->min && value->text.len <= max &&
	       utf8_plain(value->text) && is_choice(arg, value->text);
}

static bool pairs_fit(const struct ctl_arg *arg, const struct value *value)
{
	if (value->kind != VALUE_OBJECT || value->count == 0 || value->count > REPEAT_MAX) {
		return false;
	}
	for (uint32_t i = 0; i < value->count; i++) {
		const struct value_member *member = &value->members[i];
		const struct value name = value_text(member->name);
		const struct value *text = &member->value;
		if (!text_fits(arg, &name) || text->kind != VALUE_TEXT || text->bad_text ||
			text->text.len > TEXT_MAX || !utf8_plain(text->text)) {
			return false;
		}
	}
	return true;
}

static bool list_fits(const struct ctl_arg *arg, const struct value *value)
{
	if (value->kind != VALUE_ARRAY || value->count == 0 || value->count > REPEAT_MAX) {
		return false;
	}
	for (uint32_t i = 0; i < value->count; i++) {
		if (!text_fits(arg, &value->items[i])) {
			return false;
		}
	}
	return true;
}

static bool arg_fits(const struct ctl_arg *arg, const struct value *value)
{
	switch (arg->kind) {
	case CTL_ARG_FLAG:
		return value->kind == VALUE_BOOL;
	case CTL_ARG_NUMBER:
	case CTL_ARG_DURATION:
		return value->kind == VALUE_INT && value->integer >= arg->min &&
		       value->integer <= arg->max;
	case CTL_ARG_PAIR:
		return pairs_fit(arg, value);
	case CTL_ARG_TEXT:
	case CTL_ARG_INPUT:
		return arg->repeatable ? list_fits(arg, value) : text_fits(arg, value);
	case CTL_ARG_INTERNAL:
		return true;
	}
	return false;
}

/* Every member that came is known and well-formed. */
static int check_known(struct arena *arena, const struct ctl_command *command,
	const struct value *args, const char **ret_why)
{
	for (uint32_t i = 0; i < args->count; i++) {
		const struct value_member *member = &args->members[i];
		const char *name = arena_dup(arena, member->name).ptr;
		/* A name with a NUL inside is none of ours. */
		const struct ctl_arg *arg =
			strlen(name) == member->name.len ? ctl_arg_find(command, name) : NULL;
		if (arg == NULL) {
			*ret_why = arena_printf(
				arena, "%s has no argument of that name", command->name);
			return ERR_USAGE;
		}
		if (!arg_fits(arg, &member->value)) {
			return refuse_range(arena, arg, ret_why);
		}
	}
	return 0;
}

int ctl_args_check(struct arena *arena, const struct ctl_command *command, const struct value *args,
	const char **ret_why)
{
	if (args->kind != VALUE_OBJECT) {
		*ret_why = "args must be an object";
		return ERR_USAGE;
	}
	int err = check_known(arena, command, args, ret_why);
	if (err < 0) {
		return err;
	}
	for (const struct ctl_arg *arg = command->args; arg->name != NULL; arg++) {
		bool given = value_get(args, arg->name) != NULL;
		if (arg->required && !given) {
			*ret_why = arena_printf(arena, "%s is missing", arg->name);
			return ERR_USAGE;
		}
		if (given && arg->excludes != NULL && value_get(args, arg->excludes) != NULL) {
			*ret_why = arena_printf(arena, "%s and %s cannot be given together",
				arg->name, arg->excludes);
			return ERR_USAGE;
		}
	}
	return 0;
}

struct bytes ctl_args_text(const struct value *args, const char *name)
{
	const struct value *value = value_get(args, name);
	return value != NULL && value->kind == VALUE_TEXT ? value->text : BYTES_NONE;
}

int64_t ctl_args_number(const struct value *args, const char *name, int64_t otherwise)
{
	const struct value *value = value_get(args, name);
	return value != NULL && value->kind == VALUE_INT ? value->integer : otherwise;
}

bool ctl_args_flag(const struct value *args, const char *name)
{
	const struct value *value = value_get(args, name);
	return value != NULL && value->kind == VALUE_BOOL && value->boolean;
}
