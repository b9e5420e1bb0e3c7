/*
 * Shows what the classifier of reconciliation finds about our orders: every code
 * that they can have, in every state, and what each policy would repair.
 */
#include "reconcile_given.h"

static void
test_nothing_differs(void **state)
{
    (void) state;
    begin();
    expect("", 0, 0);
    local(1, QM_ORDER_OPEN);
    remote(1);
    local(2, QM_ORDER_PARTIALLY_FILLED)->filled = 4;
    given.locals[1].reported = 4;
    remote(2)->filled = 4;
    local(3, QM_ORDER_INTENT);
    local(4, QM_ORDER_LOST);
    local(5, QM_ORDER_CANCELED);
    balance("BTC", 5, 5, 0);
    expect("", 0, 5);
}

/* A snapshot that was not read to its end says nothing, not even of instances. */
static void
test_incomplete(void **state)
{
    (void) state;
    begin();
    given.comparison.complete = false;
    local(1, QM_ORDER_OPEN);
    local(2, QM_ORDER_INTENT)->owner_is_dead = true;
    remote(3);
    trade("1", 1, 5);
    balance("BTC", 0, 5, 0);
    expect("SNAPSHOT_INCOMPLETE none never\n", 0, 0);
}

/* An empty answer is a failure if we have open orders: but not one that shows balances, or anything else. */
static void
test_empty(void **state)
{
    QmLocalOrder *order;

    (void) state;
    begin();
    given.comparison.balances_seen = false;
    order = local(1, QM_ORDER_PARTIALLY_FILLED);
    expect("SNAPSHOT_INCOMPLETE none never\n", 0, 0);
    order->settled = false;
    expect("", 1, 0);
    order->settled = true;
    given.comparison.balances_seen = true;
    expect("MISSING_AT_EXCHANGE query repair l1\n", 0, 0);
    given.comparison.balances_seen = false;
    balance("BTC", 0, 0, 0);
    expect("MISSING_AT_EXCHANGE query repair l1\n", 0, 0);
    given.comparison.nbalances = 0;
    trade("9", 2, 1)->known = QM_TRADE_SAME;
    expect("MISSING_AT_EXCHANGE query repair l1\n", 0, 0);
    given.comparison.ntrades = 0;
    remote(2)->ours = false;
    expect("MISSING_AT_EXCHANGE query repair l1\nEXTERNAL_ORDER adopt repair r502\n", 0, 0);
    given.comparison.nremotes = 0;
    given.locals[0].state = QM_ORDER_UNKNOWN;
    expect("", 1, 0);
}

static void
test_in_flight(void **state)
{
    QmLocalOrder *order;

    (void) state;
    begin();
    order = local(1, QM_ORDER_SUBMITTED);
    expect("", 1, 0);
    order->accept_deadline_us = AHEAD;
    order->absent_answers = QM_ABSENT_ANSWERS;
    expect("", 1, 0);
    order->accept_deadline_us = PASSED;
    expect("INFLIGHT_ABSENT forget_reply repair l1\n", 0, 0);
    order->state = QM_ORDER_UNKNOWN;
    expect("INFLIGHT_ABSENT prove_absent repair l1\n", 0, 0);
    order->absent_answers--;
    expect("INFLIGHT_ABSENT query repair l1\n", 0, 0);
    order->absent_answers++;
    order->accept_deadline_us = AHEAD;
    expect("", 1, 0);
    order->accept_deadline_us = 0;
    expect("", 1, 0);
    order->accept_deadline_us = PASSED;
    order->settled = false;
    expect("", 1, 0);
    remote(1);
    expect("", 1, 0);
    order->settled = true;
    expect("INFLIGHT_CONFIRMED apply repair l1 r501\n", 0, 0);
    order->state = QM_ORDER_SUBMITTED;
    order->accept_deadline_us = AHEAD;
    order->owner_is_dead = true;
    expect("INFLIGHT_CONFIRMED apply repair l1 r501\n", 0, 0);
}

