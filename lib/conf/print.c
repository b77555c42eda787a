#include "lib/conf/print.h"

#include "lib/conf/load.h"
#include "lib/conf/loader.h"
#include "lib/conf/mask.h"
#include "lib/conf/units.h"

#define LINE_WIDTH 78

static void append_list(const struct conf_list *list, struct buf *out)
{
	for (size_t i = 0; i < list->count; i++) {
		buf_append_str(out, i > 0 ? ", " : "");
		buf_append_str(out, list->items[i]);
	}
}

/* A key's PEM text as it was given: its file's name. */
static void append_pem(const struct conf *conf, const struct conf_key *key, struct buf *out)
{
	const struct conf_origin *origin = conf_origin_of(conf, key);
	if (origin->through_file) {
		buf_append_str(out, origin->text);
	} else if ((*(const char *const *)conf_field(conf, key))[0] != '\0') {
		buf_append_str(out, "(PEM text)");
	}
}

void conf_value_text(const struct conf *conf, const struct conf_key *key, struct buf *out)
{
	const void *field = conf_field(conf, key);
	const char *const *text = field;
	switch (key->type) {
	case CONF_INT:
		buf_printf(out, "%llu%s", (unsigned long long)*(const uint64_t *)field,
			key->suffix != NULL ? key->suffix : "");
		break;
	case CONF_SIZE:
		units_size_text(*(const uint64_t *)field, out);
		break;
	case CONF_DURATION:
		units_duration_text(*(const uint64_t *)field, out);
		break;
	case CONF_BOOL:
		buf_append_str(out, *(const bool *)field ? "true" : "false");
		break;
	case CONF_ENUM:
		buf_append_str(out, key->choices[*(const int *)field]);
		break;
	case CONF_LIST:
	case CONF_ADDRESSES:
		append_list(field, out);
		break;
	case CONF_TEXT:
	case CONF_PATH:
		buf_append_str(out, *text);
		break;
	case CONF_URL:
		mask_url(bytes_str(*text), out);
		break;
	case CONF_SECRET:
		buf_append_str(out, (*text)[0] != '\0' ? "(set)" : "");
		break;
	case CONF_PEM:
		append_pem(conf, key, out);
		break;
	}
}

void conf_origin_text(const struct conf *conf, const struct conf_key *key, struct buf *out)
{
	const struct conf_origin *origin = conf_origin_of(conf, key);
	switch (origin->kind) {
	case CONF_FROM_DEFAULT:
		buf_append_str(out, "default");
		break;
	case CONF_FROM_FILE:
		buf_printf(out, "%s:%u", origin->place, origin->line);
		break;
	case CONF_FROM_CREDENTIAL:
		buf_printf(out, "credential %s", origin->place);
		break;
	case CONF_FROM_ESTABLISHED:
	case CONF_FROM_ENVIRONMENT:
		buf_printf(out, "environment %s", origin->place);
		break;
	}
}

void conf_print_effective(const struct conf *conf, struct buf *out)
{
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_key *key = &conf_keys[i];
		buf_printf(out, "%s.%s = ", key->section, key->key);
		conf_value_text(conf, key, out);
		buf_append_str(out, "  # ");
		conf_origin_text(conf, key, out);
		buf_append_char(out, '\n');
	}
}

/* Comment lines of at most LINE_WIDTH columns, broken at blanks. */
static void append_comment(struct bytes text, struct buf *out)
{
	size_t column = 0;
	while (text.len > 0) {
		struct bytes word = bytes_split(&text, ' ');
		if (column > 0 && column + 1 + word.len > LINE_WIDTH) {
			buf_append_char(out, '\n');
			column = 0;
		}
		buf_append_str(out, column == 0 ? "# " : " ");
		column += word.len + (column == 0 ? 2 : 1);
		buf_append_bytes(out, word);
	}
	buf_append_char(out, '\n');
}

static void append_sample_key(const struct conf_key *key, struct buf *out)
{
	struct buf text = {0};
	buf_append_char(out, '\n');
	append_comment(bytes_str(key->doc), out);
	buf_append_str(&text, "Allowed: ");
	conf_key_range(key, &text);
	buf_append_str(&text, key->reloadable ? ". Reloadable. " : ". ");
	conf_key_variable(key, &text);
	if (key->established != NULL) {
		buf_printf(&text, " or %s", key->established);
	}
	if (conf_key_holds_secret(key) || key->type == CONF_PEM) {
		buf_printf(&text, "; %s_file names a file that holds it", key->key);
	}
	buf_append_char(&text, '.');
	append_comment(buf_bytes(&text), out);
	if (key->derived != NULL) {
		buf_clear(&text);
		buf_printf(&text, "Default: %s.", key->derived);
		append_comment(buf_bytes(&text), out);
	}
	buf_printf(out, "#%s =%s%s\n", key->key, key->default_text[0] != '\0' ? " " : "",
		key->default_text);
	buf_finish(&text);
}

void conf_print_sample(struct buf *out)
{
	buf_append_str(out, "# Settings of chatd. What is commented out is the default.\n");
	const char *section = "";
	for (size_t i = 0; i < conf_key_count; i++) {
		if (strcmp(conf_keys[i].section, section) != 0) {
			section = conf_keys[i].section;
			buf_printf(out, "\n[%s]\n", section);
		}
		append_sample_key(&conf_keys[i], out);
	}
}
