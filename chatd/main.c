/* chatd: the program. Options, settings, and off. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "chatd/run/server.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"
#include "lib/conf/load.h"

#define EXIT_USAGE 2
#define EXIT_CONFIG 78

static const char usage[] =
	"Usage: chatd [--config FILE] [--check]\n"
	"A chat server that any SignalR client talks to. It runs in the foreground and logs to\n"
	"stderr; when it serves, it logs a line with 'ready' and its addresses.\n"
	"\n"
	"  -c, --config FILE  Settings (else $CHATD_CONFIG, else /etc/chatd/chatd.conf,\n"
	"                     where it is there)\n"
	"      --check        Say what is wrong with the settings, and end\n"
	"      --version      Print the version, and end\n"
	"      --help         Print this, and end\n"
	"\n"
	"Each setting is also an environment variable CHATD_SECTION_KEY, which wins over the\n"
	"file. 'chatctl config defaults' prints them all with what they do.\n"
	"Signals: TERM and INT drain and end, HUP reads the settings again.\n"
	"Exit status: 0, 1 where something failed, 2 for a wrong option, 78 where the settings,\n"
	"a key or the database are at fault.\n";

struct options {
	const char *config;
	bool check;
};

enum { OPTION_CHECK = 256, OPTION_VERSION, OPTION_HELP };

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"check", no_argument, NULL, OPTION_CHECK},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, OPTION_HELP},
	{0},
};

/* -1: go on; else the exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
	int option;
	while ((option = getopt_long(argc, argv, "c:", long_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->config = optarg;
			break;
		case OPTION_CHECK:
			options->check = true;
			break;
		case OPTION_VERSION:
			puts("chatd " CHATD_VERSION);
			return 0;
		case OPTION_HELP:
			fputs(usage, stdout);
			return 0;
		default:
			fputs("Try 'chatd --help'.\n", stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "chatd: unexpected argument '%s'. Try 'chatd --help'.\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}

static void print_problems(const struct conf_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		fprintf(stderr, "chatd: %s%s\n", report->problems[i].warning ? "warning: " : "",
			report->problems[i].text);
	}
}

int main(int argc, char **argv)
{
	struct options options = {0};
	int code = read_options(argc, argv, &options);
	if (code >= 0) {
		return code;
	}
	struct conf_load_params load = {.path = options.config, .environment = environ};
	struct conf_report problems = {0};
	struct conf *conf = NULL;
	int err = conf_load(&load, &conf, &problems);
	print_problems(&problems);
	conf_report_finish(&problems);
	if (err != 0) {
		return EXIT_CONFIG;
	}
	if (options.check) {
		puts("The settings are good.");
	} else {
		struct server_params params = {
			.config_path = options.config,
			.environment = environ,
		};
		code = server_run(&params, conf);
	}
	conf_unref(&conf);
	return options.check ? 0 : code;
}
