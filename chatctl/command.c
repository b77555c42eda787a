#include "chatctl/command.h"

#include <stdio.h>

#include "lib/base/err.h"
#include "lib/conf/nearest.h"
#include "lib/conf/units.h"

#define ARGS_MAX 32

/* Values of one argument, as they come. */
struct given {
	const char **texts;
	size_t count;
};

struct parser {
	struct invocation *invocation;
	struct failure *failure;
	int argc;
	char **argv;
	int at;
	bool help_words; /* after "help": words name what to explain */
	size_t positionals;
	struct given given[ARGS_MAX]; /* by place in the command's table */
};

static int usage(struct parser *parser, const char *what, const char *word, const char *nearest)
{
	const char *hint = nearest != NULL ? arena_printf(parser->invocation->arena,
						     "did you mean %s?", nearest)
					   : "see chatctl --help";
	const struct ctl_command *command = parser->invocation->command;
	const struct ctl_group *group = parser->invocation->group;
	if (nearest == NULL && (command != NULL || group != NULL)) {
		hint = arena_printf(parser->invocation->arena, "see chatctl %s --help",
			command != NULL ? command->name : group->name);
	}
	return failure_set(parser->failure, ERR_USAGE, hint, "%s%s", what, word);
}

static void give(struct parser *parser, const struct ctl_arg *arg, const char *text)
{
	struct given *given = &parser->given[arg - parser->invocation->command->args];
	if (given->texts == NULL) { /* never more than there are words */
		given->texts = arena_alloc(
			parser->invocation->arena, (size_t)parser->argc * sizeof(*given->texts));
	}
	given->texts[given->count++] = text;
}

static int unknown_option(struct parser *parser, struct bytes name)
{
	struct invocation *invocation = parser->invocation;
	struct nearest nearest;
	nearest_init(&nearest, name);
	if (invocation->command != NULL) {
		for (const struct ctl_arg *a = invocation->command->args; a->name != NULL; a++) {
			if (!a->positional) {
				nearest_offer(&nearest, a->name);
			}
		}
	}
	for (const struct option_def *def = option_defs; def->name != NULL; def++) {
		nearest_offer(&nearest, def->name);
	}
	const char *best =
		nearest.best != NULL ? arena_printf(invocation->arena, "--%s", nearest.best) : NULL;
	const char *word = arena_printf(invocation->arena, "--%.*s", BYTES_ARG(name));
	return usage(parser, "there is no option ", word, best);
}

/* The value behind "=", else the next word. */
static int take_value(
	struct parser *parser, const char *name, const char *inline_value, const char **ret_text)
{
	if (inline_value != NULL) {
		*ret_text = inline_value;
		return 0;
	}
	if (parser->at >= parser->argc) {
		return usage(parser, "a value is missing behind --", name, NULL);
	}
	*ret_text = parser->argv[parser->at++];
	return 0;
}

static int global_option(
	struct parser *parser, const struct option_def *def, const char *inline_value)
{
	const char *text = inline_value;
	if (def->value == OPTION_FLAG && inline_value != NULL) {
		return usage(parser, "no value is taken by --", def->name, NULL);
	}
	if (def->value == OPTION_VALUE) {
		int err = take_value(parser, def->name, inline_value, &text);
		if (err < 0) {
			return err;
		}
	}
	return option_set(&parser->invocation->options, def, text, parser->failure);
}

static int command_option(
	struct parser *parser, const struct ctl_arg *arg, const char *inline_value)
{
	const char *text = inline_value;
	if (arg->kind == CTL_ARG_FLAG) {
		if (inline_value != NULL) {
			return usage(parser, "no value is taken by --", arg->name, NULL);
		}
		text = "";
	} else {
		int err = take_value(parser, arg->name, inline_value, &text);
		if (err < 0) {
			return err;
		}
	}
	give(parser, arg, text);
	return 0;
}

