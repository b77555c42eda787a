#include "lib/store/pg_url_private.h"

#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/conf/nearest.h"

enum { SHOWN_MAX = 40 }; /* bytes of a keyword or a value that a sentence repeats */

bool pg_url_is(struct bytes url)
{
	return pg_uri_is(url) || pg_npgsql_is(url);
}

/* ---- keywords and values ---- */

static char **find(const struct pg_url *url, const char *keyword)
{
	for (size_t i = 0; i < url->count; i++) {
		if (strcmp(url->keywords[i], keyword) == 0) {
			return &url->values[i];
		}
	}
	return NULL;
}

static void wipe(char *text)
{
	mem_wipe(text, strlen(text));
	free(text);
}

void pg_url_set(struct pg_url *url, const char *keyword, struct bytes value)
{
	char **place = find(url, keyword);
	if (place != NULL) {
		wipe(*place);
		*place = mem_dup_bytes(value);
		return;
	}
	url->keywords = mem_realloc(url->keywords, (url->count + 2) * sizeof(char *));
	url->values = mem_realloc(url->values, (url->count + 2) * sizeof(char *));
	url->keywords[url->count] = mem_strdup(keyword);
	url->values[url->count] = mem_dup_bytes(value);
	url->count++;
	url->keywords[url->count] = url->values[url->count] = NULL;
}

const char *pg_url_get(const struct pg_url *url, const char *keyword)
{
	char **place = find(url, keyword);
	return place != NULL && (*place)[0] != '\0' ? *place : NULL;
}

void pg_url_finish(struct pg_url *url)
{
	for (size_t i = 0; i < url->count; i++) {
		free(url->keywords[i]);
		wipe(url->values[i]);
	}
	free(url->keywords);
	free(url->values);
	free(url->place);
	*url = (struct pg_url){0};
}

static struct bytes shown(struct bytes text)
{
	return bytes_of(text.ptr, text.len < SHOWN_MAX ? text.len : SHOWN_MAX);
}

/* ---- what is checked in both forms ---- */

struct known {
	struct nearest nearest;
	bool found;
};

static void on_known(void *ctx, const char *keyword)
{
	struct known *known = ctx;
	known->found = known->found || bytes_eq(known->nearest.wrong, bytes_str(keyword));
	nearest_offer(&known->nearest, keyword);
}

static int check_keywords(const struct pg_url *url, struct buf *why)
{
	for (size_t i = 0; i < url->count; i++) {
		struct known known = {0};
		struct bytes keyword = bytes_str(url->keywords[i]);
		bool behind_password = i > 0 && strstr(url->keywords[i - 1], "password") != NULL;
		nearest_init(&known.nearest, keyword);
		pg_url_known(on_known, &known);
		if (known.found) {
			continue;
		}
		if (known.nearest.best == NULL && behind_password) {
			buf_append_str(why, "behind the password there is a keyword that does not "
					    "exist (in a URL %26 is '&')");
		} else {
			buf_printf(why, "there is no keyword \"%.*s\"%s%s%s",
				BYTES_ARG(shown(keyword)),
				known.nearest.best != NULL ? " (did you mean \"" : "",
				known.nearest.best != NULL ? known.nearest.best : "",
				known.nearest.best != NULL ? "\"?)" : "");
		}
		return ERR_CONFIG;
	}
	return 0;
}

static bool is_one_of(const char *value, const char *const *allowed)
{
	while (*allowed != NULL && strcmp(*allowed, value) != 0) {
		allowed++;
	}
	return *allowed != NULL;
}

static size_t count_items(const char *list)
{
	size_t n = list != NULL ? 1 : 0;
	for (; list != NULL && *list != '\0'; list++) {
		n += *list == ',';
	}
	return n;
}

static int refuse(struct buf *why, const char *keyword, const char *value, const char *allowed)
{
	buf_printf(why, "%s: \"%.*s\" is not good (allowed: %s)", keyword,
		BYTES_ARG(shown(bytes_str(value))), allowed);
	return ERR_CONFIG;
}

static int check_ports(const char *list, struct buf *why)
{
	struct bytes rest = bytes_str(list);
	while (rest.len > 0) {
		unsigned long long port = 0;
		struct bytes item = bytes_split(&rest, ',');
		if (item.len > 0 && (bytes_to_u64(item, &port) != 0 || port < 1 || port > 65535)) {
			return refuse(why, "port", list, "1 to 65535, or one for each host");
		}
	}
	return 0;
}

/* 0: libpq's default. */
static size_t count_hosts(const struct pg_url *url)
{
	const char *host = pg_url_get(url, "host");
	return count_items(host != NULL ? host : pg_url_get(url, "hostaddr"));
}

/* One of an abstract socket begins with it. */
static bool has_at(const char *hosts)
{
	for (const char *at = strchr(hosts, '@'); at != NULL; at = strchr(at + 1, '@')) {
		if (at > hosts && at[-1] != ',') {
			return true;
		}
	}
	return false;
}

