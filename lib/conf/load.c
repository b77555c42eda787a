#include "lib/conf/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/err.h"
#include "lib/conf/loader.h"

#define FILE_MAX (1024 * 1024)
#define PROBLEMS_MAX 200
#define SHOWN_MAX 80 /* bytes of a wrong value that are shown */

void conf_report_finish(struct conf_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		free(report->problems[i].text);
	}
	free(report->problems);
	*report = (struct conf_report){0};
}

/* Appends with control characters escaped: a report goes to terminals. */
static void append_escaped(struct buf *out, struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if (c < 0x20 || c == 0x7f) {
			buf_printf(out, "\\x%02X", c);
		} else {
			buf_append_char(out, (char)c);
		}
	}
}

static void report_add(struct conf_report *report, struct buf *text, bool warning)
{
	if (!warning) {
		report->errors++;
	}
	if (report->count < PROBLEMS_MAX) {
		report->problems = mem_realloc(
			report->problems, (report->count + 1) * sizeof(*report->problems));
		struct buf clean = {0};
		append_escaped(&clean, buf_bytes(text));
		report->problems[report->count++] =
			(struct conf_problem){mem_dup_bytes(buf_bytes(&clean)), warning};
		buf_finish(&clean);
	}
	buf_finish(text);
}

void loader_problem(struct loader *loader, enum conf_origin_kind kind, const char *place,
	unsigned line, const char *fmt, ...)
{
	struct buf text = {0};
	if (kind == CONF_FROM_ESTABLISHED || kind == CONF_FROM_ENVIRONMENT) {
		buf_printf(&text, "environment %s: ", place);
	} else if (kind == CONF_FROM_CREDENTIAL) {
		buf_printf(&text, "credential %s: ", place);
	} else if (kind == CONF_FROM_FILE && line > 0) {
		buf_printf(&text, "%s:%u: ", place, line);
	} else if (kind == CONF_FROM_FILE) {
		buf_printf(&text, "%s: ", place);
	}
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	report_add(loader->report, &text, false);
}

void loader_warning(struct loader *loader, const char *fmt, ...)
{
	struct buf text = {0};
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	report_add(loader->report, &text, true);
}

const struct conf_key *loader_find(struct bytes section, struct bytes name, bool *ret_names_file)
{
	static const struct bytes suffix = {"_file", 5};
	const struct conf_key *key = conf_key_find(section, name);
	*ret_names_file = false;
	if (key != NULL || name.len <= suffix.len ||
		!bytes_eq(bytes_of(name.ptr + name.len - suffix.len, suffix.len), suffix)) {
		return key;
	}
	key = conf_key_find(section, bytes_of(name.ptr, name.len - suffix.len));
	*ret_names_file = true;
	return key != NULL && (conf_key_holds_secret(key) || key->type == CONF_PEM) ? key : NULL;
}

int loader_read_file(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		return ERR_SYSTEM;
	}
	int err = 0;
	for (;;) {
		buf_reserve(out, 4096);
		ssize_t n = read(fd, out->data + out->len, 4096);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			err = n < 0 ? ERR_SYSTEM : 0;
			break;
		}
		out->len += (size_t)n;
		if (out->len > FILE_MAX) {
			err = ERR_TOO_LARGE;
			break;
		}
	}
	int saved = errno;
	close(fd);
	errno = saved;
	return err;
}

/* The text of a secret's or a key's file on the arena, or NULL with a problem noted. */
static const char *read_named(struct loader *loader, const struct offer *offer)
{
	struct buf contents = {0};
	const char *text = NULL;
	int err = loader_read_file(offer->text, &contents);
	if (err < 0) {
		loader_problem(loader, offer->kind, offer->place, offer->line,
			"%s.%s: %.200s cannot be read: %s", offer->key->section, offer->key->key,
			offer->text, err == ERR_SYSTEM ? strerror(errno) : err_text(err));
	} else if (memchr(buf_cstr(&contents), '\0', contents.len) != NULL) {
		loader_problem(loader, offer->kind, offer->place, offer->line,
			"%s.%s: %.200s is no text", offer->key->section, offer->key->key,
			offer->text);
	} else {
		size_t len = contents.len;
		while (len > 0 && strchr("\r\n", contents.data[len - 1]) != NULL) {
			len--;
		}
		text = arena_dup(loader->arena, bytes_of(contents.data, len)).ptr;
	}
	if (contents.data != NULL) {
		mem_wipe(contents.data, contents.cap);
	}
	buf_finish(&contents);
	return text;
}

