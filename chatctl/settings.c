#include "chatctl/settings.h"

#include <unistd.h>

#include "lib/base/err.h"

static void take_problems(const struct conf_report *report, struct failure *failure)
{
	struct buf lines = {0};
	for (size_t i = 0; i < report->count; i++) {
		if (!report->problems[i].warning) {
			buf_append_str(&lines, lines.len > 0 ? "\n" : "");
			buf_append_str(&lines, report->problems[i].text);
		}
	}
	failure_set(failure, ERR_CONFIG, "chatctl config defaults explains every setting", "%s",
		buf_cstr(&lines));
	buf_finish(&lines);
}

int settings_load(const struct options *options, struct conf **ret_conf,
	struct conf_report *ret_report, struct failure *failure)
{
	const struct conf_load_params params = {.path = options->config, .environment = environ};
	struct conf_report report = {0};
	int err = conf_load(&params, ret_conf, &report);
	if (err < 0) {
		take_problems(&report, failure);
	}
	if (err == 0 && ret_report != NULL) {
		*ret_report = report;
	} else {
		conf_report_finish(&report);
	}
	return err;
}
