/* config check, config show --config, config defaults. */
#include "chatctl/cmd.h"

#include "chatctl/settings.h"
#include "lib/base/err.h"
#include "lib/conf/print.h"

static struct value text_of(struct arena *arena, struct buf *text)
{
	struct value value = value_text(arena_dup(arena, buf_bytes(text)));
	buf_finish(text);
	return value;
}

/* "section.key". */
static struct value key_name(struct arena *arena, const struct conf_key *key)
{
	return value_str(arena_printf(arena, "%s.%s", key->section, key->key));
}

/* The file that settings come from, or null. */
static struct value file_of(struct arena *arena, const struct conf *conf)
{
	for (size_t i = 0; i < conf_key_count; i++) {
		const struct conf_origin *origin = conf_origin_of(conf, &conf_keys[i]);
		if (origin->kind == CONF_FROM_FILE) {
			return value_str(arena_strdup(arena, origin->place));
		}
	}
	return value_null;
}

int cmd_config_check(struct cmd *cmd)
{
	struct arena *arena = cmd->invocation->arena;
	struct conf *conf = NULL;
	struct conf_report report = {0};
	int err = settings_load(&cmd->invocation->options, &conf, &report, cmd->failure);
	if (err < 0) {
		return err;
	}
	struct value warnings = value_array(arena, (uint32_t)report.count);
	for (size_t i = 0; i < report.count; i++) {
		value_add(&warnings, value_str(arena_strdup(arena, report.problems[i].text)));
	}
	struct value item = value_object(arena, 3);
	value_put(&item, "valid", value_bool(true));
	value_put(&item, "file", file_of(arena, conf));
	value_put(&item, "warnings", warnings);
	conf_report_finish(&report);
	conf_unref(&conf);
	return output_item(cmd->output, &item);
}

static int show_key(struct cmd *cmd, const struct conf *conf, const struct conf_key *key)
{
	struct arena *arena = cmd->invocation->arena;
	struct buf text = {0}, origin = {0};
	conf_value_text(conf, key, &text);
	conf_origin_text(conf, key, &origin);
	struct value item = value_object(arena, 4);
	value_put(&item, "key", key_name(arena, key));
	value_put(&item, "value", text_of(arena, &text));
	value_put(&item, "origin", text_of(arena, &origin));
	value_put(&item, "reloadable", value_bool(key->reloadable));
	return output_item(cmd->output, &item);
}

int cmd_config_show(struct cmd *cmd)
{
	struct conf *conf = NULL;
	if (cmd->invocation->options.config == NULL) {
		return cmd_remote(cmd);
	}
	int err = settings_load(&cmd->invocation->options, &conf, NULL, cmd->failure);
	for (size_t i = 0; err == 0 && i < conf_key_count; i++) {
		err = show_key(cmd, conf, &conf_keys[i]);
	}
	conf_unref(&conf);
	return err;
}

static int describe_key(struct cmd *cmd, const struct conf_key *key)
{
	struct arena *arena = cmd->invocation->arena;
	struct buf range = {0}, variable = {0};
	conf_key_range(key, &range);
	conf_key_variable(key, &variable);
	struct value item = value_object(arena, 7);
	value_put(&item, "key", key_name(arena, key));
	value_put(&item, "type", value_str(conf_type_name(key->type)));
	value_put(&item, "default",
		value_str(key->derived != NULL ? key->derived : key->default_text));
	value_put(&item, "range", text_of(arena, &range));
	value_put(&item, "reloadable", value_bool(key->reloadable));
	value_put(&item, "variable", text_of(arena, &variable));
	value_put(&item, "doc", value_str(key->doc));
	return output_item(cmd->output, &item);
}

int cmd_config_defaults(struct cmd *cmd)
{
	const struct options *options = &cmd->invocation->options;
	int err = 0;
	if (!options->format_given && options->columns == NULL) {
		struct buf sample = {0};
		conf_print_sample(&sample);
		err = output_raw(cmd->output, buf_bytes(&sample));
		buf_finish(&sample);
		return err;
	}
	for (size_t i = 0; err == 0 && i < conf_key_count; i++) {
		err = describe_key(cmd, &conf_keys[i]);
	}
	return err;
}
