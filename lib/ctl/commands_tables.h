/* Inside the table of control commands: its rows (commands.c, commands_db.c), their arguments
 * (commands_args.c, commands_args_db.c) and columns (commands_columns.c, commands_columns_db.c). */
#ifndef LIB_CTL_COMMANDS_TABLES_H
#define LIB_CTL_COMMANDS_TABLES_H

#include "lib/ctl/commands.h"

extern const struct ctl_command ctl_main_commands[], ctl_db_commands[];
extern const size_t ctl_main_count, ctl_db_count;

extern const struct ctl_arg no_args[], room_create_args[], room_args[], history_show_args[],
	mint_args[], verify_args[], room_set_args[], room_archive_args[], room_member_args[],
	room_add_args[], room_role_args[], user_list_args[], user_args[], user_ban_args[],
	conn_list_args[], conn_args[], conn_kick_args[], history_replay_args[],
	history_import_args[], history_purge_args[], notify_send_args[], node_drain_args[],
	log_level_args[], log_tail_args[], db_migrate_args[], db_args[], db_backup_args[],
	db_restore_args[], check_args[], chat_args[];
extern const struct ctl_column no_columns[], status_columns[], ping_columns[], room_columns[],
	message_columns[], mint_columns[], verify_columns[], setting_columns[], default_columns[],
	config_check_columns[], member_columns[], user_columns[], user_list_columns[],
	export_columns[], erase_columns[], conn_columns[], kick_columns[], replay_columns[],
	import_columns[], purge_columns[], reload_columns[], diff_columns[], level_columns[],
	tail_columns[], drain_columns[], notify_columns[], db_migrate_columns[],
	db_status_columns[], db_backup_columns[], db_restore_columns[], db_epoch_columns[],
	db_verify_columns[], probe_columns[];

#endif