/* What has traded was accepted, whatever queries say: it is not absent, and if the ledger has it, it is lost at worst. */
static void
test_in_flight_trades(void **state)
{
    QmLocalOrder *order;

    (void) state;
    begin();
    order = local(1, QM_ORDER_UNKNOWN);
    order->accept_deadline_us = PASSED;
    order->absent_answers = QM_ABSENT_ANSWERS;
    trade("9", 77, 4)->client_order_id = client_id(1, 2);
    expect("INFLIGHT_CONFIRMED query repair l1 t9\nMISSED_FILL book repair l1 t9\n", 0, 0);
    given.trades[0].known = QM_TRADE_SAME;
    trade("10", 77, 4)->client_order_id = client_id(1, 2);
    given.trades[1].known = QM_TRADE_SAME;
    expect("INFLIGHT_CONFIRMED query repair l1 t9\n", 0, 0);
    begin();
    order = local(1, QM_ORDER_UNKNOWN);
    order->accept_deadline_us = PASSED;
    order->absent_answers = QM_ABSENT_ANSWERS;
    trade("9", 77, 4)->client_order_id = client_id(1, 2);
    given.trades[0].known = QM_TRADE_DIFFERENT;
    expect("INFLIGHT_CONFIRMED query repair l1 t9\nFILL_MISMATCH none never l1 t9\n", 0, 0);
    given.comparison.ntrades = 0;
    order->filled = 4;
    expect("INFLIGHT_ABSENT give_up repair l1\n", 0, 0);
    order->filled = 0;
    order->reported = 4;
    expect("INFLIGHT_ABSENT give_up repair l1\nFILL_GAP query repair l1\n", 0, 0);
}

static void
test_missing(void **state)
{
    QmLocalOrder *order;

    (void) state;
    begin();
    order = local(1, QM_ORDER_OPEN);
    order->absent_answers = QM_ABSENT_ANSWERS - 1;
    expect("MISSING_AT_EXCHANGE query repair l1\n", 0, 0);
    order->absent_answers++;
    expect("MISSING_AT_EXCHANGE give_up repair l1\n", 0, 0);
    trade("9", 1, 4);
    expect("MISSING_AT_EXCHANGE query repair l1\nMISSED_FILL book repair l1 t9\n", 0, 0);
    given.trades[0].known = QM_TRADE_DIFFERENT;
    expect("MISSING_AT_EXCHANGE query repair l1\nFILL_MISMATCH none never l1 t9\n", 0, 0);
    given.trades[0].known = QM_TRADE_SAME;
    expect("MISSING_AT_EXCHANGE give_up repair l1\n", 0, 0);
    given.comparison.ntrades = 0;
    order->state = QM_ORDER_PARTIALLY_FILLED;
    expect("MISSING_AT_EXCHANGE give_up repair l1\n", 0, 0);
    order->settled = false;
    expect("", 1, 0);
}

static void
test_state_drift(void **state)
{
    QmLocalOrder *order;

    (void) state;
    begin();
    order = local(1, QM_ORDER_INTENT);
    remote(1);
    expect("STATE_DRIFT apply repair l1 r501\n", 0, 0);
    order->state = QM_ORDER_LOST;
    expect("STATE_DRIFT apply repair l1 r501\n", 0, 0);
    order->settled = false;
    expect("", 1, 0);
    order->settled = true;
    order->state = QM_ORDER_OPEN;
    order->filled = order->reported = 4;
    given.remotes[0].filled = 4;
    expect("STATE_DRIFT apply repair l1 r501\n", 0, 0);
    order->state = QM_ORDER_PARTIALLY_FILLED;
    expect("", 0, 1);
}

static void
test_numbers(void **state)
{
    QmLocalOrder *order;
    QmRemoteOrder *open;

    (void) state;
    begin();
    order = local(1, QM_ORDER_OPEN);
    open = remote(1);
    open->price++;
    expect("QTY_PRICE_DRIFT amend repair l1 r501\n", 0, 0);
    open->price--;
    open->quantity--;
    expect("QTY_PRICE_DRIFT amend repair l1 r501\n", 0, 0);
    open->buy = false;
    expect("QTY_PRICE_DRIFT none never l1 r501\n", 0, 0);
    order->settled = false;
    expect("", 1, 0);
    order->settled = true;
    open->buy = true;
    order->state = QM_ORDER_UNKNOWN;
    expect("INFLIGHT_CONFIRMED apply repair l1 r501\nQTY_PRICE_DRIFT amend repair l1 r501\n", 0, 0);
    order->origin = QM_ORIGIN_EXTERNAL;
    order->state = QM_ORDER_OPEN;
    expect("QTY_PRICE_DRIFT amend repair l1 r501\n", 0, 0);
}

