-- consentgate's database and roles by hand, for who keeps the server and does not let installers in. As a superuser:
--
--   psql -v owner_password="'…'" -v writer_password="'…'" -f roles.sql
--
-- consentgate_owner owns the tables: for `consentgate migrate` alone. consentgate_writer is ship's: it adds rows and reads
-- them. What it may do is granted, table by table, by: consentgate migrate --dsn-file OWNER --writer consentgate_writer
-- PostgreSQL 14 or later.
CREATE ROLE consentgate_owner LOGIN PASSWORD :owner_password;
CREATE ROLE consentgate_writer LOGIN PASSWORD :writer_password;
CREATE DATABASE consentgate OWNER consentgate_owner;
REVOKE ALL ON DATABASE consentgate FROM PUBLIC;
GRANT CONNECT ON DATABASE consentgate TO consentgate_writer;
