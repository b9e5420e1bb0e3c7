-- Rate limits that instances share: what an exchange still takes from an account and its address. Counted by windows of the
-- server's clock, which begin at whole multiples of their length, as the exchange's do. Not in dumps: a restored database
-- begins with empty windows, and what the exchange says that it has counted brings it up to date.

CREATE TABLE quantmesh.rate_budget (
    account             text COLLATE "C" NOT NULL CHECK (pg_catalog.octet_length(account) BETWEEN 1 AND 128),
    kind                text COLLATE "C" NOT NULL CHECK (kind IN ('weight', 'orders_10s', 'orders_day')),
    allowed             bigint NOT NULL CHECK (allowed BETWEEN 1 AND 1000000000),
    window_start        timestamptz NOT NULL,
    used                bigint NOT NULL CHECK (used >= 0),
    reported            bigint CHECK (reported >= 0),
    blocked_until       timestamptz,
    PRIMARY KEY (account, kind)
) WITH (fillfactor = 50);
COMMENT ON TABLE quantmesh.rate_budget IS
    'What may still be sent to an exchange, a row for each limit. Written by take_budget, note_budget, block_budget and set_budget_limit. Not in dumps.';
COMMENT ON COLUMN quantmesh.rate_budget.account IS 'The account, or the name under which the weight of an address is counted that several accounts use.';
COMMENT ON COLUMN quantmesh.rate_budget.kind IS 'weight (a minute), orders_10s (ten seconds) or orders_day.';
COMMENT ON COLUMN quantmesh.rate_budget.allowed IS 'How much the exchange allows in a window.';
COMMENT ON COLUMN quantmesh.rate_budget.window_start IS 'When the window began in which something was last taken or noted.';
COMMENT ON COLUMN quantmesh.rate_budget.used IS 'What was taken in that window, chunks that instances have not used up yet included; the exchange''s own count where that is larger.';
COMMENT ON COLUMN quantmesh.rate_budget.reported IS 'The largest count that the exchange has reported in that window; NULL if none.';
COMMENT ON COLUMN quantmesh.rate_budget.blocked_until IS 'Nothing is given out until then: the exchange has answered 429 or 418.';

CREATE FUNCTION quantmesh.take_budget(account text, weight integer, orders_10s integer DEFAULT 0, orders_day integer DEFAULT 0,
    urgent boolean DEFAULT false, ahead boolean DEFAULT false, address text DEFAULT NULL,
    OUT kind text, OUT taken integer, OUT wait_ms bigint, OUT window_left_ms bigint, OUT window_age_ms bigint, OUT used bigint, OUT allowed bigint)
    RETURNS SETOF record
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_take_budget';
COMMENT ON FUNCTION quantmesh.take_budget(text, integer, integer, integer, boolean, boolean, text) IS
    'Takes from the budgets of an account what a request needs, from all of them or from none, and returns a row for each: how much was taken, or after how many ms to ask again. account: whose orders. weight, orders_10s, orders_day: how much of each; weight may be 0 to see whether the account is blocked. urgent: cancels and queries, which may use the last tenth. ahead: take a chunk, so that the next requests need not ask; what is not used within the window is lost. address: the name under which weight is counted, which needs the same right as an account; NULL for the account. To be called in a transaction of its own: the rows stay locked to its end.';

CREATE FUNCTION quantmesh.note_budget(account text, kind text, used bigint) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_note_budget';
COMMENT ON FUNCTION quantmesh.note_budget(text, text, bigint) IS
    'Notes what the exchange says that it has counted in the window of now, and returns what counts: the larger of both counts. account: the account, or the name of the address. kind: weight, orders_10s or orders_day. used: its count.';

CREATE FUNCTION quantmesh.block_budget(account text, hold interval) RETURNS timestamptz
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_block_budget';
COMMENT ON FUNCTION quantmesh.block_budget(text, interval) IS
    'Gives nothing out of a budget of weight for a while, to nobody: the exchange has answered 429 or 418. Returns until when; a shorter block does not end a longer one. account: the account, or the name of the address. hold: for how long, at most 7 days.';

CREATE FUNCTION quantmesh.set_budget_limit(account text, kind text, allowed bigint) RETURNS boolean
    LANGUAGE C VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'qm_set_budget_limit';
COMMENT ON FUNCTION quantmesh.set_budget_limit(text, text, bigint) IS
    'Sets how much an exchange allows in a window, as it says itself. Returns false when that was known. account: the account, or the name of the address. kind: weight, orders_10s or orders_day. allowed: how much.';

CREATE VIEW quantmesh.rate_budgets WITH (security_barrier) AS
    SELECT w.account, w.kind, w.allowed, CASE WHEN w.now_open THEN w.used ELSE 0 END AS used,
           CASE WHEN w.now_open THEN w.reported END AS reported,
           CASE WHEN w.now_open THEN w.window_start + w.length END AS window_end,
           CASE WHEN w.blocked_until > pg_catalog.clock_timestamp() THEN w.blocked_until END AS blocked_until
    FROM (SELECT b.*, l.length, b.window_start + l.length > pg_catalog.clock_timestamp() AS now_open
          FROM quantmesh.rate_budget AS b
          JOIN (VALUES ('weight', interval '1 minute'), ('orders_10s', interval '10 s'), ('orders_day', interval '24 h')) AS l (kind, length) ON l.kind = b.kind
          WHERE quantmesh.account_is_visible(b.account)) AS w;
COMMENT ON VIEW quantmesh.rate_budgets IS 'What may still be sent to exchanges, by account and limit, as of now.';
COMMENT ON COLUMN quantmesh.rate_budgets.account IS 'The account, or the name under which an address is counted.';
COMMENT ON COLUMN quantmesh.rate_budgets.kind IS 'weight (a minute), orders_10s (ten seconds) or orders_day.';
COMMENT ON COLUMN quantmesh.rate_budgets.allowed IS 'How much the exchange allows in a window.';
COMMENT ON COLUMN quantmesh.rate_budgets.used IS 'What counts as used in this window, chunks that are held by instances included.';
COMMENT ON COLUMN quantmesh.rate_budgets.reported IS 'The largest count that the exchange has reported in this window; NULL if none.';
COMMENT ON COLUMN quantmesh.rate_budgets.window_end IS 'When this window ends; NULL if nothing was used in it.';
COMMENT ON COLUMN quantmesh.rate_budgets.blocked_until IS 'Until when nothing is given out; NULL if it is.';
