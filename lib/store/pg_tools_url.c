/* The way to a database, as environment variables and a connection string. */
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/store/pg_tools.h"

/* https://www.postgresql.org/docs/current/libpq-envars.html */
static const struct {
	const char *keyword, *variable;
} variables[] = {
	{"host", "PGHOST"},
	{"hostaddr", "PGHOSTADDR"},
	{"port", "PGPORT"},
	{"dbname", "PGDATABASE"},
	{"user", "PGUSER"},
	{"password", "PGPASSWORD"},
	{"passfile", "PGPASSFILE"},
	{"channel_binding", "PGCHANNELBINDING"},
	{"service", "PGSERVICE"},
	{"options", "PGOPTIONS"},
	{"sslmode", "PGSSLMODE"},
	{"sslcompression", "PGSSLCOMPRESSION"},
	{"sslcert", "PGSSLCERT"},
	{"sslkey", "PGSSLKEY"},
	{"sslrootcert", "PGSSLROOTCERT"},
	{"sslcrl", "PGSSLCRL"},
	{"sslcrldir", "PGSSLCRLDIR"},
	{"sslsni", "PGSSLSNI"},
	{"ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"},
	{"ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"},
	{"requirepeer", "PGREQUIREPEER"},
	{"gssencmode", "PGGSSENCMODE"},
	{"krbsrvname", "PGKRBSRVNAME"},
	{"gsslib", "PGGSSLIB"},
	{"connect_timeout", "PGCONNECT_TIMEOUT"},
	{"target_session_attrs", "PGTARGETSESSIONATTRS"},
};

/* Whatever the URL and the user's surroundings say. */
static const char *const fixed[] = {
	"PGAPPNAME=chatctl", "PGCLIENTENCODING=UTF8", "LC_ALL=C.UTF-8", /* their texts are read */
};

static bool is_own(const char *keyword)
{
	return strcmp(keyword, "application_name") == 0 ||
	       strcmp(keyword, "fallback_application_name") == 0 ||
	       strcmp(keyword, "client_encoding") == 0;
}

/* NULL: there is none for it. */
static const char *find_variable(const char *keyword)
{
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		if (strcmp(variables[i].keyword, keyword) == 0) {
			return variables[i].variable;
		}
	}
	return NULL;
}

/* Replaces what is there under that name. Takes the text, "NAME=VALUE". */
static void set(char **environment, size_t *count, char *text)
{
	size_t name = strcspn(text, "=") + 1;

	for (size_t i = 0; i < *count; i++) {
		if (strncmp(environment[i], text, name) == 0) {
			mem_wipe(environment[i], strlen(environment[i]));
			free(environment[i]);
			environment[i] = text;
			return;
		}
	}
	environment[(*count)++] = text;
}

static char *assignment(const char *name, const char *value)
{
	size_t size = strlen(name) + strlen(value) + 2;
	char *text = mem_alloc(size);

	memcpy(text, name, strlen(name));
	text[strlen(name)] = '=';
	memcpy(text + strlen(name) + 1, value, strlen(value) + 1);
	return text;
}

/* keyword='value', as libpq reads it. */
static void append_pair(struct buf *target, const char *keyword, const char *value)
{
	buf_printf(target, "%s%s='", target->len > 0 ? " " : "", keyword);
	for (const char *c = value; *c != '\0'; c++) {
		if (*c == '\'' || *c == '\\') {
			buf_append_char(target, '\\');
		}
		buf_append_char(target, *c);
	}
	buf_append_char(target, '\'');
}

static size_t own_environment(char ***ret_list, size_t more)
{
	size_t count = 0;

	while (environ[count] != NULL) {
		count++;
	}
	char **list = mem_zalloc((count + more + 1) * sizeof(*list));
	for (size_t i = 0; i < count; i++) {
		list[i] = mem_strdup(environ[i]);
	}
	*ret_list = list;
	return count;
}

int pg_tools_use_url(struct pg_tools *tools, const struct pg_url *url, struct buf *why)
{
	size_t fixed_count = sizeof(fixed) / sizeof(fixed[0]);
	size_t count = own_environment(&tools->environment, url->count + fixed_count);
	struct buf target;

	buf_init(&target);
	for (size_t i = 0; i < url->count; i++) {
		const char *keyword = url->keywords[i];
		const char *variable = find_variable(keyword);
		if (strcmp(keyword, "sslpassword") == 0) {
			buf_append_str(why,
				"the password of a TLS key (sslpassword) cannot be given "
				"to PostgreSQL's programs without others seeing it; use a "
				"key without one, in a file that only you can read");
			buf_finish(&target);
			return ERR_CONFIG;
		}
		if (variable != NULL) {
			set(tools->environment, &count, assignment(variable, url->values[i]));
		} else if (!is_own(keyword)) {
			append_pair(&target, keyword, url->values[i]);
		}
	}
	for (size_t i = 0; i < fixed_count; i++) {
		set(tools->environment, &count, mem_strdup(fixed[i]));
	}
	if (target.len > 0) {
		tools->target = mem_strdup(buf_cstr(&target));
	}
	buf_finish(&target);
	return 0;
}
