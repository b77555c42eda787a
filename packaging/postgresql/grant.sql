-- Gives a role what chatd needs to serve a database, and nothing more: it reads and writes the rows of chatd's tables,
-- and makes, changes or drops no table. Migrations are then applied by another role, the owner of the tables.
--
--     createuser chatd_owner; createuser --pwprompt chatd
--     createdb --owner=chatd_owner --encoding=UTF8 --template=template0 chat
--     chatctl db migrate --url postgresql://chatd_owner@HOST/chat
--     psql -v role=chatd -f grant.sql "postgresql://chatd_owner@HOST/chat"
--
-- It is run by the owner of the tables, or a superuser, in chatd's database, after the first migration; again at any
-- time does no harm, and takes back what is too much. Variables:
--     role     who gets the rights (must be there)
--     owner    who applies later migrations: what those make the role may use too; without it: who runs this
--     schema   that the tables are in; without it: the first one of the search path
-- With a role like that chatd needs auto_migrate = false in section database, as it is for PostgreSQL unless set.

\set ON_ERROR_STOP on
\if :{?role}
\else
DO $$BEGIN RAISE 'name the role, as in: psql -v role=chatd -f grant.sql DATABASE'; END$$;
\endif
\if :{?owner}
\else
SELECT current_user AS owner \gset
\endif
\if :{?schema}
\else
SELECT current_schema() AS schema \gset
\endif

BEGIN;
SET LOCAL client_min_messages = warning;

GRANT CONNECT ON DATABASE :"DBNAME" TO :"role";
GRANT USAGE ON SCHEMA :"schema" TO :"role";

REVOKE ALL ON :"schema".schema_migrations, :"schema".meta, :"schema".epochs, :"schema".users, :"schema".rooms,
  :"schema".participants, :"schema".messages, :"schema".dead_rooms, :"schema".changes FROM :"role";
-- Which schema it is.
GRANT SELECT ON :"schema".schema_migrations TO :"role";
-- The secret of the fleet, made once, and the identifier of the database system.
GRANT SELECT, INSERT, UPDATE ON :"schema".meta TO :"role";
-- Epochs only come.
GRANT SELECT, INSERT ON :"schema".epochs TO :"role";
-- Users who are erased keep an empty row.
GRANT SELECT, INSERT, UPDATE ON :"schema".users TO :"role";
-- Rooms that were deleted: locked (UPDATE) by who removes their messages.
GRANT SELECT, INSERT, UPDATE, DELETE ON :"schema".rooms, :"schema".participants, :"schema".messages,
  :"schema".dead_rooms TO :"role";
-- What instances tell each other: noted, read, and removed after an hour.
GRANT SELECT, INSERT, DELETE ON :"schema".changes TO :"role";
GRANT EXECUTE ON FUNCTION :"schema".chat_now() TO :"role";

-- Tables and functions of later migrations.
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA :"schema"
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"role";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA :"schema" GRANT USAGE ON SEQUENCES TO :"role";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" IN SCHEMA :"schema" GRANT EXECUTE ON FUNCTIONS TO :"role";

COMMIT;
