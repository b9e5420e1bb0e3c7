/*
 * Shows what the classifier of reconciliation makes of open orders and trades:
 * which order they are of, what is adopted, booked and asked for; balances, and
 * the words.
 */
#include "reconcile_given.h"

static void
test_strangers(void **state)
{
    QmRemoteOrder *open;

    (void) state;
    begin();
    open = remote(1);
    expect("ORPHAN_OURS adopt+cancel repair r501\n", 0, 0);
    open->ours = false;
    expect("EXTERNAL_ORDER adopt repair r501\n", 0, 0);
    open->client_order_id = NULL;
    expect("EXTERNAL_ORDER adopt repair r501\n", 0, 0);
    remote(1)->ours = true;
    expect("ORPHAN_OURS adopt+cancel repair r501\n", 0, 0);
    begin();
    remote(3);
    remote(2)->ours = false;
    remote(1);
    expect("ORPHAN_OURS adopt+cancel repair r501\nEXTERNAL_ORDER adopt repair r502\n"
           "ORPHAN_OURS adopt+cancel repair r503\n",
           0,
           0);
}

/* An order is found by the id of any attempt, else by the exchange's. */
static void
test_matching(void **state)
{
    QmRemoteOrder *open;

    (void) state;
    begin();
    local(1, QM_ORDER_OPEN);
    open = remote(1);
    open->exchange_order_id = "7";
    open->client_order_id = client_id(1, 12);
    expect("", 0, 1);
    open->client_order_id = "qab131a0";
    expect("MISSING_AT_EXCHANGE query repair l1\nORPHAN_OURS adopt+cancel repair r7\n", 0, 0);
    open->client_order_id = NULL;
    expect("MISSING_AT_EXCHANGE query repair l1\nORPHAN_OURS adopt+cancel repair r7\n", 0, 0);
    open->exchange_order_id = "501";
    expect("", 0, 1);
    open->client_order_id = "";
    expect("", 0, 1);
    open->client_order_id = "web_1";
    expect("", 0, 1);
    given.locals[0].client_order_id = NULL;
    expect("", 0, 1);
}

/* Ids that have not our form are used again by those who make them. */
static void
test_matching_foreign(void **state)
{
    QmLocalOrder *order;
    QmRemoteOrder *open;

    (void) state;
    begin();
    order = local(1, QM_ORDER_OPEN);
    open = remote(1);
    order->origin = QM_ORIGIN_EXTERNAL;
    order->client_order_id = open->client_order_id = "bot";
    open->ours = false;
    open->exchange_order_id = "7";
    expect("MISSING_AT_EXCHANGE query repair l1\nEXTERNAL_ORDER adopt repair r7\n", 0, 0);
    order->exchange_order_id = NULL;
    expect("", 0, 1);
    open = remote(2);
    open->ours = false;
    open->client_order_id = "bot";
    expect("EXTERNAL_ORDER adopt repair r502\n", 0, 1);
    given.comparison.nremotes = 0;
    remote(2)->client_order_id = "bot";
    given.remotes[0].ours = false;
    local(3, QM_ORDER_OPEN)->client_order_id = "bot";
    by_id(3)->exchange_order_id = NULL;
    local(4, QM_ORDER_OPEN)->client_order_id = "bot";
    by_id(1)->exchange_order_id = "501";
    expect("MISSING_AT_EXCHANGE query repair l1\nMISSING_AT_EXCHANGE query repair l4\n", 0, 1);
    begin();
    local(1, QM_ORDER_OPEN)->client_order_id = "qab12x";
    local(2, QM_ORDER_OPEN)->client_order_id = "qab12xa1";
    by_id(1)->exchange_order_id = by_id(2)->exchange_order_id = NULL;
    remote(1)->client_order_id = "qab12xa0";
    expect("MISSING_AT_EXCHANGE query repair l1\n", 0, 1);
    given.remotes[0].client_order_id = "qab12x";
    expect("MISSING_AT_EXCHANGE query repair l2\n", 0, 1);
}

/* Two attempts at one order are both open: the one that the order stands for is it, the other is too much. */
static void
test_second_attempt(void **state)
{
    (void) state;
    begin();
    local(1, QM_ORDER_OPEN)->exchange_order_id = NULL;
    given.locals[0].client_order_id = client_id(1, 1);
    remote(1);
    remote(2)->client_order_id = client_id(1, 1);
    expect("ORPHAN_OURS apply+cancel repair l1 r501\n", 0, 0);
    given.locals[0].exchange_order_id = "501";
    expect("ORPHAN_OURS apply+cancel repair l1 r502\n", 0, 0);
    given.locals[0].settled = false;
    expect("", 1, 0);
    given.locals[0].settled = true;
    trade("9", 2, 4);
    expect("ORPHAN_OURS apply+cancel repair l1 r502\nMISSED_FILL book repair l1 r501 t9\n", 0, 0);
}

