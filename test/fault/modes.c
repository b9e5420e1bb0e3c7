/*
 * Lockstress: one attempt in each mode, and what is written down of it.
 *
 * Every hold is proven in the database: the holder reads its key's counter,
 * waits a little, and writes the next number with its fence, without any lock
 * but ours. Two holders at once lose an update, and lockcheck finds that.
 */
#include "stress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
    TEXT_SIZE = 32,
    KEYS_TEXT_SIZE = BATCH * KEY_SIZE + 8,
    WAIT_MS_MIN = 5,
    WAIT_MS_MAX = 200,
    OVERRUN_US = 60000,
    LEAVE_LONG_ONE_IN = 100,
    LEAVE_NEAR_ONE_IN = 4
};

/* What one call was granted. */
typedef struct Hold
{
    Grant grants[BATCH];
    int count;
} Hold;

/* A lease, and for how long its owner may count on it: from before it was asked for, and from when it surely had it. */
typedef struct Lease
{
    Grant grant;
    int ttl_ms;
    int64_t request_ns;       /* of the grant or its last renewal */
    int64_t trusted_until_ns; /* it surely lives until then */
    int64_t ended_by_ns;      /* it has surely ended by then */
} Lease;

/* What became of a section. */
typedef enum SectionResult
{
    SECTION_DONE,
    SECTION_REFUSED,
    SECTION_FAILED
} SectionResult;

/* timeout_pick writes a random timeout for the waiting variants. */
static void
timeout_pick(Client *client, char *text)
{
    snprintf(text, TEXT_SIZE, "%ld ms", WAIT_MS_MIN + qf_random(client, WAIT_MS_MAX - WAIT_MS_MIN));
}

/* acquire sends the variant's statement for the keys in hold; true when they were granted, which is then noted in hold. */
static bool
acquire(Client *client, const Variant *variant, int count, const char *const *values, Hold *hold, HoldMode mode)
{
    int index = (int) (variant - qf_variants);
    int64_t fence = qf_link_number(&client->link, variant->sql, count, values);
    int64_t granted_ns = qf_now_ns();

    if (fence < 0)
    {
        qf_count_failure(client);
        return false;
    }
    if (fence == 0)
    {
        client->counts.busy[index]++;
        return false;
    }
    client->counts.granted[index]++;
    if (fence > client->fence_max)
        client->fence_max = fence;
    for (int i = 0; i < hold->count; i++)
    {
        hold->grants[i].mode = mode;
        hold->grants[i].client = client->number;
        hold->grants[i].fence = fence;
        hold->grants[i].request_ns = client->link.sent_ns;
        hold->grants[i].granted_ns = granted_ns;
    }
    return true;
}

/* hold_write writes down the end of a hold: end_ns if its last statement was answered, else when it was last alive. */
static void
hold_write(Client *client, Hold *hold, int64_t end_ns)
{
    bool broken = qf_link_broken(&client->link);

    for (int i = 0; i < hold->count; i++)
    {
        hold->grants[i].end_ns = broken ? client->link.alive_ns : end_ns;
        hold->grants[i].end = broken ? END_BROKEN : END_RELEASED;
        qf_write_grant(client->history, &hold->grants[i]);
    }
}

/* section_store moves the key's counter on by one, inside the open transaction. */
static bool
section_store(Client *client, const Grant *grant, Section *section)
{
    const char *values[6] = {grant->key, NULL, NULL, NULL, NULL, qf_mode_names[grant->mode]};
    char n_text[TEXT_SIZE], id_text[TEXT_SIZE], fence_text[TEXT_SIZE], client_text[TEXT_SIZE];
    int64_t n;

    *section = (Section){.client = client->number, .fence = grant->fence, .outcome = OUTCOME_ABORTED};
    section->id = client->section_id++;
    memcpy(section->key, grant->key, KEY_SIZE);

    n = qf_link_number(&client->link, "SELECT n FROM fault.counter WHERE key = $1", 1, values);
    if (n < 0)
        return false;
    qf_think(client, qf_options.think_us);
    snprintf(n_text, sizeof(n_text), "%" PRId64, n + 1);
    snprintf(id_text, sizeof(id_text), "%" PRId64, section->id);
    snprintf(fence_text, sizeof(fence_text), "%" PRId64, grant->fence);
    snprintf(client_text, sizeof(client_text), "%d", client->number);
    values[1] = n_text;
    values[2] = id_text;
    values[3] = fence_text;
    values[4] = client_text;
    return qf_link_command(&client->link,
                           "WITH moved AS (UPDATE fault.counter SET n = $2, fence = $4 WHERE key = $1)"
                           " INSERT INTO fault.section (key, n, id, fence, client, mode) VALUES ($1, $2, $3, $4, $5, "
                           "$6)",
                           6,
                           values);
}

