/* Values from environment variables and from $CREDENTIALS_DIRECTORY. */
#include "lib/conf/loader.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/err.h"
#include "lib/conf/nearest.h"

#define PREFIX "CHATD_"

const char *loader_variable(const struct loader *loader, const char *name)
{
	size_t len = strlen(name);
	for (char *const *entry = loader->environment; entry != NULL && *entry != NULL; entry++) {
		if (strncmp(*entry, name, len) == 0 && (*entry)[len] == '=') {
			return *entry + len + 1;
		}
	}
	return NULL;
}

void loader_established(struct loader *loader)
{
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_keys[i];
		const char *text =
			key->established != NULL ? loader_variable(loader, key->established) : NULL;
		if (text != NULL && text[0] != '\0') {
			const struct offer offer = {.key = key,
				.kind = CONF_FROM_ESTABLISHED,
				.place = key->established,
				.text = arena_strdup(loader->arena, text)};
			loader_offer(loader, &offer);
		}
	}
}

static void offer_credential(
	struct loader *loader, const struct conf_key *key, const char *name, struct buf *contents)
{
	if (memchr(contents->data, '\0', contents->len) != NULL) {
		loader_problem(loader, CONF_FROM_CREDENTIAL, name, 0, "%s.%s: it is not text",
			key->section, key->key);
		return;
	}
	size_t len = contents->len;
	while (key->type != CONF_PEM && len > 0 && strchr("\r\n", contents->data[len - 1])) {
		len--;
	}
	const struct offer offer = {.key = key,
		.kind = CONF_FROM_CREDENTIAL,
		.place = name,
		.text = arena_dup(loader->arena, bytes_of(contents->data, len)).ptr};
	loader_offer(loader, &offer);
}

void loader_credentials(struct loader *loader)
{
	const char *directory = loader_variable(loader, "CREDENTIALS_DIRECTORY");
	if (directory == NULL || directory[0] == '\0') {
		return;
	}
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_keys[i];
		const char *name = arena_printf(loader->arena, "%s_%s", key->section, key->key);
		const char *path = arena_printf(loader->arena, "%s/%s", directory, name);
		struct buf contents = {0};
		int err = loader_read_file(path, &contents);
		if (err == 0) {
			buf_cstr(&contents);
			offer_credential(loader, key, name, &contents);
			mem_wipe(contents.data, contents.cap);
		} else if (err != ERR_SYSTEM || (errno != ENOENT && errno != ENOTDIR)) {
			loader_problem(loader, CONF_FROM_CREDENTIAL, name, 0,
				"%s.%s: the file cannot be read: %s", key->section, key->key,
				err == ERR_SYSTEM ? strerror(errno) : err_text(err));
		}
		buf_finish(&contents);
	}
}

/* Variables of ours that are no settings: where the file is; and what Kubernetes puts into every
 * container for a service that is called chatd. */
static bool is_foreign(struct bytes name)
{
	return bytes_eq(name, BYTES_LIT("CHATD_CONFIG")) ||
	       bytes_eq(name, BYTES_LIT("CHATD_PORT")) ||
	       bytes_starts(name, BYTES_LIT("CHATD_PORT_")) ||
	       bytes_starts(name, BYTES_LIT("CHATD_SERVICE_"));
}

/* The row that a variable stands for, or NULL. */
static const struct conf_key *find_variable(struct bytes name, bool *ret_names_file)
{
	char lower[128];
	struct bytes rest = bytes_of(name.ptr + strlen(PREFIX), name.len - strlen(PREFIX));
	if (rest.len > sizeof(lower)) {
		return NULL;
	}
	for (size_t i = 0; i < rest.len; i++) {
		char c = rest.ptr[i];
		if (c >= 'a' && c <= 'z') {
			return NULL;
		}
		lower[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	/* No section has an underscore in its name. */
	struct bytes key = bytes_of(lower, rest.len);
	struct bytes section = bytes_split(&key, '_');
	return loader_find(section, key, ret_names_file);
}

static void unknown_variable(struct loader *loader, const char *name)
{
	struct nearest nearest;
	/* Compared behind the beginning that all have. */
	nearest_init(&nearest, bytes_str(name + strlen(PREFIX)));
	for (size_t i = 0; i < conf_key_count; i++) {
		struct buf known = {0};
		conf_key_variable(&conf_keys[i], &known);
		nearest_offer(
			&nearest, arena_dup(loader->arena, buf_bytes(&known)).ptr + strlen(PREFIX));
		buf_finish(&known);
	}
	loader_problem(loader, CONF_FROM_ENVIRONMENT, name, 0, "there is no such setting%s%s%s",
		nearest.best != NULL ? " (did you mean " PREFIX : "",
		nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "?)" : "");
}

void loader_environment(struct loader *loader)
{
	const char **seen = arena_alloc(loader->arena, conf_key_count * sizeof(*seen));
	for (char *const *entry = loader->environment; entry != NULL && *entry != NULL; entry++) {
		struct bytes text = bytes_str(*entry);
		struct bytes name = bytes_split(&text, '=');
		if (!bytes_starts(name, BYTES_LIT(PREFIX)) || text.ptr == NULL ||
			is_foreign(name)) {
			continue;
		}
		const char *place = arena_dup(loader->arena, name).ptr;
		bool names_file = false;
		const struct conf_key *key = find_variable(name, &names_file);
		if (key == NULL) {
			unknown_variable(loader, place);
			continue;
		}
		const char **other = &seen[key - conf_keys];
		if (*other != NULL) {
			loader_problem(loader, CONF_FROM_ENVIRONMENT, place, 0,
				"%s.%s: %s sets it too", key->section, key->key, *other);
			continue;
		}
		*other = place;
		const struct offer offer = {.key = key,
			.kind = CONF_FROM_ENVIRONMENT,
			.place = place,
			.text = arena_dup(loader->arena, text).ptr,
			.names_file = names_file};
		loader_offer(loader, &offer);
	}
}