static int long_option(struct parser *parser, const char *word)
{
	struct bytes value = bytes_str(word + 2);
	struct bytes name = bytes_split(&value, '=');
	const char *inline_value = value.ptr;
	const struct option_def *def = option_find(name, '\0');
	if (def != NULL) {
		return global_option(parser, def, inline_value);
	}
	const struct ctl_command *command = parser->invocation->command;
	const struct ctl_arg *arg =
		command != NULL
			? ctl_arg_find(command, arena_dup(parser->invocation->arena, name).ptr)
			: NULL;
	if (arg == NULL || arg->positional || arg->kind == CTL_ARG_INTERNAL) {
		return unknown_option(parser, name);
	}
	return command_option(parser, arg, inline_value);
}

static const struct ctl_arg *find_letter(const struct parser *parser, char letter)
{
	const struct ctl_command *command = parser->invocation->command;
	const struct ctl_arg *arg = command != NULL ? command->args : NULL;
	while (arg != NULL && arg->name != NULL && arg->letter != letter) {
		arg++;
	}
	return arg != NULL && arg->name != NULL ? arg : NULL;
}

/* "-q", "-qy", "-ojson", "-o json", "-n 3". */
static int short_options(struct parser *parser, const char *word)
{
	for (const char *p = word + 1; *p != '\0'; p++) {
		const struct option_def *def = option_find(BYTES_NONE, *p);
		const struct ctl_arg *arg = def == NULL ? find_letter(parser, *p) : NULL;
		if (def == NULL && arg == NULL) {
			return usage(parser, "there is no option ", word, NULL);
		}
		bool value = def != NULL ? def->value == OPTION_VALUE : arg->kind != CTL_ARG_FLAG;
		const char *rest = value && p[1] != '\0' ? p + 1 : NULL;
		int err = def != NULL ? global_option(parser, def, rest)
				      : command_option(parser, arg, rest);
		if (err < 0 || value) {
			return err;
		}
	}
	return 0;
}

/* The first word: a group, or a verb that stands alone. */
static int first_word(struct parser *parser, const char *word)
{
	struct invocation *invocation = parser->invocation;
	if (strcmp(word, "help") == 0 && !parser->help_words) {
		parser->help_words = true;
		invocation->options.help = true;
		return 0;
	}
	invocation->group = ctl_group_find(word);
	invocation->command = ctl_command_find(NULL, word);
	if (invocation->group != NULL || invocation->command != NULL) {
		return 0;
	}
	struct nearest nearest;
	nearest_init(&nearest, bytes_str(word));
	for (size_t i = 0; i < ctl_group_count; i++) {
		nearest_offer(&nearest, ctl_groups[i].name);
	}
	for (size_t i = 0; i < ctl_command_count(); i++) {
		if (ctl_command_at(i)->group == NULL) {
			nearest_offer(&nearest, ctl_command_at(i)->verb);
		}
	}
	return usage(parser, "there is no command ", word, nearest.best);
}

/* The second word: a verb of the group. */
static int second_word(struct parser *parser, const char *word)
{
	struct invocation *invocation = parser->invocation;
	const char *group = invocation->group->name;
	invocation->command = ctl_command_find(group, word);
	if (invocation->command != NULL) {
		return 0;
	}
	struct nearest nearest;
	nearest_init(&nearest, bytes_str(word));
	for (size_t i = 0; i < ctl_command_count(); i++) {
		const struct ctl_command *command = ctl_command_at(i);
		if (command->group != NULL && strcmp(command->group, group) == 0) {
			nearest_offer(&nearest, command->verb);
		}
	}
	const char *best = nearest.best != NULL ? arena_printf(invocation->arena, "chatctl %s %s",
							  group, nearest.best)
						: NULL;
	const char *what = arena_printf(invocation->arena, "there is no command %s ", group);
	return usage(parser, what, word, best);
}

