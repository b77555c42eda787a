/* Prints the table of control commands as JSON, so that a test can walk all there is to try. */
#include <stdio.h>

#include "lib/base/arena.h"
#include "lib/ctl/commands.h"
#include "lib/value/json.h"

static struct value text_or_null(const char *text)
{
	return text != NULL ? value_str(text) : value_null;
}

static struct value render_choices(struct arena *arena, const char *const *choices)
{
	uint32_t count = 0;
	while (choices != NULL && choices[count] != NULL) {
		count++;
	}
	struct value out = value_array(arena, count);
	for (uint32_t i = 0; i < count; i++) {
		value_add(&out, value_str(choices[i]));
	}
	return count > 0 ? out : value_null;
}

/* Numbers as texts: JavaScript's own end at 2^53. */
static struct value render_number(struct arena *arena, int64_t n)
{
	return value_str(arena_printf(arena, "%lld", (long long)n));
}

static struct value render_arg(struct arena *arena, const struct ctl_arg *arg)
{
	static const char *const kinds[] = {
		[CTL_ARG_TEXT] = "text",
		[CTL_ARG_NUMBER] = "number",
		[CTL_ARG_FLAG] = "flag",
		[CTL_ARG_DURATION] = "duration",
		[CTL_ARG_PAIR] = "pair",
		[CTL_ARG_INPUT] = "input",
		[CTL_ARG_INTERNAL] = "internal",
	};
	struct value out = value_object(arena, 12);
	value_put(&out, "name", value_str(arg->name));
	value_put(&out, "letter",
		arg->letter != 0 ? value_str(arena_printf(arena, "%c", arg->letter)) : value_null);
	value_put(&out, "kind", value_str(kinds[arg->kind]));
	value_put(&out, "positional", value_bool(arg->positional));
	value_put(&out, "required", value_bool(arg->required));
	value_put(&out, "repeatable", value_bool(arg->repeatable));
	value_put(&out, "min", render_number(arena, arg->min));
	value_put(&out, "max", render_number(arena, arg->max));
	value_put(&out, "placeholder", text_or_null(arg->placeholder));
	value_put(&out, "excludes", text_or_null(arg->excludes));
	value_put(&out, "choices", render_choices(arena, arg->choices));
	return out;
}

static struct value render_args(struct arena *arena, const struct ctl_arg *args)
{
	struct value out = value_array(arena, 32);
	for (; args->name != NULL; args++) {
		value_add(&out, render_arg(arena, args));
	}
	return out;
}

static struct value render_columns(struct arena *arena, const struct ctl_column *columns)
{
	struct value out = value_array(arena, 64);
	for (; columns->name != NULL; columns++) {
		struct value column = value_object(arena, 2);
		value_put(&column, "name", value_str(columns->name));
		value_put(&column, "extra", value_bool(columns->extra));
		value_add(&out, column);
	}
	return out;
}

static struct value render_command(struct arena *arena, const struct ctl_command *command)
{
	static const char *const places[] = {
		[CTL_DAEMON] = "daemon",
		[CTL_LOCAL] = "local",
		[CTL_EITHER] = "either",
	};
	struct value out = value_object(arena, 12);
	value_put(&out, "group", text_or_null(command->group));
	value_put(&out, "verb", value_str(command->verb));
	value_put(&out, "name", value_str(command->name));
	value_put(&out, "place", value_str(places[command->place]));
	value_put(&out, "readOnly", value_bool(command->read_only));
	value_put(&out, "list", value_bool(command->list));
	value_put(&out, "streaming", value_bool(command->streaming));
	value_put(&out, "quiet", text_or_null(command->quiet));
	value_put(&out, "bare", value_bool(command->bare));
	value_put(&out, "destroys", text_or_null(command->destroys));
	value_put(&out, "args", render_args(arena, command->args));
	value_put(&out, "columns", render_columns(arena, command->columns));
	return out;
}

int main(void)
{
	struct arena *arena = arena_create(65536);
	struct value all = value_array(arena, (uint32_t)ctl_command_count());
	for (size_t i = 0; i < ctl_command_count(); i++) {
		value_add(&all, render_command(arena, ctl_command_at(i)));
	}
	struct buf out = {0};
	json_write(&out, &all);
	puts(buf_cstr(&out));
	buf_finish(&out);
	arena_destroy(&arena);
	return 0;
}