/* section_note writes down and counts how a section ended. */
static void
section_note(Client *client, Section *section, Outcome outcome)
{
    section->outcome = outcome;
    section->answered_ns = qf_now_ns();
    qf_write_section(client->history, section);
    client->counts.committed += outcome == OUTCOME_COMMITTED;
    client->counts.aborted += outcome == OUTCOME_ABORTED;
    client->counts.unknown += outcome == OUTCOME_UNKNOWN;
}

/* transaction_end sends what ends the transaction and says what became of it. Nobody knows when the answer is lost. */
static Outcome
transaction_end(Client *client, const char *sql)
{
    PGresult *result = qf_link_query(&client->link, sql, 0, NULL);
    Outcome outcome = OUTCOME_ABORTED;

    if (result == NULL)
    {
        qf_count_failure(client);
        if (qf_link_broken(&client->link) && strcmp(sql, "COMMIT") == 0)
            return OUTCOME_UNKNOWN;
        return OUTCOME_ABORTED;
    }
    if (strcmp(PQcmdStatus(result), "COMMIT") == 0)
        outcome = OUTCOME_COMMITTED;
    PQclear(result);
    return outcome;
}

/* hold_transaction runs the section of transaction locks up to the statement that frees them, and writes all down. */
static void
hold_transaction(Client *client, Hold *hold, const char *end_sql, int sleep_us)
{
    Section sections[BATCH];
    Outcome outcome = OUTCOME_ABORTED;
    int64_t end_ns;
    bool good = true;
    int tried = 0;

    qf_think(client, qf_options.think_us);
    while (good && tried < hold->count)
    {
        good = section_store(client, &hold->grants[tried], &sections[tried]);
        tried++;
    }
    if (sleep_us > 0)
        usleep((useconds_t) sleep_us);
    end_ns = qf_now_ns();
    if (good)
    {
        outcome = transaction_end(client, end_sql);
    }
    else
    {
        /* An error frees transaction locks before ROLLBACK does. */
        end_ns = client->link.alive_ns;
        qf_count_failure(client);
    }
    hold_write(client, hold, end_ns);
    for (int i = 0; i < tried; i++)
        section_note(client, &sections[i], outcome);
}

/* end_pick chooses how a transaction ends: mostly by COMMIT. */
static const char *
end_pick(Client *client)
{
    return qf_random(client, 10) == 0 ? "ROLLBACK" : "COMMIT";
}

/* qf_run_transaction locks one key for a transaction; one in twenty is given up by ROLLBACK TO SAVEPOINT. */
void
qf_run_transaction(Client *client, const Variant *variant)
{
    Hold hold = {.count = 1};
    char timeout[TEXT_SIZE];
    const char *values[2] = {hold.grants[0].key, timeout};
    bool partly = qf_random(client, 20) == 0;

    qf_pick_key(client, hold.grants[0].key);
    timeout_pick(client, timeout);
    if (!qf_link_command(&client->link, "BEGIN", 0, NULL) ||
        (partly && !qf_link_command(&client->link, "SAVEPOINT before_lock", 0, NULL)))
    {
        qf_count_failure(client);
        return;
    }
    if (acquire(client, variant, variant->waits ? 2 : 1, values, &hold, MODE_TRANSACTION))
        hold_transaction(client, &hold, partly ? "ROLLBACK TO before_lock" : end_pick(client), 0);
}

