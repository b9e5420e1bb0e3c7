-- What contenders need that build their locks from tables, and what the audit of sections and orders writes. The keys are
-- those of contend.c.

CREATE SCHEMA bench;

CREATE TABLE bench.lease (key text PRIMARY KEY, owner text NOT NULL, ends_at timestamptz NOT NULL);

CREATE TABLE bench.row_lock (key text PRIMARY KEY);
INSERT INTO bench.row_lock SELECT 'order:binance:BENCH:' || n FROM generate_series(0, 19999) AS n;

-- The shared set of one key, written as a whole by whoever has the lock.
CREATE TABLE bench.shared_set (key text PRIMARY KEY, members text NOT NULL);

-- Orders whose only guard is a lock: nothing in the table keeps a slot from being taken twice.
CREATE TABLE bench.desk (slot text NOT NULL, owner text NOT NULL);
CREATE INDEX desk_slot ON bench.desk (slot);

-- The same with the guard in the table.
CREATE TABLE bench.desk_unique (slot text PRIMARY KEY, owner text NOT NULL);

-- What the exchange has received.
CREATE TABLE bench.exchange (slot text NOT NULL, owner text NOT NULL);

GRANT USAGE ON SCHEMA bench TO trader;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA bench TO trader;