/* A list that was read in pages can have an order twice: what was read last counts. */
static void
test_repeated(void **state)
{
    (void) state;
    begin();
    local(1, QM_ORDER_PARTIALLY_FILLED)->filled = 3;
    given.locals[0].reported = 3;
    remote(1);
    remote(1)->filled = 3;
    remote(1)->filled = 2;
    expect("", 0, 1);
}

/* While anything has an id of an order, it is neither absent nor lost, whatever was answered. */
static void
test_named(void **state)
{
    QmLocalOrder *order;
    QmRemoteOrder *open;

    (void) state;
    begin();
    order = local(1, QM_ORDER_UNKNOWN);
    order->accept_deadline_us = PASSED;
    order->absent_answers = QM_ABSENT_ANSWERS;
    open = remote(2);
    open->filled = 1;
    open->ours = false;
    expect("INFLIGHT_ABSENT prove_absent repair l1\nEXTERNAL_ORDER adopt repair r502\n", 0, 0);
    remote(2)->client_order_id = client_id(1, 0);
    expect("INFLIGHT_ABSENT query repair l1\nEXTERNAL_ORDER adopt repair r502\n", 0, 0);
    begin();
    order = local(1, QM_ORDER_OPEN);
    order->absent_answers = QM_ABSENT_ANSWERS;
    local(2, QM_ORDER_OPEN);
    remote(2);
    expect("MISSING_AT_EXCHANGE give_up repair l1\n", 0, 1);
    given.remotes[0].exchange_order_id = "501";
    expect("MISSING_AT_EXCHANGE query repair l1\n", 0, 1);
}

static void
test_missed_and_late(void **state)
{
    QmLocalOrder *order;

    (void) state;
    begin();
    order = local(1, QM_ORDER_OPEN);
    order->settled = false;
    trade("9", 1, 4);
    trade("10", 1, 6);
    expect("MISSED_FILL book repair l1 t9\nMISSED_FILL book repair l1 t10\n", 1, 0);
    order->state = QM_ORDER_CANCELED;
    expect("LATE_FILL book repair l1 t9\nLATE_FILL book repair l1 t10\n", 1, 0);
    order->reported = 9;
    expect("MISSED_FILL book repair l1 t9\nLATE_FILL book repair l1 t10\n", 1, 0);
    order->reported = 10;
    expect("MISSED_FILL book repair l1 t9\nMISSED_FILL book repair l1 t10\n", 1, 0);
    order->filled = 1;
    expect("OVERFILL none never l1\nMISSED_FILL book repair l1 t9\nLATE_FILL book repair l1 t10\n", 1, 0);
    given.trades[0].known = given.trades[1].known = QM_TRADE_SAME;
    order->filled = 10;
    order->settled = true;
    expect("", 0, 1);
}

/* Nothing is booked that contradicts the ledger, the order, or the snapshot itself. */
static void
test_mismatch(void **state)
{
    QmRemoteTrade *first;

    (void) state;
    begin();
    local(1, QM_ORDER_LOST);
    first = trade("9", 1, 4);
    first->known = QM_TRADE_DIFFERENT;
    expect("FILL_MISMATCH none never l1 t9\n", 0, 0);
    first->known = QM_TRADE_NEW;
    first->buy = false;
    expect("FILL_MISMATCH none never l1 t9\n", 0, 0);
    first->buy = true;
    trade("9", 1, 4)->client_order_id = client_id(1, 0);
    expect("MISSED_FILL book repair l1 t9\n", 0, 0);
    given.trades[1].quantity = given.trades[0].quantity == 4 ? 5 : 4;
    expect("MISSED_FILL book repair l1 t9\nFILL_MISMATCH none never l1 t9\n", 0, 0);
    given.trades[0].known = QM_TRADE_SAME;
    expect("FILL_MISMATCH none never l1 t9\n", 0, 0);
    trade("9", 1, given.trades[1].quantity);
    expect("FILL_MISMATCH none never l1 t9\n", 0, 0);
    begin();
    trade("9", 1, 4)->known = QM_TRADE_DIFFERENT;
    expect("FILL_MISMATCH none never t9\n", 0, 0);
}

/* A trade between two orders of ours is there once for each side. */
static void
test_both_sides(void **state)
{
    (void) state;
    begin();
    local(1, QM_ORDER_LOST);
    local(2, QM_ORDER_LOST)->buy = false;
    trade("9", 1, 4);
    trade("9", 2, 4)->buy = false;
    expect("MISSED_FILL book repair l1 t9\nMISSED_FILL book repair l2 t9\n", 0, 0);
}

