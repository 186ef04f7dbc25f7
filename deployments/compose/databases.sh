#!/bin/sh
# Run once by the PostgreSQL image on an empty volume: a role and a database each for Prefect and for the ledger,
# so that neither can read the other's.
set -eu
# In assignments, because a password that cannot be read ends the script there, and in an argument it would be an empty one.
prefect=$(cat /run/secrets/prefect_database_password)
ledger=$(cat /run/secrets/ledger_password)
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres --set prefect="$prefect" --set ledger="$ledger" <<'SQL'
CREATE ROLE prefect LOGIN PASSWORD :'prefect';
CREATE DATABASE prefect OWNER prefect;
CREATE ROLE pratique LOGIN PASSWORD :'ledger';
CREATE DATABASE pratique OWNER pratique;
REVOKE CONNECT ON DATABASE prefect, pratique FROM PUBLIC;
\connect prefect
CREATE EXTENSION IF NOT EXISTS pg_trgm;
SQL
