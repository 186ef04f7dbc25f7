#!/bin/sh
# Run once by the PostgreSQL image on an empty volume: a role and a database each for Prefect and for the ledger,
# so that neither can read the other's.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set prefect="$(cat /run/secrets/prefect_database_password)" \
    --set ledger="$(cat /run/secrets/ledger_password)" <<'SQL'
CREATE ROLE prefect LOGIN PASSWORD :'prefect';
CREATE DATABASE prefect OWNER prefect;
CREATE ROLE pratique LOGIN PASSWORD :'ledger';
CREATE DATABASE pratique OWNER pratique;
REVOKE CONNECT ON DATABASE prefect, pratique FROM PUBLIC;
\connect prefect
CREATE EXTENSION IF NOT EXISTS pg_trgm;
SQL