static void
test_fill_gap(void **state)
{
    QmLocalOrder *order;
    QmRemoteOrder *open;

    (void) state;
    begin();
    order = local(1, QM_ORDER_PARTIALLY_FILLED);
    open = remote(1);
    order->filled = order->reported = 2;
    open->filled = 5;
    expect("FILL_GAP query repair l1 r501\n", 0, 0);
    trade("9", 1, 2);
    expect("FILL_GAP query repair l1 r501\nMISSED_FILL book repair l1 r501 t9\n", 0, 0);
    given.trades[0].quantity = 3;
    expect("MISSED_FILL book repair l1 r501 t9\n", 0, 0);
    order->reported = 6;
    expect("FILL_GAP query repair l1 r501\nMISSED_FILL book repair l1 r501 t9\n", 0, 0);
    order->settled = false;
    expect("MISSED_FILL book repair l1 r501 t9\n", 1, 0);
    begin();
    order = local(1, QM_ORDER_FILLED);
    order->filled = 4;
    order->reported = 10;
    expect("FILL_GAP query repair l1\n", 0, 0);
    trade("9", 1, 6);
    expect("MISSED_FILL book repair l1 t9\n", 0, 0);
}

static void
test_overfill(void **state)
{
    QmLocalOrder *order;
    QmRemoteOrder *open;

    (void) state;
    begin();
    order = local(1, QM_ORDER_PARTIALLY_FILLED);
    open = remote(1);
    order->filled = order->reported = 5;
    open->filled = 4;
    expect("OVERFILL none never l1 r501\n", 0, 0);
    order->settled = false;
    expect("", 1, 0);
    trade("9", 1, 6);
    expect("OVERFILL none never l1 r501\nMISSED_FILL book repair l1 r501 t9\n", 1, 0);
    given.trades[0].quantity = 5;
    expect("MISSED_FILL book repair l1 r501 t9\n", 1, 0);
    given.trades[0].quantity = 6;
    open->quantity = 11;
    expect("MISSED_FILL book repair l1 r501 t9\n", 1, 0);
    begin();
    order = local(1, QM_ORDER_FILLED);
    order->filled = order->reported = 11;
    expect("OVERFILL none never l1\n", 0, 0);
}

/* What we had concluded is taken back; what the exchange had said is not, and only canceling helps. */
static void
test_ended_and_open(void **state)
{
    static const QmOrderState concluded[] = {QM_ORDER_REJECTED, QM_ORDER_ABORTED, QM_ORDER_NEVER_ACCEPTED};
    static const QmOrderState said[] = {QM_ORDER_FILLED, QM_ORDER_CANCELED, QM_ORDER_EXPIRED};
    QmLocalOrder *order;

    (void) state;
    begin();
    order = local(1, QM_ORDER_REJECTED);
    remote(1)->price = 7;
    for (int i = 0; i < 3; i++)
    {
        order->origin = i == 1 ? QM_ORIGIN_ADOPTED : QM_ORIGIN_OWN;
        order->state = concluded[i];
        expect("ORPHAN_OURS apply+cancel repair l1 r501\n", 0, 0);
        order->state = said[i];
        expect("ORPHAN_OURS cancel enforce l1 r501\n", 0, 0);
        order->origin = QM_ORIGIN_EXTERNAL;
        order->state = concluded[i];
        expect("STATE_DRIFT apply repair l1 r501\n", 0, 0);
        order->state = said[i];
        expect("STATE_DRIFT query repair l1 r501\n", 0, 0);
    }
    order->settled = false;
    expect("", 1, 0);
}

static void
test_dead_owner(void **state)
{
    QmLocalOrder *order;

    (void) state;
    begin();
    order = local(1, QM_ORDER_INTENT);
    order->owner_is_dead = true;
    expect("LEASE_ORPHAN hand_over repair l1\n", 0, 0);
    order->state = QM_ORDER_SUBMITTED;
    order->accept_deadline_us = AHEAD;
    expect("LEASE_ORPHAN forget_reply repair l1\n", 0, 0);
    order->accept_deadline_us = PASSED;
    expect("LEASE_ORPHAN forget_reply repair l1\n", 0, 0);
    order->settled = false;
    expect("", 1, 0);
    order->settled = true;
    order->state = QM_ORDER_UNKNOWN;
    expect("INFLIGHT_ABSENT query repair l1\n", 0, 0);
    order->state = QM_ORDER_LOST;
    expect("", 0, 1);
}