/* qf_run_many locks two keys under one fence. */
void
qf_run_many(Client *client, const Variant *variant)
{
    Hold hold = {.count = BATCH};
    char keys[KEYS_TEXT_SIZE], timeout[TEXT_SIZE];
    const char *values[2] = {keys, timeout};

    qf_pick_key(client, hold.grants[0].key);
    qf_pick_key(client, hold.grants[1].key);
    if (strcmp(hold.grants[0].key, hold.grants[1].key) == 0)
        hold.count = 1; /* the same key twice is one lock */
    snprintf(keys, sizeof(keys), "{%s,%s}", hold.grants[0].key, hold.grants[1].key);
    timeout_pick(client, timeout);
    if (!qf_link_command(&client->link, "BEGIN", 0, NULL))
    {
        qf_count_failure(client);
        return;
    }
    if (acquire(client, variant, variant->waits ? 2 : 1, values, &hold, MODE_TRANSACTION))
        hold_transaction(client, &hold, end_pick(client), 0);
}

/* qf_run_overrun sleeps beyond the TTL of its lock: the server ends it, and what it wrote must not last. */
void
qf_run_overrun(Client *client, const Variant *variant)
{
    Hold hold = {.count = 1};
    const char *values[1] = {hold.grants[0].key};

    qf_pick_key(client, hold.grants[0].key);
    if (!qf_link_command(&client->link, "BEGIN", 0, NULL))
    {
        qf_count_failure(client);
        return;
    }
    if (acquire(client, variant, 1, values, &hold, MODE_TRANSACTION))
        hold_transaction(client, &hold, "COMMIT", OVERRUN_US);
}

/*
 * section_run runs one section in a transaction of its own, guarded when lease
 * is given. With linger it waits until the lease has surely ended and commits
 * only then, which must fail.
 */
static SectionResult
section_run(Client *client, const Grant *grant, const Lease *lease, bool linger)
{
    char fence_text[TEXT_SIZE];
    const char *values[2] = {grant->key, fence_text};
    Section section;
    Outcome outcome;
    const char *end_sql = linger ? "COMMIT" : end_pick(client);

    snprintf(fence_text, sizeof(fence_text), "%" PRId64, grant->fence);
    if (!qf_link_command(&client->link, "BEGIN", 0, NULL) ||
        (lease != NULL && !qf_link_command(&client->link, "SELECT quantmesh.guard($1, $2)", 2, values)))
    {
        qf_count_failure(client);
        return strcmp(client->link.state, "QM001") == 0 ? SECTION_REFUSED : SECTION_FAILED;
    }
    if (!section_store(client, grant, &section))
    {
        qf_count_failure(client);
        section_note(client, &section, OUTCOME_ABORTED);
        return SECTION_FAILED;
    }
    while (linger && qf_now_ns() <= lease->ended_by_ns)
        usleep(1000);
    section.overdue = lease != NULL && qf_now_ns() > lease->ended_by_ns;
    outcome = transaction_end(client, end_sql);
    section_note(client, &section, outcome);
    if (strcmp(client->link.state, "QM001") == 0)
        return SECTION_REFUSED;
    return qf_link_broken(&client->link) ? SECTION_FAILED : SECTION_DONE;
}

/* refusal_note writes down that the server no longer knows a hold. */
static void
refusal_note(Client *client, const Grant *grant, int64_t request_ns, int64_t trusted_until_ns)
{
    Refusal refusal = {.client = client->number, .fence = grant->fence, .request_ns = request_ns};

    memcpy(refusal.key, grant->key, KEY_SIZE);
    refusal.answered_ns = qf_now_ns();
    refusal.trusted_until_ns = trusted_until_ns;
    qf_write_refusal(client->history, &refusal);
    client->counts.refused++;
}

