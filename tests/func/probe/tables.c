/* Prints the tables of the three doors as JSON: which operation each row starts, and what that
 * needs. So the tests of authorization know all there is to try. */
#include <stdio.h>

#include "chatd/control/methods.h"
#include "chatd/hub/methods.h"
#include "chatd/rest/routes.h"
#include "lib/ctl/commands.h"

static const struct {
	unsigned bit;
	const char *name;
} needs_names[] = {
	{OP_USER, "user"},
	{OP_MEMBER, "member"},
	{OP_OPERATOR_READ, "operatorRead"},
	{OP_OPERATOR_WRITE, "operatorWrite"},
	{OP_CONNECTION, "connection"},
	{OP_ADMIN, "admin"},
	{OP_INTERNAL, "internal"},
};

static void print_op(const struct op_def *op)
{
	printf("\"op\":\"%s\",\"needs\":[", op != NULL ? op->name : "openapi");
	const char *comma = "";
	for (size_t i = 0; op != NULL && i < sizeof(needs_names) / sizeof(needs_names[0]); i++) {
		if ((op->needs & needs_names[i].bit) != 0) {
			printf("%s\"%s\"", comma, needs_names[i].name);
			comma = ",";
		}
	}
	printf("]}");
}

static void print_hub(void)
{
	size_t count;
	const struct hub_method *methods = hub_methods(&count);
	for (size_t i = 0; i < count; i++) {
		printf("%s{\"name\":\"%s\",\"arguments\":%zu,", i > 0 ? "," : "", methods[i].name,
			methods[i].param_count);
		print_op(methods[i].op);
	}
}

static void print_rest(void)
{
	static const char *const methods[] = {
		[HTTP1_GET] = "GET",
		[HTTP1_POST] = "POST",
		[HTTP1_PATCH] = "PATCH",
		[HTTP1_DELETE] = "DELETE",
	};
	for (size_t i = 0; i < rest_route_count(); i++) {
		const struct rest_route *route = rest_route_at(i);
		printf("%s{\"name\":\"%s %s\",", i > 0 ? "," : "", methods[route->method],
			route->path);
		print_op(route->op);
	}
}

static void print_control(void)
{
	const char *comma = "";
	for (size_t i = 0; i < ctl_command_count(); i++) {
		const struct ctl_command *command = ctl_command_at(i);
		const struct control_method *method = control_method_find(command->name);
		if (method != NULL) {
			printf("%s{\"name\":\"%s\",\"readOnly\":%s,", comma, command->name,
				command->read_only ? "true" : "false");
			print_op(method->op);
			comma = ",";
		}
	}
}

int main(void)
{
	printf("{\"hub\":[");
	print_hub();
	printf("],\"rest\":[");
	print_rest();
	printf("],\"control\":[");
	print_control();
	printf("]}\n");
	return 0;
}
