\echo Use "CREATE EXTENSION quantmesh" to load this file. \quit

SET LOCAL search_path TO pg_catalog, pg_temp;

-- Plain CREATE: a schema of this name that somebody else prepared makes the installation fail.
CREATE SCHEMA quantmesh;
COMMENT ON SCHEMA quantmesh IS 'QuantMesh: locks, fences and orders that many trading instances share.';
REVOKE ALL ON SCHEMA quantmesh FROM PUBLIC;