static int check_hosts(const struct pg_url *url, struct buf *why)
{
	const char *host = pg_url_get(url, "host"), *address = pg_url_get(url, "hostaddr");
	const char *port = pg_url_get(url, "port");
	size_t hosts = count_hosts(url);
	if (host != NULL && has_at(host)) { /* it may be a part of a password */
		buf_append_str(why, "host: no host has an '@' (in the user and the password of a "
				    "URL %40 is '@')");
		return ERR_CONFIG;
	}
	if (host != NULL && strpbrk(host, " \t=") != NULL) {
		return refuse(why, "host", host,
			"names, addresses and directories, without blanks and '='");
	}
	if (host != NULL && address != NULL && count_items(address) != hosts) {
		buf_append_str(why, "hostaddr: there must be as many as hosts");
		return ERR_CONFIG;
	}
	if (count_items(port) > 1 && count_items(port) != hosts) {
		buf_append_str(why, "port: there must be one, or as many as hosts");
		return ERR_CONFIG;
	}
	return port != NULL ? check_ports(port, why) : 0;
}

static int check_values(const struct pg_url *url, struct buf *why)
{
	static const char *const modes[] = {
		"disable", "allow", "prefer", "require", "verify-ca", "verify-full", NULL};
	static const char *const attributes[] = {"any", "read-write", "primary", NULL};
	const char *mode = pg_url_get(url, "sslmode");
	const char *attribute = pg_url_get(url, "target_session_attrs");
	const char *encoding = pg_url_get(url, "client_encoding");
	if (mode != NULL && !is_one_of(mode, modes)) {
		return refuse(why, "sslmode", mode,
			"disable, allow, prefer, require, verify-ca or verify-full");
	}
	if (attribute != NULL && !is_one_of(attribute, attributes)) {
		return refuse(why, "target_session_attrs", attribute,
			"any, read-write or primary: chatd writes");
	}
	if (encoding != NULL && !bytes_eq_nocase(bytes_str(encoding), BYTES_LIT("UTF8")) &&
		!bytes_eq_nocase(bytes_str(encoding), BYTES_LIT("UTF-8")) &&
		!bytes_eq_nocase(bytes_str(encoding), BYTES_LIT("auto"))) {
		return refuse(why, "client_encoding", encoding, "UTF8");
	}
	if (pg_url_get(url, "replication") != NULL) {
		buf_append_str(why, "replication: chatd needs an ordinary connection");
		return ERR_CONFIG;
	}
	return check_hosts(url, why);
}

/* ---- the place ---- */

static void append_host(struct bytes host, struct bytes port, struct buf *out)
{
	if (host.len == 0) {
		host = BYTES_LIT("localhost");
	}
	if (host.ptr[0] == '/' || host.ptr[0] == '@') { /* a socket */
		buf_append_bytes(out, host);
		return;
	}
	bool v6 = bytes_find_char(host, ':') >= 0;
	buf_printf(out, v6 ? "[%.*s]" : "%.*s", BYTES_ARG(host));
	buf_printf(out, ":%.*s", BYTES_ARG(port.len > 0 ? port : BYTES_LIT("5432")));
}

static void append_hosts(const struct pg_url *url, struct buf *out)
{
	const char *host = pg_url_get(url, "host");
	struct bytes hosts = bytes_str(host != NULL ? host : pg_url_get(url, "hostaddr"));
	struct bytes ports = bytes_str(pg_url_get(url, "port"));
	bool one_port = bytes_find_char(ports, ',') < 0;
	size_t count = count_hosts(url);
	for (size_t i = 0; i < count; i++) {
		struct bytes port = one_port ? ports : bytes_split(&ports, ',');
		buf_append_str(out, i > 0 ? ", " : "");
		append_host(bytes_split(&hosts, ','), port, out);
	}
}

static char *make_place(const struct pg_url *url)
{
	struct buf out = {0};
	const char *name = pg_url_get(url, "dbname"), *service = pg_url_get(url, "service");
	buf_append_str(&out, name != NULL ? "database " : "the default database");
	buf_append_str(&out, name != NULL ? name : "");
	buf_append_str(&out, " on ");
	if (count_hosts(url) > 0) {
		append_hosts(url, &out);
	} else if (service != NULL) {
		buf_printf(&out, "service %s", service);
	} else {
		buf_append_str(&out, "the local server");
	}
	buf_cstr(&out);
	return out.data;
}

/* ---- the whole ---- */

int pg_url_parse(struct bytes text, struct pg_url *ret_url, struct buf *why)
{
	struct pg_url url = {0};
	int err = ERR_CONFIG;
	if (bytes_find_char(text, '\0') >= 0) {
		buf_append_str(why, "the database's URL is no text");
	} else if (pg_uri_is(text)) {
		err = pg_uri_parse(text, &url, why);
	} else if (pg_npgsql_is(text)) {
		err = pg_npgsql_parse(text, &url, why);
	} else {
		buf_append_str(why, "the database's URL is neither postgresql://... nor Npgsql's "
				    "Host=...;Username=...");
	}
	if (err == 0) {
		err = check_keywords(&url, why);
	}
	if (err == 0) {
		err = check_values(&url, why);
	}
	if (err != 0) {
		pg_url_finish(&url);
		return err;
	}
	if (count_hosts(&url) > 1 && pg_url_get(&url, "target_session_attrs") == NULL) {
		pg_url_set(&url, "target_session_attrs", BYTES_LIT("read-write"));
	}
	url.place = make_place(&url);
	*ret_url = url;
	return 0;
}

int pg_url_with_database(const struct pg_url *url, const char *database, struct pg_url *ret_url)
{
	struct pg_url copy = {0};
	for (size_t i = 0; i < url->count; i++) {
		pg_url_set(&copy, url->keywords[i], bytes_str(url->values[i]));
	}
	pg_url_set(&copy, "dbname", bytes_str(database));
	copy.place = make_place(&copy);
	*ret_url = copy;
	return 0;
}
