/*
 * The mark of a market: the first trade that may be missing in the store.
 *
 * Surely booked is what a list of trades had, or the stream while it was whole. What
 * only a reply had is not: the stream may have missed one before it. The mark is
 * kept in the store as the state of a strategy of its own, so that whoever goes on
 * with the market asks for no more trades than it must. One that is too low costs
 * time; too high it must not be, so it is saved only after what is below was booked,
 * and what was learned since is forgotten where the server may have forgotten reports.
 */
#include "run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define MARK_EVERY 500 /* trades after which it is saved anew */
#define FILLS_PAGE 1000
#define MARK_SIZE 64 /* bytes of its document */

static bool read_mark(QmRunMarket *market, const char *document);
static bool first_mark(QmRunMarket *market);
static bool write_document(QmRunMarket *market, const char *document);

/* qm_run_mark_load reads the mark. What this process has learned since it saved it counts as well. */
bool
qm_run_mark_load(QmRunMarket *market)
{
    QmRun *run = market->run;
    char *document = NULL;
    int64_t known = market->trades_from;
    bool fine;

    if (!qm_run_store_ok(run,
                         run->store->functions->load_state(run->store,
                                                           market->account->name,
                                                           market->config->symbol,
                                                           QM_RUN_MARK,
                                                           &document,
                                                           &market->trades_version),
                         "the first trade that may be missing"))
        return false;
    market->trades_skip = false;
    market->trades_unmarked = document == NULL || !read_mark(market, document);
    fine = !market->trades_unmarked || first_mark(market);
    qm_free(document);
    if (known > market->trades_from)
        market->trades_from = known;
    return fine;
}

/* read_mark takes the mark from its document. False: there is none in it, or it cannot be read. */
static bool
read_mark(QmRunMarket *market, const char *document)
{
    json_t *root = json_loads(document, 0, NULL);
    const char *text = json_string_value(json_object_get(root, "from"));
    bool there = text != NULL;

    if (there)
        market->trades_from = market->trades_saved = strtoll(text, NULL, 10);
    json_decref(root);
    return there;
}

/*
 * first_mark finds a mark where none was saved. A store with fills, one that was
 * imported, has missed none before the last thousand or so; in an empty one, what
 * the account has traded before is not ours.
 */
static bool
first_mark(QmRunMarket *market)
{
    QmRun *run = market->run;
    char after[QM_NAME_SIZE] = "";
    char first[QM_NAME_SIZE] = "";
    size_t count;

    do
    {
        QmStoredFill *list = NULL;
        QmCode code = run->store->functions->fills(run->store,
                                                   market->account->name,
                                                   market->config->symbol,
                                                   after[0] != '\0' ? after : NULL,
                                                   FILLS_PAGE,
                                                   &list,
                                                   &count);

        if (!qm_run_store_ok(run, code, "fills"))
            return false;
        if (count > 0)
        {
            snprintf(first, sizeof(first), "%s", after[0] != '\0' ? after : list[0].trade_id);
            snprintf(after, sizeof(after), "%s", list[count - 1].trade_id);
        }
        qm_free(list);
    } while (count == FILLS_PAGE);
    market->trades_saved = market->trades_from = strtoll(first, NULL, 10);
    market->trades_skip = first[0] == '\0' && market->order_count == 0;
    return true;
}

/*
 * qm_run_mark_save saves the mark, in two steps: first what is there is written once more,
 * over the connection that everything was booked on. A server that has that write has all
 * that was booked before it, whether it waited for the disk or not; one that has forgotten
 * it has another version, and refuses the mark. False in that case, or where another
 * instance was faster, whose mark is loaded.
 */
bool
qm_run_mark_save(QmRunMarket *market)
{
    int64_t from = market->trades_from;
    char before[MARK_SIZE] = "{}";
    char mark[MARK_SIZE];

    if (!qm_run_store_is_known(market->run))
        return false;
    /* Trades that are missing in the middle are looked for from the mark that was saved before. */
    if (market->trades_gap > 0)
        return true;
    if (!market->trades_unmarked && from <= market->trades_saved)
        return true;
    if (!market->trades_unmarked)
        snprintf(before, sizeof(before), "{\"from\": \"%" PRId64 "\"}", market->trades_saved);
    snprintf(mark, sizeof(mark), "{\"from\": \"%" PRId64 "\"}", from);
    if (!write_document(market, before) || !qm_run_store_is_known(market->run) || !write_document(market, mark))
        return false;
    market->trades_saved = from;
    market->trades_unmarked = false;
    return true;
}

/* write_document writes the state that the mark is kept in; false as well where another instance has written it, which is loaded. */
static bool
write_document(QmRunMarket *market, const char *document)
{
    QmRun *run = market->run;
    QmStrategyState state = {
        .symbol = market->config->symbol,
        .strategy = QM_RUN_MARK,
        .document = document,
        .version = market->trades_version,
        .instance = run->epoch != 0 ? run->instance : NULL,
        .epoch = run->epoch,
    };
    QmCode code = run->store->functions->save_state(run->store, market->account->name, &state);

    if (code == QM_ERROR_SERVER &&
        strcmp(run->store->functions->error(run->store)->sqlstate, QM_SQLSTATE_STATE_CHANGED) == 0)
    {
        (void) qm_run_mark_load(market);
        return false;
    }
    if (!qm_run_store_ok(run, code, "the first trade that may be missing"))
        return false;
    market->trades_version = state.version;
    return true;
}

/* qm_run_mark_heard moves the mark behind a trade that the stream has told while it was whole. */
void
qm_run_mark_heard(QmRunMarket *market, const char *trade_id)
{
    int64_t id = strtoll(trade_id, NULL, 10);

    if (id < market->trades_from)
        return;
    market->trades_from = id + 1;
    if (++market->trades_heard % MARK_EVERY == 0)
        (void) qm_run_mark_save(market);
}
