/*
 * What holds of every finding, whatever was given: said once more, order by
 * order and without any index, so that it shares nothing with what it checks.
 */
#include "reconcile_case.h"

#include "order_id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE(holds)          \
    do                       \
    {                        \
        if (!(holds))        \
            qz_fail(#holds); \
    } while (0)

static void check_complete(const QmComparison *c, const QmFinding *findings, size_t n);
static void check_form(const QmComparison *c, const QmFinding *finding);
static void check_local(const QmComparison *c, const QmFinding *finding, const QmLocalOrder *local);
static void check_cancel(const QmComparison *c, const QmFinding *finding);
static void check_absent(const QmComparison *c, const QmLocalOrder *local);
static void check_book(const QmComparison *c, const QmFinding *findings, size_t at);
static void check_adopt(const QmComparison *c, const QmFinding *finding);
static bool is_once(const QmComparison *c, const QmFinding *findings, size_t at);
static bool names(const char *client, const char *exchange, const QmLocalOrder *local);
static bool is_same_trade(const QmRemoteTrade *a, const QmRemoteTrade *b);
static bool is_same_text(const char *a, const char *b);

/* qz_fail ends the program, and says which rule was broken. */
void
qz_fail(const char *rule)
{
    fprintf(stderr, "broken rule: %s\n", rule);
    abort();
}

/* qz_rules_check ends the program unless all findings are allowed. */
void
qz_rules_check(const QmComparison *c, const QmFinding *findings, const QmVerdict *verdict)
{
    RULE(verdict->nfindings <= qm_reconcile_room(c));
    RULE(verdict->ndeferred + verdict->nmatched <= c->nlocals);
    RULE(c->complete || (verdict->nfindings == 1 && findings[0].code == QM_FINDING_SNAPSHOT_INCOMPLETE));
    for (size_t i = 0; i < verdict->nfindings; i++)
    {
        const QmFinding *finding = &findings[i];

        RULE(finding->code != QM_FINDING_SNAPSHOT_INCOMPLETE || verdict->nfindings == 1);
        RULE(is_once(c, findings, i));
        check_form(c, finding);
        if (finding->local >= 0)
            check_local(c, finding, &c->locals[finding->local]);
        if (finding->repair == QM_REPAIR_CANCEL || finding->also == QM_REPAIR_CANCEL)
            check_cancel(c, finding);
        if (finding->repair == QM_REPAIR_BOOK)
            check_book(c, findings, i);
        if (finding->repair == QM_REPAIR_ADOPT)
            check_adopt(c, finding);
    }
    if (verdict->nfindings != 1 || findings[0].code != QM_FINDING_SNAPSHOT_INCOMPLETE)
        check_complete(c, findings, verdict->nfindings);
}

/* check_complete checks that nothing is passed over: settled orders that nothing names, and open ones that name none. */
static void
check_complete(const QmComparison *c, const QmFinding *findings, size_t n)
{
    for (size_t i = 0; i < c->nlocals; i++)
    {
        const QmLocalOrder *local = &c->locals[i];
        bool open = local->state == QM_ORDER_OPEN || local->state == QM_ORDER_PARTIALLY_FILLED;
        bool named = false;

        for (size_t j = 0; j < c->nremotes; j++)
            named |= names(c->remotes[j].client_order_id, c->remotes[j].exchange_order_id, local) ||
                     is_same_text(c->remotes[j].client_order_id, local->client_order_id);
        for (size_t j = 0; j < n; j++)
            named |= findings[j].code == QM_FINDING_MISSING_AT_EXCHANGE && findings[j].local == (int) i;
        RULE(named || !open || !local->settled);
    }
    for (size_t i = 0; i < c->nremotes; i++)
    {
        const QmRemoteOrder *remote = &c->remotes[i];
        bool known = false;

        for (size_t j = 0; j < c->nlocals; j++)
            known |= names(remote->client_order_id, remote->exchange_order_id, &c->locals[j]) ||
                     is_same_text(remote->client_order_id, c->locals[j].client_order_id);
        for (size_t j = 0; j < n; j++)
            known |= findings[j].repair == QM_REPAIR_ADOPT &&
                     is_same_text(c->remotes[findings[j].remote].exchange_order_id, remote->exchange_order_id);
        for (size_t j = 0; j < c->nremotes; j++)
            known |= j != i && is_same_text(c->remotes[j].exchange_order_id, remote->exchange_order_id);
        RULE(known);
    }
}

/* check_form checks that a finding is about something, and that its policy is that of its repair. */
static void
check_form(const QmComparison *c, const QmFinding *finding)
{
    RULE((unsigned) finding->code < QM_FINDINGS && (unsigned) finding->repair < QM_REPAIRS);
    RULE(finding->local >= -1 && finding->local < (int) c->nlocals);
    RULE(finding->remote >= -1 && finding->remote < (int) c->nremotes);
    RULE(finding->trade >= -1 && finding->trade < (int) c->ntrades);
    RULE(finding->balance >= -1 && finding->balance < (int) c->nbalances);
    RULE(finding->code == QM_FINDING_SNAPSHOT_INCOMPLETE || finding->local >= 0 || finding->remote >= 0 ||
         finding->trade >= 0 || finding->balance >= 0);
    RULE((finding->repair == QM_REPAIR_NONE) == (finding->needs == QM_POLICIES));
    RULE(finding->needs != QM_POLICY_REPORT);
    RULE((finding->needs == QM_POLICY_ENFORCE) ==
         (finding->repair == QM_REPAIR_CANCEL && finding->code != QM_FINDING_CANCEL_STUCK));
    RULE(finding->also == QM_REPAIR_NONE || finding->also == QM_REPAIR_CANCEL);
    RULE((finding->code == QM_FINDING_POSITION_MISMATCH) == (finding->balance >= 0));
    RULE(finding->repair != QM_REPAIR_APPLY || finding->remote >= 0);
    RULE(finding->repair != QM_REPAIR_AMEND || finding->remote >= 0);
}

/* check_local checks what is to be done with one of our orders. */
static void
check_local(const QmComparison *c, const QmFinding *finding, const QmLocalOrder *local)
{
    bool about_trade = finding->trade >= 0 && finding->code != QM_FINDING_INFLIGHT_CONFIRMED;
    bool passed = local->accept_deadline_us != 0 && c->now_us > local->accept_deadline_us;
    bool found = finding->remote >= 0;

    RULE(local->settled || about_trade || finding->code == QM_FINDING_OVERFILL);
    switch (finding->repair)
    {
        case QM_REPAIR_PROVE_ABSENT:
            RULE(local->state == QM_ORDER_UNKNOWN && passed && local->absent_answers >= QM_ABSENT_ANSWERS && !found);
            RULE(local->filled <= 0 && local->reported <= 0);
            check_absent(c, local);
            break;
        case QM_REPAIR_GIVE_UP:
            RULE(local->absent_answers >= QM_ABSENT_ANSWERS && !found);
            RULE(local->state == QM_ORDER_OPEN || local->state == QM_ORDER_PARTIALLY_FILLED ||
                 (local->state == QM_ORDER_UNKNOWN && passed));
            check_absent(c, local);
            break;
        case QM_REPAIR_FORGET_REPLY:
            RULE(local->state == QM_ORDER_SUBMITTED && (passed || local->owner_is_dead) && !found);
            break;
        case QM_REPAIR_HAND_OVER:
            RULE(local->state == QM_ORDER_INTENT && local->owner_is_dead && !found);
            break;
        case QM_REPAIR_ADOPT:
            qz_fail("what we have is not adopted");
        default:
            break;
    }
}

/* check_absent checks that nothing in the snapshot names an order, unless another one of ours could be meant. */
static void
check_absent(const QmComparison *c, const QmLocalOrder *local)
{
    for (size_t i = 0; i < c->nlocals; i++)
        if (&c->locals[i] != local && (names(local->client_order_id, local->exchange_order_id, &c->locals[i]) ||
                                       names(c->locals[i].client_order_id, c->locals[i].exchange_order_id, local)))
            return;
    for (size_t i = 0; i < c->nremotes; i++)
        RULE(!names(c->remotes[i].client_order_id, c->remotes[i].exchange_order_id, local));
    for (size_t i = 0; i < c->ntrades; i++)
    {
        /* What the ledger has is no news of an order that was open, and of another one if it says so. */
        const QmRemoteTrade *trade = &c->trades[i];
        bool old =
            trade->known == QM_TRADE_SAME && (local->state != QM_ORDER_UNKNOWN || trade->client_order_id != NULL);

        RULE(!names(trade->client_order_id, old ? NULL : trade->exchange_order_id, local) ||
             (old && local->state != QM_ORDER_UNKNOWN));
    }
}

/* check_cancel checks that only what is ours is canceled, or was to be canceled anyhow. */
static void
check_cancel(const QmComparison *c, const QmFinding *finding)
{
    const QmLocalOrder *local = finding->local < 0 ? NULL : &c->locals[finding->local];
    bool older = false;

    if (finding->code == QM_FINDING_CANCEL_STUCK)
    {
        RULE(local != NULL && local->cancel_pending && finding->remote >= 0 && qm_order_is_live(local->state));
        RULE(local->cancel_deadline_us != 0 && c->now_us > local->cancel_deadline_us);
        return;
    }
    RULE(finding->code == QM_FINDING_ORPHAN_OURS || finding->code == QM_FINDING_DUPLICATE_LEVEL);
    if (finding->code == QM_FINDING_ORPHAN_OURS)
    {
        RULE(finding->remote >= 0);
        RULE(c->remotes[finding->remote].ours || (local != NULL && local->origin != QM_ORIGIN_EXTERNAL));
        return;
    }
    RULE(local != NULL && local->origin != QM_ORIGIN_EXTERNAL && !local->cancel_pending);
    RULE(local->slot != NULL && qm_order_is_live(local->state));
    for (size_t i = 0; i < c->nlocals; i++)
        older |= c->locals[i].order_id <= local->order_id && &c->locals[i] != local &&
                 is_same_text(c->locals[i].slot, local->slot) && c->locals[i].buy == local->buy &&
                 c->locals[i].settled && c->locals[i].origin != QM_ORIGIN_EXTERNAL &&
                 qm_order_is_live(c->locals[i].state) && !c->locals[i].cancel_pending;
    RULE(older);
}

/* check_book checks that what is booked is new, fits, is booked once, and after its order was adopted. */
static void
check_book(const QmComparison *c, const QmFinding *findings, size_t at)
{
    const QmFinding *finding = &findings[at];
    const QmRemoteTrade *trade;
    bool adopted = false;

    RULE(finding->trade >= 0);
    trade = &c->trades[finding->trade];
    RULE(trade->known == QM_TRADE_NEW);
    RULE(finding->local >= 0 || finding->remote >= 0);
    RULE(trade->buy == (finding->local >= 0 ? c->locals[finding->local].buy : c->remotes[finding->remote].buy));
    for (size_t i = 0; i < at; i++)
    {
        adopted |= findings[i].repair == QM_REPAIR_ADOPT && findings[i].remote == finding->remote;
        RULE(findings[i].repair != QM_REPAIR_BOOK || !is_same_trade(&c->trades[findings[i].trade], trade));
    }
    RULE(finding->local >= 0 || adopted);
    for (size_t i = 0; i < c->ntrades; i++)
        RULE(c->trades[i].known == QM_TRADE_NEW || !is_same_trade(&c->trades[i], trade));
}

/* check_adopt checks that what is adopted is not one of our orders. */
static void
check_adopt(const QmComparison *c, const QmFinding *finding)
{
    const QmRemoteOrder *remote = &c->remotes[finding->remote];

    RULE(finding->code == (remote->ours ? QM_FINDING_ORPHAN_OURS : QM_FINDING_EXTERNAL_ORDER));
    RULE(remote->ours || finding->also == QM_REPAIR_NONE);
    for (size_t i = 0; i < c->nlocals; i++)
        RULE(!remote->ours || !names(remote->client_order_id, remote->exchange_order_id, &c->locals[i]));
}

/* is_once says whether no finding before says the same; and nothing is adopted or asked for as a stray twice. */
static bool
is_once(const QmComparison *c, const QmFinding *findings, size_t at)
{
    const QmFinding *a = &findings[at];

    for (size_t i = 0; i < at; i++)
    {
        const QmFinding *b = &findings[i];
        bool strays = a->trade >= 0 && b->trade >= 0 && a->local < 0 && b->local < 0 && a->repair == QM_REPAIR_QUERY &&
                      b->repair == QM_REPAIR_QUERY;
        bool adopted = a->repair == QM_REPAIR_ADOPT && b->repair == QM_REPAIR_ADOPT;

        if (a->code == b->code && a->local == b->local && a->remote == b->remote && a->trade == b->trade &&
            a->balance == b->balance)
            return false;
        if (strays && is_same_text(c->trades[a->trade].exchange_order_id, c->trades[b->trade].exchange_order_id))
            return false;
        if (adopted && is_same_text(c->remotes[a->remote].exchange_order_id, c->remotes[b->remote].exchange_order_id))
            return false;
    }
    return true;
}

/* names says whether these ids name an order of ours: by an id of our form, or by the exchange's. */
static bool
names(const char *client, const char *exchange, const QmLocalOrder *local)
{
    const char *attempt;
    char tag[QM_TAG_LEN + 1];
    int64_t order_id;
    int number;

    if (is_same_text(exchange, local->exchange_order_id))
        return true;
    attempt = client == NULL ? NULL : strrchr(client, 'a');
    return attempt != NULL && local->client_order_id != NULL &&
           strrchr(local->client_order_id, 'a') - local->client_order_id == attempt - client &&
           strncmp(client, local->client_order_id, (size_t) (attempt - client)) == 0 &&
           qm_order_id_parse(client, tag, &order_id, &number) &&
           qm_order_id_parse(local->client_order_id, tag, &order_id, &number);
}

/* is_same_trade says whether two entries are one side of one trade. */
static bool
is_same_trade(const QmRemoteTrade *a, const QmRemoteTrade *b)
{
    return is_same_text(a->trade_id, b->trade_id) && a->buy == b->buy;
}

/* is_same_text says whether two texts are there and the same. */
static bool
is_same_text(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}