static int positional(struct parser *parser, const char *word)
{
	const struct ctl_command *command = parser->invocation->command;
	size_t seen = 0;
	for (const struct ctl_arg *arg = command->args; arg->name != NULL; arg++) {
		if (arg->positional && seen++ == parser->positionals) {
			parser->positionals++;
			give(parser, arg, word);
			return 0;
		}
	}
	return usage(parser, "there is one argument too many: ", word, NULL);
}

static int one_word(struct parser *parser, const char *word)
{
	struct invocation *invocation = parser->invocation;
	if (invocation->command != NULL) {
		return positional(parser, word);
	}
	return invocation->group != NULL ? second_word(parser, word) : first_word(parser, word);
}

/* After a mistake: whether the failure shall be JSON may stand in words not yet read. */
static void find_format(struct parser *parser)
{
	struct failure ignored = {.arena = parser->invocation->arena};
	struct failure *told = parser->failure;
	parser->failure = &ignored;
	while (parser->at < parser->argc) {
		const char *word = parser->argv[parser->at++];
		if (strncmp(word, "-o", 2) == 0) {
			short_options(parser, word);
		} else if (strncmp(word, "--output", 8) == 0) {
			long_option(parser, word);
		}
	}
	parser->failure = told;
}

static int all_words(struct parser *parser)
{
	bool only_words = false;
	while (parser->at < parser->argc) {
		const char *word = parser->argv[parser->at++];
		int err = 0;
		if (!only_words && strcmp(word, "--") == 0) {
			only_words = true;
		} else if (!only_words && strncmp(word, "--", 2) == 0) {
			err = long_option(parser, word);
		} else if (!only_words && word[0] == '-' && word[1] != '\0') {
			err = short_options(parser, word);
		} else {
			err = one_word(parser, word);
		}
		if (err < 0) {
			find_format(parser);
			return err;
		}
	}
	return 0;
}

/* ---- texts to values ---- */

static int bad_value(struct parser *parser, const struct ctl_arg *arg, const char *allowed)
{
	return failure_set(parser->failure, ERR_USAGE,
		arena_printf(parser->invocation->arena, "see chatctl %s --help",
			parser->invocation->command->name),
		"%s%s must be %s", arg->positional ? "" : "--",
		arg->positional ? arg->placeholder : arg->name, allowed);
}

static int number_value(
	struct parser *parser, const struct ctl_arg *arg, const char *text, struct value *ret_value)
{
	struct arena *arena = parser->invocation->arena;
	long long n = 0;
	uint64_t us = 0;
	if (arg->kind == CTL_ARG_NUMBER) {
		if (bytes_to_i64(bytes_str(text), &n) < 0 || n < arg->min || n > arg->max) {
			return bad_value(parser, arg,
				arg->max == INT64_MAX
					? arena_printf(arena, "a whole number of at least %lld",
						  (long long)arg->min)
					: arena_printf(arena, "a whole number from %lld to %lld",
						  (long long)arg->min, (long long)arg->max));
		}
		*ret_value = value_int(n);
		return 0;
	}
	if (units_duration(bytes_str(text), &us) < 0 || (int64_t)(us / 1000) < arg->min ||
		(int64_t)(us / 1000) > arg->max) {
		struct buf range = {0};
		units_duration_text((uint64_t)arg->min * 1000, &range);
		buf_append_str(&range, " to ");
		units_duration_text((uint64_t)arg->max * 1000, &range);
		const char *allowed = arena_printf(
			arena, "a time such as 90s, 15m, 1h, 30d (%s)", buf_cstr(&range));
		buf_finish(&range);
		return bad_value(parser, arg, allowed);
	}
	*ret_value = value_int((int64_t)(us / 1000));
	return 0;
}

static int pairs_value(struct parser *parser, const struct ctl_arg *arg, const struct given *given,
	struct value *ret_value)
{
	struct arena *arena = parser->invocation->arena;
	*ret_value = value_object(arena, (uint32_t)given->count);
	for (size_t i = 0; i < given->count; i++) {
		struct bytes text = bytes_str(given->texts[i]);
		struct bytes name = bytes_split(&text, '=');
		if (name.len == 0 || text.ptr == NULL) {
			return bad_value(parser, arg, "NAME=VALUE");
		}
		const char *key = arena_dup(arena, name).ptr;
		if (value_get(ret_value, key) != NULL) {
			return bad_value(parser, arg, "given once for each name");
		}
		value_put(ret_value, key, value_text(text));
	}
	return 0;
}

