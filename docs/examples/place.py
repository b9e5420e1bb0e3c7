"""An instance in small, with psycopg 3: it places one order, tells what the exchange said of it, cancels it, and guards a
piece of work of its own with a lock.

    sudo apt-get install python3-psycopg
    python3 place.py "host=localhost dbname=trading user=bot"

The market must be known: SELECT quantmesh.set_market('binance', 'BTCUSDT', tick_size => 0.01, step_size => 0.00001).
"""

import sys
import time
import uuid
from datetime import datetime, timezone
from decimal import Decimal

import psycopg
from psycopg.rows import namedtuple_row

ACCOUNT = "binance"
SYMBOL = "BTCUSDT"
GIVE_UP_S = 30


class Coordinator:
    """A connection that is made when it is needed, and again after a break."""

    def __init__(self, conninfo):
        self.conninfo = conninfo
        self.connection = None

    def call(self, statement, *values):
        """Makes a call, which commits at once, and returns its row. If the connection breaks, nobody knows whether it was
        done: it is made again. Every call below may be."""
        give_up = time.monotonic() + GIVE_UP_S
        pause = 0.05
        while True:
            try:
                return self.connected().execute(statement, values).fetchone()
            except psycopg.OperationalError as error:
                if not is_break(error) or time.monotonic() > give_up:
                    raise
            self.close()
            time.sleep(pause)
            pause = min(2 * pause, 2)

    def connected(self):
        """Returns the connection."""
        if self.connection is None:
            # Nothing is prepared: so it works behind PgBouncer in transaction mode, too.
            self.connection = psycopg.connect(
                self.conninfo, autocommit=True, prepare_threshold=None, row_factory=namedtuple_row, connect_timeout=5
            )
        return self.connection

    def close(self):
        """Lets go of the connection: the next call makes another."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def is_break(error):
    """Tells whether the connection has failed, or the server goes down or comes up: all else would fail again."""
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


def new_request_id():
    """Returns an id that nobody else has: so an order that is replayed under it was placed by our own first call. It begins
    with the time, which keeps the server's index of them local."""
    return f"{time.time_ns() // 1_000_000:012x}-{uuid.uuid4().hex}"


def send_order(client_order_id):
    """Stands for the exchange: it would get client_order_id, and refuse a second order of that id."""
    print("sending", client_order_id)
    return "4711"


def trade(coordinator):
    """Places an order, sends it if it may, and cancels it."""
    # Prices and quantities are Decimal: PostgreSQL has no place_order for floats.
    placement = coordinator.call(
        "SELECT * FROM quantmesh.place_order(%s, %s, 'buy', %s, %s, request_id => %s, strategy => 'example')",
        ACCOUNT,
        SYMBOL,
        Decimal("65000"),
        Decimal("0.01"),
        new_request_id(),
    )
    print(placement.outcome, placement.reason or "", placement.detail or "")
    if placement.outcome != "placed":
        return
    order = (ACCOUNT, placement.order_id, placement.fence)
    # It is the server's clock that counts, so keep both in step.
    if datetime.now(timezone.utc) > placement.send_before:
        # Too late to send it: say so, and nothing is in doubt.
        coordinator.call("SELECT * FROM quantmesh.resolve_submission(%s, %s, %s, 'not_sent')", *order)
        return
    try:
        exchange_order_id = send_order(placement.client_order_id)
    except OSError:
        # The reply was lost, and perhaps not the order: ask the exchange for its client order id, and report what it says.
        coordinator.call("SELECT * FROM quantmesh.resolve_submission(%s, %s, %s, 'unknown')", *order)
        return
    report = coordinator.call(
        "SELECT * FROM quantmesh.apply_report(%s, %s, client_order_id => %s, state => 'open', exchange_order_id => %s)",
        ACCOUNT,
        SYMBOL,
        placement.client_order_id,
        exchange_order_id,
    )
    print("the order is", report.state)

    cancellation = coordinator.call("SELECT * FROM quantmesh.cancel_order(%s, %s)", ACCOUNT, placement.order_id)
    # After a break, skipped may be our own first call: to send a cancel twice does no harm.
    if cancellation.outcome in ("requested", "skipped"):
        print("cancelling", cancellation.client_order_id)
        report = coordinator.call(
            "SELECT * FROM quantmesh.resolve_cancel(%s, %s, 'done')", ACCOUNT, placement.order_id
        )
        print("the order is", report.state)


def work(conninfo):
    """Does something that only one instance may do at a time, in one transaction: its rows are stored and the lock is free,
    or neither happened."""
    with psycopg.connect(conninfo) as connection:
        fence = connection.execute("SELECT quantmesh.try_xact_lock('report:daily')").fetchone()[0]
        if fence is None:
            print("somebody else is at it")
            return
        print("locked, under a fence:", "yes" if fence > 0 else "no")
        print("working")


def main():
    conninfo = sys.argv[1] if len(sys.argv) > 1 else ""
    coordinator = Coordinator(conninfo)
    coordinator.connected()  # a mistake in the address is told at once
    trade(coordinator)
    coordinator.close()
    work(conninfo)


main()