/* Trades of an order that is to be adopted are booked after that. */
static void
test_trade_of_stranger(void **state)
{
    (void) state;
    begin();
    remote(1);
    trade("9", 1, 4);
    expect("ORPHAN_OURS adopt+cancel repair r501\nMISSED_FILL book repair r501 t9\n", 0, 0);
    given.remotes[0].ours = false;
    expect("EXTERNAL_ORDER adopt repair r501\nMISSED_FILL book repair r501 t9\n", 0, 0);
    given.trades[0].buy = false;
    expect("EXTERNAL_ORDER adopt repair r501\nFILL_MISMATCH none never r501 t9\n", 0, 0);
}

/* Trades of an order that nobody knows make it asked for, once. */
static void
test_strays(void **state)
{
    (void) state;
    begin();
    trade("9", 1, 4);
    trade("8", 1, 4);
    trade("7", 2, 4);
    trade("6", 2, 4)->ours = true;
    trade("5", 3, 4)->known = QM_TRADE_SAME;
    trade("9", 1, 4);
    expect("EXTERNAL_ORDER query repair t8\nORPHAN_OURS query repair t6\n", 0, 0);
}

static void
test_balances(void **state)
{
    const QmUnits huge = (QmUnits) (~(unsigned __int128) 0 >> 1);

    (void) state;
    begin();
    balance("BTC", 10, 8, 2);
    balance("ETH", -10, -8, 1);
    balance("USDT", 10, 13, 2);
    balance("XRP", 8, 10, 2);
    balance("DOGE", -huge, huge, huge);
    expect("POSITION_MISMATCH none never bETH\nPOSITION_MISMATCH none never bDOGE\nPOSITION_MISMATCH none never "
           "bUSDT\n",
           0,
           0);
}

/* Sums of absurd quantities stop at the end of what a number can be. */
static void
test_absurd_quantities(void **state)
{
    const QmUnits huge = (QmUnits) (~(unsigned __int128) 0 >> 1);

    (void) state;
    begin();
    local(1, QM_ORDER_CANCELED)->filled = huge;
    trade("9", 1, huge);
    trade("8", 1, huge);
    expect("OVERFILL none never l1\nLATE_FILL book repair l1 t8\nLATE_FILL book repair l1 t9\n", 0, 0);
    begin();
    local(1, QM_ORDER_CANCELED)->filled = -huge;
    trade("9", 1, -huge);
    trade("8", 1, -huge);
    expect("FILL_GAP query repair l1\nMISSED_FILL book repair l1 t8\nMISSED_FILL book repair l1 t9\n", 0, 0);
}

/* Adoptions come before what is booked for them, and what is applied before what is canceled. */
static void
test_order_of_findings(void **state)
{
    (void) state;
    begin();
    local(2, QM_ORDER_UNKNOWN)->cancel_pending = true;
    given.locals[0].cancel_deadline_us = PASSED;
    local(1, QM_ORDER_OPEN);
    remote(2)->price = 99;
    remote(3);
    trade("9", 3, 4);
    trade("8", 4, 4);
    trade("7", 2, 4);
    balance("BTC", 0, 1, 0);
    expect("MISSING_AT_EXCHANGE query repair l1\n"
           "INFLIGHT_CONFIRMED apply repair l2 r502\n"
           "QTY_PRICE_DRIFT amend repair l2 r502\n"
           "CANCEL_STUCK cancel repair l2 r502\n"
           "ORPHAN_OURS adopt+cancel repair r503\n"
           "MISSED_FILL book repair l2 r502 t7\n"
           "MISSED_FILL book repair r503 t9\n"
           "EXTERNAL_ORDER query repair t8\n"
           "POSITION_MISMATCH none never bBTC\n",
           0,
           0);
}

static void
test_words(void **state)
{
    QmPolicy policy = QM_POLICIES;

    (void) state;
    for (int i = 0; i < QM_FINDINGS; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(qm_finding_name((QmFindingCode) i), qm_finding_name((QmFindingCode) j));
    for (int i = 0; i < QM_REPAIRS; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(qm_repair_name((QmRepair) i), qm_repair_name((QmRepair) j));
    for (int i = 0; i < QM_POLICIES; i++)
    {
        assert_true(qm_policy_parse(qm_policy_name((QmPolicy) i), &policy));
        assert_int_equal(policy, i);
    }
    assert_false(qm_policy_parse("", &policy));
    assert_false(qm_policy_parse("Repair", &policy));
    assert_int_equal(qm_remote_order_state(&(QmRemoteOrder){.filled = 0}), QM_ORDER_OPEN);
    assert_int_equal(qm_remote_order_state(&(QmRemoteOrder){.filled = 1}), QM_ORDER_PARTIALLY_FILLED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_matching_foreign),
        cmocka_unit_test(test_second_attempt),
        cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_missed_and_late),
        cmocka_unit_test(test_named),
        cmocka_unit_test(test_mismatch),
        cmocka_unit_test(test_both_sides),
        cmocka_unit_test(test_trade_of_stranger),
        cmocka_unit_test(test_strays),
        cmocka_unit_test(test_balances),
        cmocka_unit_test(test_absurd_quantities),
        cmocka_unit_test(test_order_of_findings),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
