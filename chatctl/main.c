/* chatctl: the operator's hand on chatd. */
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "chatctl/cmd.h"
#include "chatctl/confirm.h"
#include "chatctl/help.h"
#include "lib/base/err.h"

struct local_command {
	const char *name;
	int (*run)(struct cmd *cmd);
};

/* What is not simply asked of the daemon. */
static const struct local_command local_commands[] = {
	{"ping", cmd_ping},
	{"chat", cmd_chat},
	{"history import", cmd_history_import},
	{"history replay", cmd_history_replay},
	{"node drain", cmd_node_drain},
	{"config check", cmd_config_check},
	{"config show", cmd_config_show},
	{"config defaults", cmd_config_defaults},
	{"db status", cmd_db_status},
	{"db migrate", cmd_db_migrate},
	{"db plan", cmd_db_plan},
	{"db new-epoch", cmd_db_new_epoch},
	{"db backup", cmd_db_backup},
	{"db restore", cmd_db_restore},
	{"db verify", cmd_db_verify},
	{"check live", cmd_check_live},
	{"check ready", cmd_check_ready},
	{"check database", cmd_check_database},
};

static int run_command(struct cmd *cmd)
{
	const char *name = cmd->invocation->command->name;
	for (size_t i = 0; i < sizeof(local_commands) / sizeof(local_commands[0]); i++) {
		if (strcmp(local_commands[i].name, name) == 0) {
			return local_commands[i].run(cmd);
		}
	}
	return cmd_remote(cmd);
}

/* Explanations and the version: text for people, whatever the format. */
static int print_text(struct buf *text, struct failure *failure)
{
	size_t written = fwrite(text->data, 1, text->len, stdout);
	bool good = (written == text->len && fflush(stdout) == 0) || errno == EPIPE;
	buf_finish(text);
	if (!good) {
		failure_set(
			failure, ERR_SYSTEM, NULL, "cannot write the output: %s", strerror(errno));
		failure_print(failure);
	}
	return failure->exit;
}

/* Monitoring takes 2 for critical, and 1 for a warning: what went wrong with the question is
 * neither. */
static void use_plugin_code(const struct invocation *invocation, struct failure *failure)
{
	if (invocation->group != NULL && strcmp(invocation->group->name, "check") == 0) {
		failure->exit = CMD_CHECK_UNKNOWN;
	}
}

/* Ends the output and tells what failed; answers the exit code. */
static int conclude(
	const struct invocation *invocation, struct output *output, struct failure *failure)
{
	int code = failure->exit;
	bool told = failure->told;
	if (code != 0 && !told) {
		failure_print(failure);
	}
	int err = output_finish(output);
	if (err == ERR_SYSTEM && (code == 0 || told)) {
		use_plugin_code(invocation, failure);
		failure_print(failure);
		code = failure->exit;
	}
	return code;
}

/* Failures before there is a command's output. */
static int conclude_early(const struct invocation *invocation, struct failure *failure)
{
	struct output *output = NULL;
	output_create(&output, &invocation->options, NULL, stdout, failure);
	int code = conclude(invocation, output, failure);
	output_destroy(&output);
	return code;
}

/* Whoever is told that the command line is wrong is told where to look. */
static void use_hint(const struct invocation *invocation, struct failure *failure)
{
	if (failure->code == NULL || failure->hint != NULL ||
		err_from_code(failure->code) != ERR_USAGE) {
		return;
	}
	failure->hint = invocation->command != NULL
				? arena_printf(failure->arena, "see chatctl %s --help",
					  invocation->command->name)
				: "see chatctl --help";
}

static int run_invocation(struct invocation *invocation, struct failure *failure)
{
	struct cmd cmd = {.invocation = invocation, .failure = failure};
	int err = output_create(
		&cmd.output, &invocation->options, invocation->command, stdout, failure);
	if (err < 0) {
		use_plugin_code(invocation, failure);
		use_hint(invocation, failure);
		return conclude_early(invocation, failure);
	}
	err = confirm_command(invocation, failure);
	if (err == 0) {
		err = command_read_input(invocation, failure);
	}
	if (err == 0) {
		err = run_command(&cmd);
	}
	if (err < 0 && failure->exit != 0) {
		use_plugin_code(invocation, failure);
		use_hint(invocation, failure);
	}
	/* ERR_CLOSED without a failure: nobody reads the output any more, which is no error. */
	int code = err < 0 && failure->exit == 0 ? EXIT_SUCCESS
						 : conclude(invocation, cmd.output, failure);
	output_destroy(&cmd.output);
	return code;
}

static int run(struct arena *arena, int argc, char **argv)
{
	struct failure failure = {.arena = arena};
	struct invocation invocation;
	struct buf text = {0};
	int err = command_parse(&invocation, arena, argc, argv, &failure);
	if (err < 0) {
		use_plugin_code(&invocation, &failure);
		use_hint(&invocation, &failure);
		return conclude_early(&invocation, &failure);
	}
	if (invocation.options.version) {
		buf_append_str(&text, "chatctl " CHATD_VERSION "\n");
		return print_text(&text, &failure);
	}
	if (invocation.options.help) {
		help_write(&invocation, &text);
		return print_text(&text, &failure);
	}
	return run_invocation(&invocation, &failure);
}

/* Tables count columns of characters: without a locale they take the text for UTF-8. */
static void set_locale(void)
{
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
		setlocale(LC_CTYPE, "C.UTF-8");
	}
}

/* A stream that is closed must not give its number to a socket, which would get what is printed.
 * Reading from it is at the end at once, writing to it is an error. */
static void fill_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0) {
			return;
		}
	}
}

int main(int argc, char **argv)
{
	fill_streams();
	set_locale();
	signal(SIGPIPE, SIG_IGN);
	struct arena *arena = arena_create(8192);
	int code = run(arena, argc > 0 ? argc - 1 : 0, argv + 1);
	arena_destroy(&arena);
	return code;
}