static int arg_value(struct parser *parser, const struct ctl_arg *arg, const struct given *given,
	struct value *ret_value)
{
	if (given->count > 1 && !arg->repeatable && arg->kind != CTL_ARG_FLAG) {
		return bad_value(parser, arg, "given once only");
	}
	switch (arg->kind) {
	case CTL_ARG_FLAG:
		*ret_value = value_bool(true);
		return 0;
	case CTL_ARG_NUMBER:
	case CTL_ARG_DURATION:
		return number_value(parser, arg, given->texts[0], ret_value);
	case CTL_ARG_PAIR:
		return pairs_value(parser, arg, given, ret_value);
	case CTL_ARG_TEXT:
	case CTL_ARG_INPUT:
	case CTL_ARG_INTERNAL:
		break;
	}
	if (!arg->repeatable) {
		*ret_value = value_str(given->texts[0]);
		return 0;
	}
	*ret_value = value_array(parser->invocation->arena, (uint32_t)given->count);
	for (size_t i = 0; i < given->count; i++) {
		value_add(ret_value, value_str(given->texts[i]));
	}
	return 0;
}

static int missing_arg(struct parser *parser, const struct ctl_arg *arg)
{
	return arg->positional ? usage(parser, "an argument is missing: ", arg->placeholder, NULL)
			       : usage(parser, "an option is missing: --", arg->name, NULL);
}

static int build_args(struct parser *parser)
{
	struct invocation *invocation = parser->invocation;
	const struct ctl_command *command = invocation->command;
	invocation->args = value_object(invocation->arena, ARGS_MAX);
	for (size_t i = 0; command->args[i].name != NULL; i++) {
		const struct ctl_arg *arg = &command->args[i];
		struct value value;
		if (parser->given[i].count == 0) {
			if (arg->required && arg->kind != CTL_ARG_INPUT) {
				return missing_arg(parser, arg);
			}
			continue;
		}
		int err = arg_value(parser, arg, &parser->given[i], &value);
		if (err < 0) {
			return err;
		}
		value_put(&invocation->args, arg->name, value);
	}
	return 0;
}

static int check_args(struct parser *parser)
{
	struct invocation *invocation = parser->invocation;
	const char *why = NULL;
	for (const struct ctl_arg *arg = invocation->command->args; arg->name != NULL; arg++) {
		if (arg->kind == CTL_ARG_INPUT) {
			return 0; /* checked when it has been read */
		}
	}
	int err = ctl_args_check(invocation->arena, invocation->command, &invocation->args, &why);
	return err < 0 ? usage(parser, why, "", NULL) : 0;
}

/* A group needs a verb behind it, and chatctl a command. */
static int name_missing(struct parser *parser)
{
	struct invocation *invocation = parser->invocation;
	if (invocation->group == NULL) {
		return usage(parser, "no command was given", "", NULL);
	}
	return failure_set(parser->failure, ERR_USAGE,
		arena_printf(invocation->arena, "see chatctl %s --help", invocation->group->name),
		"%s needs a verb behind it", invocation->group->name);
}

int command_parse(struct invocation *invocation, struct arena *arena, int argc, char **argv,
	struct failure *failure)
{
	*invocation = (struct invocation){.arena = arena};
	options_init(&invocation->options);
	struct parser parser = {
		.invocation = invocation, .failure = failure, .argc = argc, .argv = argv};
	int err = all_words(&parser);
	if (err < 0 || invocation->options.help || invocation->options.version) {
		return err;
	}
	if (invocation->command == NULL) {
		return name_missing(&parser);
	}
	err = build_args(&parser);
	return err < 0 ? err : check_args(&parser);
}