static void refuse_value(struct loader *loader, const struct offer *offer)
{
	const struct conf_key *key = offer->key;
	struct buf range = {0};
	conf_key_range(key, &range);
	bool secret = conf_key_holds_secret(key) || key->type == CONF_PEM;
	struct bytes shown = bytes_str(offer->text);
	if (shown.len > SHOWN_MAX) {
		shown.len = SHOWN_MAX;
		while (shown.len > 0 && ((unsigned char)shown.ptr[shown.len] & 0xc0) == 0x80) {
			shown.len--;
		}
	}
	if (secret) {
		shown = BYTES_NONE;
	}
	loader_problem(loader, offer->kind, offer->place, offer->line,
		"%s.%s: %s%.*s%s (allowed: %s)", key->section, key->key,
		secret ? "the value is not good" : "\"", BYTES_ARG(shown),
		secret ? "" : "\" is not good", buf_cstr(&range));
	buf_finish(&range);
}

/* A secret that is no longer needed. The arena is ours alone, so its text may be changed. */
static void wipe_secret(const char *text)
{
	if (text != NULL && text[0] != '\0') {
		mem_wipe((char *)(uintptr_t)text, strlen(text));
	}
}

void loader_offer(struct loader *loader, const struct offer *offer)
{
	const struct conf_key *key = offer->key;
	const char *text = offer->text;
	bool names_file = offer->names_file || (key->type == CONF_PEM && text[0] != '\0' &&
						       strncmp(text, "-----BEGIN", 10) != 0);
	if (names_file) {
		text = read_named(loader, offer);
		if (text == NULL) {
			return;
		}
	}
	if (key->type == CONF_PEM && text[0] != '\0' && strstr(text, "-----BEGIN") == NULL) {
		refuse_value(loader, offer);
		return;
	}
	if (conf_key_holds_secret(key) && offer->kind != CONF_FROM_DEFAULT) {
		wipe_secret(*(const char **)conf_field(loader->conf, key));
	}
	int err = conf_parse(loader->arena, key, text, loader->conf);
	if (err < 0) {
		refuse_value(loader, offer);
	}
	if (conf_key_holds_secret(key) && offer->kind != CONF_FROM_DEFAULT) {
		wipe_secret(text); /* the field has its own copy */
	}
	if (err == 0) {
		loader->conf->origins[key - conf_keys] = (struct conf_origin){.kind = offer->kind,
			.place = offer->place,
			.line = offer->line,
			.text = conf_key_holds_secret(key) && !names_file ? "" : offer->text,
			.through_file = names_file};
	}
}

/* The first of a variable's directories (systemd separates several by colons), or otherwise. */
static const char *first_directory(struct loader *loader, const char *name, const char *otherwise)
{
	const char *text = loader_variable(loader, name);
	struct bytes rest = bytes_str(text);
	struct bytes first = bytes_split(&rest, ':');
	return first.len > 0 ? arena_dup(loader->arena, first).ptr : otherwise;
}

static void offer_default(
	struct loader *loader, const char *section, const char *name, const char *text)
{
	const struct conf_key *key = conf_key_find(bytes_str(section), bytes_str(name));
	if (loader->conf->origins[key - conf_keys].kind == CONF_FROM_DEFAULT) {
		const struct offer offer = {.key = key, .kind = CONF_FROM_DEFAULT, .text = text};
		loader_offer(loader, &offer);
	}
}

/* Defaults that follow from where the process runs and from other settings. */
static void derive(struct loader *loader)
{
	struct arena *arena = loader->arena;
	offer_default(loader, "server", "state_dir",
		first_directory(loader, "STATE_DIRECTORY", "/var/lib/chatd"));
	offer_default(loader, "database", "url",
		arena_printf(arena, "sqlite:%s/chatd.db", loader->conf->server.state_dir));
	offer_default(loader, "control", "socket",
		arena_printf(arena, "%s/control.sock",
			first_directory(loader, "RUNTIME_DIRECTORY", "/run/chatd")));
}

/* The place of a row's value before a sentence about it. */
static void refuse_together(
	struct loader *loader, const char *section, const char *name, const char *sentence)
{
	const struct conf_key *key = conf_key_find(bytes_str(section), bytes_str(name));
	const struct conf_origin *origin = conf_origin_of(loader->conf, key);
	loader_problem(loader, origin->kind, origin->place, origin->line, "%s.%s: %s", section,
		name, sentence);
}

static void check_algorithms(struct loader *loader)
{
	const struct conf *conf = loader->conf;
	bool has_public = conf->auth.jwt_public_key[0] != '\0' || conf->auth.jwks_url[0] != '\0';
	bool public_only = has_public && conf->auth.jwt_secret[0] == '\0';
	for (size_t i = 0; i < conf->auth.algorithms.count; i++) {
		bool shared = strncmp(conf->auth.algorithms.items[i], "HS", 2) == 0;
		if (shared && public_only) {
			refuse_together(loader, "auth", "algorithms",
				"HMAC needs auth.jwt_secret, but only a public key is set");
			return;
		}
		if (!shared && !has_public) {
			refuse_together(loader, "auth", "algorithms",
				"RSA and ECDSA need auth.jwt_public_key or auth.jwks_url");
			return;
		}
	}
}

