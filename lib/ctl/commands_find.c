/* Looking up rows of the table of control commands. */
#include "lib/ctl/commands_tables.h"

size_t ctl_command_count(void)
{
	return ctl_main_count + ctl_db_count;
}

const struct ctl_command *ctl_command_at(size_t place)
{
	return place < ctl_main_count ? &ctl_main_commands[place]
				      : &ctl_db_commands[place - ctl_main_count];
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

const struct ctl_command *ctl_command_find(const char *group, const char *verb)
{
	for (size_t i = 0; i < ctl_command_count(); i++) {
		const struct ctl_command *command = ctl_command_at(i);
		if (same_text(command->group, group) && same_text(command->verb, verb)) {
			return command;
		}
	}
	return NULL;
}

const struct ctl_command *ctl_command_named(struct bytes name)
{
	for (size_t i = 0; i < ctl_command_count(); i++) {
		const struct ctl_command *command = ctl_command_at(i);
		if (bytes_eq(bytes_str(command->name), name)) {
			return command;
		}
	}
	return NULL;
}

const struct ctl_group *ctl_group_find(const char *name)
{
	for (size_t i = 0; i < ctl_group_count; i++) {
		if (same_text(ctl_groups[i].name, name)) {
			return &ctl_groups[i];
		}
	}
	return NULL;
}

const struct ctl_arg *ctl_arg_find(const struct ctl_command *command, const char *name)
{
	for (const struct ctl_arg *arg = command->args; arg->name != NULL; arg++) {
		if (same_text(arg->name, name)) {
			return arg;
		}
	}
	return NULL;
}