/* session_release frees a session lock: mostly by unlock, at times behind the extension's back. */
static void
session_release(Client *client, Hold *hold)
{
    const char *values[1] = {hold->grants[0].key};
    long pick = qf_random(client, 20);
    int64_t end_ns = qf_now_ns();
    int64_t unlocked = 1;

    if (pick == 0)
        unlocked = qf_link_command(&client->link, "DISCARD ALL", 0, NULL) ? 1 : -1;
    else if (pick == 1)
        unlocked = qf_link_command(&client->link, "SELECT pg_advisory_unlock_all()", 0, NULL) ? 1 : -1;
    else
        unlocked = qf_link_number(&client->link, "SELECT quantmesh.unlock($1)", 1, values);
    hold_write(client, hold, end_ns);
    if (unlocked == 0)
        refusal_note(client, &hold->grants[0], hold->grants[0].request_ns, INT64_MAX);
    if (unlocked < 0)
    {
        qf_count_failure(client);
        qf_link_close(&client->link); /* whatever it was, no lock may stay behind */
    }
}

/* qf_run_session locks one key for the session, commits a section, and unlocks. */
void
qf_run_session(Client *client, const Variant *variant)
{
    Hold hold = {.count = 1};
    char timeout[TEXT_SIZE];
    const char *values[2] = {hold.grants[0].key, timeout};

    qf_pick_key(client, hold.grants[0].key);
    timeout_pick(client, timeout);
    if (!acquire(client, variant, variant->waits ? 2 : 1, values, &hold, MODE_SESSION))
        return;
    qf_think(client, qf_options.think_us);
    section_run(client, &hold.grants[0], NULL, false);
    if (qf_link_rollback(&client->link))
        session_release(client, &hold);
    else
        hold_write(client, &hold, client->link.alive_ns);
}

/* lease_trust sets what can be counted on after a grant or a renewal whose answer has just come. */
static void
lease_trust(Lease *lease, int64_t request_ns)
{
    int64_t ttl_ns = (int64_t) lease->ttl_ms * 1000000;

    lease->request_ns = request_ns;
    if (request_ns + ttl_ns > lease->trusted_until_ns)
        lease->trusted_until_ns = request_ns + ttl_ns;
    if (qf_now_ns() + ttl_ns > lease->ended_by_ns)
        lease->ended_by_ns = qf_now_ns() + ttl_ns;
}

/* lease_write writes down a lease's end. An owner's trust ends with the lease's time even when nothing answers. */
static void
lease_write(Client *client, Lease *lease, int64_t end_ns, HoldEnd end)
{
    lease->grant.end_ns = end_ns < lease->trusted_until_ns ? end_ns : lease->trusted_until_ns;
    lease->grant.end = end;
    qf_write_grant(client->history, &lease->grant);
}

/* lease_renew asks for more time; false when the lease is known to be lost. */
static bool
lease_renew(Client *client, Lease *lease)
{
    char fence_text[TEXT_SIZE], ttl_text[TEXT_SIZE];
    const char *values[4] = {lease->grant.key, client->owner, fence_text, ttl_text};
    int64_t request_ns = qf_now_ns();
    int64_t answer;

    snprintf(fence_text, sizeof(fence_text), "%" PRId64, lease->grant.fence);
    snprintf(ttl_text, sizeof(ttl_text), "%d ms", lease->ttl_ms);
    answer = qf_link_number(&client->link, "SELECT quantmesh.renew_lease($1, $2, $3, $4)", 4, values);
    if (answer < 0)
        qf_count_failure(client);
    if (answer <= 0)
        lease->ended_by_ns = INT64_MAX; /* a renewal whose answer was lost may have worked */
    if (answer > 0)
        lease_trust(lease, request_ns);
    if (answer == 0)
        refusal_note(client, &lease->grant, lease->request_ns, lease->trusted_until_ns);
    return answer != 0;
}

/* lease_release gives the lease back, and writes down its end. */
static void
lease_release(Client *client, Lease *lease)
{
    char fence_text[TEXT_SIZE];
    const char *values[3] = {lease->grant.key, client->owner, fence_text};
    int64_t answer;

    snprintf(fence_text, sizeof(fence_text), "%" PRId64, lease->grant.fence);
    lease_write(client, lease, qf_now_ns(), END_RELEASED);
    answer = qf_link_number(&client->link, "SELECT quantmesh.release_lease($1, $2, $3)", 3, values);
    if (answer < 0)
        qf_count_failure(client);
    if (answer == 0)
        refusal_note(client, &lease->grant, lease->request_ns, lease->trusted_until_ns);
}