/* What no single value shows. */
static void check_together(struct loader *loader)
{
	const struct conf *conf = loader->conf;
	if (conf->hub.client_timeout_us <= conf->hub.keepalive_us) {
		refuse_together(loader, "hub", "client_timeout",
			"it must be longer than hub.keepalive, better twice as long");
	}
	if (conf->limits.send_memory < conf->limits.send_queue) {
		refuse_together(loader, "limits", "send_memory",
			"it must not be less than limits.send_queue");
	}
	if (conf->hub.detailed_errors && conf->server.environment == CONF_PRODUCTION) {
		refuse_together(loader, "hub", "detailed_errors",
			"it is not allowed while server.environment is Production");
	}
	check_algorithms(loader);
	if (conf->auth.jwks_ca[0] != '\0' && conf->auth.jwks_url[0] == '\0') {
		refuse_together(
			loader, "auth", "jwks_ca", "it is for auth.jwks_url, which is not set");
	}
	size_t secret = strlen(conf->auth.jwt_secret);
	if (secret > 0 && secret < 32) {
		refuse_together(loader, "auth", "jwt_secret",
			"it must have at least 32 bytes (RFC 7518 section 3.2)");
	}
	if (conf->hub.client_timeout_us < 2 * conf->hub.keepalive_us) {
		loader_warning(loader, "hub.client_timeout: clients ping every hub.keepalive, and "
				       "are dropped when "
				       "one ping is late; twice that is usual");
	}
}

static struct conf *conf_begin(struct conf_report *report)
{
	struct arena *arena = arena_create(16 * 1024);
	struct conf *conf = arena_alloc(arena, sizeof(*conf));
	conf->arena = arena;
	conf->references = 1;
	conf->origins = arena_alloc(arena, conf_key_count * sizeof(*conf->origins));
	struct loader loader = {.conf = conf, .arena = arena, .report = report};
	for (size_t i = 0; i < conf_key_count; i++) {
		if (conf_keys[i].derived != NULL) {
			*(const char **)conf_field(conf, &conf_keys[i]) = "";
			continue;
		}
		const struct offer offer = {.key = &conf_keys[i],
			.kind = CONF_FROM_DEFAULT,
			.text = conf_keys[i].default_text};
		loader_offer(&loader, &offer);
	}
	return conf;
}

/* file: its text, NULL where there is none. */
static int load(const struct conf_load_params *params, const char *name, const struct bytes *file,
	struct conf **ret_conf, struct conf_report *report)
{
	struct conf *conf = conf_begin(report);
	struct loader loader = {.conf = conf,
		.arena = conf->arena,
		.report = report,
		.environment = params->environment};
	loader_established(&loader);
	if (file != NULL) {
		loader_ini(&loader, arena_strdup(conf->arena, name), *file);
	}
	loader_credentials(&loader);
	loader_environment(&loader);
	derive(&loader);
	check_together(&loader);
	if (report->errors > 0) {
		conf_unref(&conf);
		return ERR_CONFIG;
	}
	*ret_conf = conf;
	return 0;
}

int conf_load_text(const struct conf_load_params *params, const char *name, struct bytes text,
	struct conf **ret_conf, struct conf_report *report)
{
	return load(params, name, &text, ret_conf, report);
}

int conf_load(
	const struct conf_load_params *params, struct conf **ret_conf, struct conf_report *report)
{
	struct loader loader = {.report = report, .environment = params->environment};
	const char *path = params->path;
	if (path == NULL) {
		path = loader_variable(&loader, "CHATD_CONFIG");
	}
	bool named = path != NULL;
	if (path == NULL) {
		path = params->default_path != NULL ? params->default_path : CONF_DEFAULT_PATH;
	}
	struct buf text = {0};
	int err = loader_read_file(path, &text);
	bool missing = err == ERR_SYSTEM && (errno == ENOENT || errno == ENOTDIR) && !named;
	if (err < 0 && !missing) {
		loader_problem(&loader, CONF_FROM_FILE, path, 0, "the file cannot be read: %s",
			err == ERR_SYSTEM ? strerror(errno) : err_text(err));
	}
	struct bytes view = buf_bytes(&text);
	err = load(params, path, err < 0 ? NULL : &view, ret_conf, report);
	if (text.data != NULL) {
		mem_wipe(text.data, text.cap);
	}
	buf_finish(&text);
	return err;
}

const struct conf_origin *conf_origin_of(const struct conf *conf, const struct conf_key *key)
{
	return &conf->origins[key - conf_keys];
}
