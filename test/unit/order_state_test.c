/*
 * The table of order states: its invariants over every state and event, and
 * that the exchange's news leads to one end in whichever order it arrives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "order_state.h"

#define NEWS_MAX 6

/* is_news says whether the event is something that the exchange says of an order that it has. */
static bool
is_news(QmOrderEvent event)
{
    return event >= QM_EVENT_OPENED;
}

/* is_conclusion says whether the state is one that we concluded, so that news can overturn it. */
static bool
is_conclusion(QmOrderState state)
{
    return state == QM_ORDER_INTENT || state == QM_ORDER_REJECTED || state == QM_ORDER_ABORTED ||
           state == QM_ORDER_NEVER_ACCEPTED;
}

/* test_effects holds every entry against what its effect means. */
static void
test_effects(void **state)
{
    (void) state;
    for (int from = 0; from < QM_ORDER_STATES; from++)
    {
        for (int event = 0; event < QM_EVENTS; event++)
        {
            QmOrderTransition transition = qm_order_transition((QmOrderState) from, (QmOrderEvent) event);
            bool moves = transition.effect == QM_EFFECT_MOVES || transition.effect == QM_EFFECT_FLAGGED;

            assert_int_equal(moves, transition.to != (QmOrderState) from);
            assert_true(transition.effect != QM_EFFECT_REFUSED || !is_news((QmOrderEvent) event));
            assert_int_equal(transition.effect == QM_EFFECT_FLAGGED,
                             is_conclusion((QmOrderState) from) && is_news((QmOrderEvent) event));
        }
    }
}

/* test_ranks sees that states only move forward, but where a conclusion is overturned or a request was not processed. */
static void
test_ranks(void **state)
{
    (void) state;
    for (int from = 0; from < QM_ORDER_STATES; from++)
    {
        for (int event = 0; event < QM_EVENTS; event++)
        {
            QmOrderTransition transition = qm_order_transition((QmOrderState) from, (QmOrderEvent) event);

            if (transition.effect != QM_EFFECT_MOVES || from == QM_ORDER_LOST || event == QM_EVENT_NOT_PROCESSED)
                continue;
            assert_true(qm_order_rank(transition.to) > qm_order_rank((QmOrderState) from));
        }
    }
}

/* test_ends sees that an order that the exchange has ended stays as it is. */
static void
test_ends(void **state)
{
    static const QmOrderState ends[] = {QM_ORDER_FILLED, QM_ORDER_CANCELED, QM_ORDER_EXPIRED};

    (void) state;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
    {
        assert_false(qm_order_is_live(ends[i]));
        for (int event = 0; event < QM_EVENTS; event++)
            assert_int_equal(qm_order_transition(ends[i], (QmOrderEvent) event).to, ends[i]);
    }
}

/* test_reachable sees that every state can be reached from the first one. */
static void
test_reachable(void **state)
{
    bool reached[QM_ORDER_STATES] = {[QM_ORDER_INTENT] = true};

    (void) state;
    for (int round = 0; round < QM_ORDER_STATES; round++)
        for (int from = 0; from < QM_ORDER_STATES; from++)
            for (int event = 0; reached[from] && event < QM_EVENTS; event++)
                reached[qm_order_transition((QmOrderState) from, (QmOrderEvent) event).to] = true;
    for (int i = 0; i < QM_ORDER_STATES; i++)
        assert_true(reached[i]);
}

/* permute applies the news in every order, each once or twice, and expects one end. */
static void
permute(QmOrderState from, QmOrderState state, const QmOrderEvent *news, int nnews, int *left, int left_total,
        QmOrderState end)
{
    if (left_total == 0)
    {
        assert_int_equal(state, end);
        return;
    }
    for (int i = 0; i < nnews; i++)
    {
        QmOrderTransition transition = qm_order_transition(state, news[i]);

        if (left[i] == 0)
            continue;
        assert_true(transition.effect == QM_EFFECT_MOVES || transition.effect == QM_EFFECT_IGNORED ||
                    (transition.effect == QM_EFFECT_FLAGGED && is_conclusion(from)));
        left[i]--;
        permute(from, transition.to, news, nnews, left, left_total - 1, end);
        left[i]++;
    }
}

/* test_any_order tries all orders of what an exchange may say, from every state in which it may say it. */
static void
test_any_order(void **state)
{
    static const struct
    {
        QmOrderEvent news[NEWS_MAX];
        int nnews;
        QmOrderState end;
    } lives[] = {
        {{QM_EVENT_OPENED}, 1, QM_ORDER_OPEN},
        {{QM_EVENT_OPENED, QM_EVENT_PART_FILLED}, 2, QM_ORDER_PARTIALLY_FILLED},
        {{QM_EVENT_OPENED, QM_EVENT_FILLED}, 2, QM_ORDER_FILLED},
        {{QM_EVENT_OPENED, QM_EVENT_PART_FILLED, QM_EVENT_FILLED}, 3, QM_ORDER_FILLED},
        {{QM_EVENT_OPENED, QM_EVENT_PART_FILLED, QM_EVENT_CANCELED}, 3, QM_ORDER_CANCELED},
        {{QM_EVENT_OPENED, QM_EVENT_PART_FILLED, QM_EVENT_EXPIRED}, 3, QM_ORDER_EXPIRED},
    };
    static const QmOrderState starts[] = {QM_ORDER_INTENT,
                                          QM_ORDER_SUBMITTED,
                                          QM_ORDER_UNKNOWN,
                                          QM_ORDER_LOST,
                                          QM_ORDER_REJECTED,
                                          QM_ORDER_ABORTED,
                                          QM_ORDER_NEVER_ACCEPTED};

    (void) state;
    for (size_t life = 0; life < sizeof(lives) / sizeof(lives[0]); life++)
    {
        for (size_t start = 0; start < sizeof(starts) / sizeof(starts[0]); start++)
        {
            int left[NEWS_MAX] = {2, 2, 2, 2, 2, 2};

            permute(starts[start],
                    starts[start],
                    lives[life].news,
                    lives[life].nnews,
                    left,
                    2 * lives[life].nnews,
                    lives[life].end);
        }
    }
}

/* test_names sees that every state and event has a name of its own. */
static void
test_names(void **state)
{
    (void) state;
    for (int i = 0; i < QM_ORDER_STATES; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(qm_order_state_name((QmOrderState) i), qm_order_state_name((QmOrderState) j));
    for (int i = 0; i < QM_EVENTS; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(qm_order_event_name((QmOrderEvent) i), qm_order_event_name((QmOrderEvent) j));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_effects),
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_reachable),
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