static void
test_cancel_stuck(void **state)
{
    QmLocalOrder *order;

    (void) state;
    begin();
    order = local(1, QM_ORDER_OPEN);
    remote(1);
    order->cancel_pending = true;
    expect("", 0, 1);
    order->cancel_deadline_us = AHEAD;
    expect("", 0, 1);
    order->cancel_deadline_us = PASSED;
    expect("CANCEL_STUCK cancel repair l1 r501\n", 0, 0);
    order->state = QM_ORDER_UNKNOWN;
    expect("INFLIGHT_CONFIRMED apply repair l1 r501\nCANCEL_STUCK cancel repair l1 r501\n", 0, 0);
    order->state = QM_ORDER_CANCELED;
    expect("ORPHAN_OURS cancel enforce l1 r501\n", 0, 0);
    order->state = QM_ORDER_OPEN;
    order->settled = false;
    expect("", 1, 0);
    order->settled = true;
    order->cancel_pending = false;
    expect("", 0, 1);
    order->cancel_pending = true;
    given.comparison.nremotes = 0;
    expect("MISSING_AT_EXCHANGE query repair l1\n", 0, 0);
}

/* two_in_a_slot gives two open orders of one slot, the older of which has lost it. */
static void
two_in_a_slot(void)
{
    begin();
    for (int i = 1; i <= 2; i++)
    {
        QmLocalOrder *order = local(i, QM_ORDER_OPEN);

        order->slot = "100";
        order->holds_slot = i == 2;
        remote(i);
    }
}

static void
test_duplicate_level(void **state)
{
    (void) state;
    two_in_a_slot();
    expect("DUPLICATE_LEVEL cancel enforce l2 r502\n", 0, 1);
    by_id(1)->holds_slot = true;
    by_id(2)->holds_slot = false;
    expect("DUPLICATE_LEVEL cancel enforce l2 r502\n", 0, 1);
    local(3, QM_ORDER_INTENT)->slot = "100";
    expect("DUPLICATE_LEVEL cancel enforce l2 r502\nDUPLICATE_LEVEL cancel enforce l3\n", 0, 1);
    by_id(3)->buy = false;
    expect("DUPLICATE_LEVEL cancel enforce l2 r502\n", 0, 2);
    by_id(3)->buy = true;
    by_id(3)->slot = "101";
    expect("DUPLICATE_LEVEL cancel enforce l2 r502\n", 0, 2);
    by_id(2)->slot = "101";
    by_id(3)->slot = NULL;
    expect("", 0, 3);
    by_id(2)->slot = by_id(1)->slot = NULL;
    expect("", 0, 3);
    two_in_a_slot();
    by_id(1)->holds_slot = true;
    expect("", 0, 2);
    by_id(1)->holds_slot = false;
    by_id(1)->state = QM_ORDER_CANCELED;
    expect("ORPHAN_OURS cancel enforce l1 r501\n", 0, 1);
}

/* Nothing is canceled while either is moving, and only if the one that is to stay is there, and to stay. */
static void
test_duplicate_level_held_back(void **state)
{
    (void) state;
    two_in_a_slot();
    by_id(1)->settled = false;
    expect("", 1, 1);
    by_id(1)->settled = true;
    by_id(2)->settled = false;
    expect("", 1, 1);
    by_id(2)->settled = true;
    by_id(1)->cancel_pending = true;
    expect("DUPLICATE_LEVEL none never l2 r502\n", 0, 1);
    by_id(1)->cancel_pending = false;
    by_id(2)->cancel_pending = true;
    expect("DUPLICATE_LEVEL none never l2 r502\n", 0, 1);
    two_in_a_slot();
    given.comparison.nremotes = 0;
    remote(2);
    expect("MISSING_AT_EXCHANGE query repair l1\nDUPLICATE_LEVEL none never l2 r502\n", 0, 0);
}

/* Orders of others are never canceled, and ours not for their sake. */
static void
test_duplicate_level_external(void **state)
{
    (void) state;
    two_in_a_slot();
    by_id(2)->origin = QM_ORIGIN_EXTERNAL;
    expect("DUPLICATE_LEVEL none never l2 r502\n", 0, 1);
    by_id(2)->origin = QM_ORIGIN_ADOPTED;
    by_id(1)->origin = QM_ORIGIN_EXTERNAL;
    expect("DUPLICATE_LEVEL none never l1 r501\n", 0, 1);
    by_id(2)->origin = QM_ORIGIN_EXTERNAL;
    expect("", 0, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_differs),
        cmocka_unit_test(test_incomplete),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_in_flight),
        cmocka_unit_test(test_in_flight_trades),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_state_drift),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_fill_gap),
        cmocka_unit_test(test_overfill),
        cmocka_unit_test(test_ended_and_open),
        cmocka_unit_test(test_dead_owner),
        cmocka_unit_test(test_cancel_stuck),
        cmocka_unit_test(test_duplicate_level),
        cmocka_unit_test(test_duplicate_level_held_back),
        cmocka_unit_test(test_duplicate_level_external),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