/* lease_work runs up to two guarded sections and perhaps a renewal; false when the lease is known to be lost. */
static bool
lease_work(Client *client, Lease *lease, bool linger)
{
    for (long rounds = qf_random(client, 3); rounds > 0 && qf_now_ns() < lease->trusted_until_ns; rounds--)
    {
        SectionResult result = section_run(client, &lease->grant, lease, linger);

        qf_link_rollback(&client->link);
        if (result == SECTION_REFUSED)
        {
            refusal_note(client, &lease->grant, lease->request_ns, lease->trusted_until_ns);
            return false;
        }
        if (result == SECTION_FAILED || linger)
            return true;
        if (qf_random(client, 5) == 0 && !lease_renew(client, lease))
            return false;
        qf_think(client, qf_options.think_us);
    }
    return true;
}

/* lease_unanswered notes that a request for a lease got no answer: the lease may have been granted all the same. */
static void
lease_unanswered(Client *client, long number)
{
    if (!qf_link_broken(&client->link))
    {
        client->unanswered_ns[number] = 0;
        return;
    }
    if (client->unanswered_ns[number] == 0)
        client->unanswered_ns[number] = client->link.sent_ns;
    client->doubt_until_ns = qf_now_ns() + (int64_t) qf_options.lease_ttl_ms * 1000000;
}

/*
 * qf_run_lease leases one key, works under guards and releases. One lease in ten
 * is short and left to expire, by some of them with a late commit; a few long
 * ones are left too, and many before a fault. When the connection breaks, half of the owners go on
 * trusting their lease to its end without asking, which is what the grace after
 * a crash must make good.
 */
void
qf_run_lease(Client *client, const Variant *variant)
{
    Hold hold = {.count = 1};
    Lease lease = {.ttl_ms = qf_options.lease_ttl_ms / 2 + (int) qf_random(client, qf_options.lease_ttl_ms / 2)};
    char ttl_text[TEXT_SIZE], timeout[TEXT_SIZE];
    const char *values[4] = {hold.grants[0].key, client->owner, ttl_text, timeout};
    bool leave_short = qf_random(client, 10) == 0;
    bool linger = leave_short && qf_random(client, 3) == 0;
    long leave_one_in = atomic_load(&qf_fault_near) ? LEAVE_NEAR_ONE_IN : LEAVE_LONG_ONE_IN;
    bool leave = leave_short || qf_random(client, leave_one_in) == 0;
    int64_t fence_max = client->fence_max;
    long number = qf_pick_key(client, hold.grants[0].key);

    if (leave_short)
        lease.ttl_ms = 20 + (int) qf_random(client, 60);
    timeout_pick(client, timeout);
    snprintf(ttl_text, sizeof(ttl_text), "%d ms", lease.ttl_ms);
    if (!acquire(client, variant, variant->waits ? 4 : 3, values, &hold, MODE_LEASE))
    {
        lease_unanswered(client, number);
        return;
    }
    lease.grant = hold.grants[0];
    lease_trust(&lease, lease.grant.request_ns);
    if (lease.grant.fence <= fence_max || lease.request_ns < client->doubt_until_ns)
    {
        lease.ended_by_ns = INT64_MAX; /* a ttl never shortens, and the earlier one is not known */
        linger = false;
    }
    if (client->unanswered_ns[number] != 0)
        lease.grant.request_ns = client->unanswered_ns[number]; /* the grant may be the answer to that one */
    client->unanswered_ns[number] = 0;
    qf_think(client, qf_options.think_us);

    if (!lease_work(client, &lease, linger))
    {
        lease_write(client, &lease, client->link.sent_ns, END_BROKEN);
        return;
    }
    if (qf_link_broken(&client->link))
    {
        leave = leave || qf_random(client, 2) == 0 || !qf_client_connect(client);
        client->counts.broken += !leave;
    }
    if (leave || qf_now_ns() >= lease.trusted_until_ns)
        lease_write(client, &lease, INT64_MAX, END_EXPIRED);
    else
        lease_release(client, &lease);
}
