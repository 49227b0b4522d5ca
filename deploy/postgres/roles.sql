-- Roles of a Ponctuel database. Run once by a superuser, connected to that database:
--   PONCTUEL_OWNER_PASSWORD=… PONCTUEL_SERVICE_PASSWORD=… \
--     psql --dbname ponctuel --set ON_ERROR_STOP=1 --file roles.sql
-- No password has a default: psql stops at the first one that is not set.
\getenv owner_password PONCTUEL_OWNER_PASSWORD
\getenv service_password PONCTUEL_SERVICE_PASSWORD

BEGIN;

-- Migrates, and owns every table. The running service never connects as this role.
CREATE ROLE ponctuel_owner LOGIN
    NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'owner_password';

-- What the service may do: the migrations grant it each table privilege by name, and
-- none to UPDATE or DELETE the ledger. It owns nothing, and row-level security binds it.
CREATE ROLE ponctuel_service NOLOGIN NOINHERIT
    NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;

-- How the service connects. NOINHERIT: on its own this login can do nothing; it has to
-- take on ponctuel_service, as the service does on every connection.
CREATE ROLE ponctuel_login LOGIN NOINHERIT
    NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'service_password'
    IN ROLE ponctuel_service;

SELECT current_database() AS database \gset
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"database" TO ponctuel_login;
-- The owner of a database may create schemas in it and in `public`; nobody else may.
ALTER DATABASE :"database" OWNER TO ponctuel_owner;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

COMMIT;
