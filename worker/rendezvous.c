/*
 * Rendezvous hashing: every instance has a score for every market, a number that
 * only the two names and the instance's weight decide, and the highest has the
 * market. So an instance that comes or goes moves no more markets than its own,
 * and everybody who computes it finds the same, on every version and machine.
 *
 * The score is -weight / ln(u), u being the hash of both names as a fraction: of
 * two instances, one of twice the weight gets twice the markets. Standby instances
 * are asked only where there is no other.
 */
#include "rendezvous.h"

#include <math.h>

#include "market_number.h"
#include "siphash.h"
#include "utils/hsearch.h"

#define EVERY_SYMBOL "*"

/* One registration, of those of the same market. */
typedef struct Registration
{
    int candidate;
    int next; /* -1: the last */
} Registration;

typedef struct RegisteredMarket
{
    QmMarketName name; /* its symbol may be EVERY_SYMBOL */
    int first;
} RegisteredMarket;

struct QmRegistry
{
    const QmCandidate *candidates; /* sorted by name */
    int ncandidates;
    HTAB *markets;
    Registration *registrations;
    int count;
    int room;
};

static int find_candidate(const QmRegistry *registry, const char *instance);
static RegisteredMarket *find_market(QmRegistry *registry, const char *account, const char *symbol, bool add);
static bool is_registered(QmRegistry *registry, int candidate, const char *account, const char *symbol);
static void choose_among(QmRegistry *registry, const char *symbol_registered, const char *account, const char *symbol,
                         const QmCandidate **best, double *best_score);
static double score_of(const QmCandidate *candidate, const char *account, const char *symbol);
static bool is_better(const QmCandidate *candidate, double score, const QmCandidate *best, double best_score);

/* qm_registry_new makes a registry without registrations, of candidates that are sorted by name. */
QmRegistry *
qm_registry_new(const QmCandidate *candidates, int ncandidates)
{
    HASHCTL info = {.keysize = sizeof(QmMarketName),
                    .entrysize = sizeof(RegisteredMarket),
                    .hcxt = CurrentMemoryContext};
    QmRegistry *registry = palloc0(sizeof(QmRegistry));

    registry->candidates = candidates;
    registry->ncandidates = ncandidates;
    registry->markets = hash_create("quantmesh registry", 256, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    registry->room = 64;
    registry->registrations = palloc(sizeof(Registration) * (Size) registry->room);
    return registry;
}

/* find_candidate returns the number of the candidate of that name; -1 when it is none. */
static int
find_candidate(const QmRegistry *registry, const char *instance)
{
    int low = 0;
    int high = registry->ncandidates - 1;

    while (low <= high)
    {
        int middle = (low + high) / 2;
        int order = strcmp(instance, registry->candidates[middle].name);

        if (order == 0)
            return middle;
        if (order < 0)
            high = middle - 1;
        else
            low = middle + 1;
    }
    return -1;
}

/* find_market returns the entry of a market, or of all markets of an account; NULL when it is not there and not to be added. */
static RegisteredMarket *
find_market(QmRegistry *registry, const char *account, const char *symbol, bool add)
{
    QmMarketName name;
    RegisteredMarket *market;
    bool found;

    memset(&name, 0, sizeof(name));
    strlcpy(name.account, account, sizeof(name.account));
    strlcpy(name.symbol, symbol, sizeof(name.symbol));
    market = hash_search(registry->markets, &name, add ? HASH_ENTER : HASH_FIND, &found);
    if (market != NULL && !found)
        market->first = -1;
    return market;
}

/* qm_registry_add notes that an instance has registered for a market, or with * for all of the account. */
void
qm_registry_add(QmRegistry *registry, const char *instance, const char *account, const char *symbol)
{
    int candidate = find_candidate(registry, instance);
    RegisteredMarket *market;

    if (candidate < 0)
        return;
    market = find_market(registry, account, symbol, true);
    if (registry->count == registry->room)
    {
        registry->room *= 2;
        registry->registrations = repalloc_huge(registry->registrations, sizeof(Registration) * (Size) registry->room);
    }
    registry->registrations[registry->count] = (Registration){.candidate = candidate, .next = market->first};
    market->first = registry->count++;
}

/* qm_registry_find returns the candidate of that name if it has registered for the market, or NULL. */
const QmCandidate *
qm_registry_find(QmRegistry *registry, const char *instance, const char *account, const char *symbol)
{
    int candidate = find_candidate(registry, instance);

    if (candidate < 0 || !(is_registered(registry, candidate, account, symbol) ||
                           is_registered(registry, candidate, account, EVERY_SYMBOL)))
        return NULL;
    return &registry->candidates[candidate];
}

/* is_registered says whether the candidate is among the registrations under that symbol. */
static bool
is_registered(QmRegistry *registry, int candidate, const char *account, const char *symbol)
{
    const RegisteredMarket *market = find_market(registry, account, symbol, false);
    int at = market == NULL ? -1 : market->first;

    while (at >= 0 && registry->registrations[at].candidate != candidate)
        at = registry->registrations[at].next;
    return at >= 0;
}

/* qm_registry_choose returns who is to have the market; NULL when nobody who is alive has registered for it. */
const QmCandidate *
qm_registry_choose(QmRegistry *registry, const char *account, const char *symbol)
{
    const QmCandidate *best = NULL;
    double best_score = 0;

    choose_among(registry, symbol, account, symbol, &best, &best_score);
    choose_among(registry, EVERY_SYMBOL, account, symbol, &best, &best_score);
    return best;
}

/* choose_among improves the best with those who have registered under that symbol. */
static void
choose_among(QmRegistry *registry, const char *symbol_registered, const char *account, const char *symbol,
             const QmCandidate **best, double *best_score)
{
    const RegisteredMarket *market = find_market(registry, account, symbol_registered, false);
    int at = market == NULL ? -1 : market->first;

    for (; at >= 0; at = registry->registrations[at].next)
    {
        const QmCandidate *candidate = &registry->candidates[registry->registrations[at].candidate];
        double score = score_of(candidate, account, symbol);

        if (is_better(candidate, score, *best, *best_score))
        {
            *best = candidate;
            *best_score = score;
        }
    }
}

/* score_of returns the candidate's score for the market. A symbol has no line feed, so no two pairs of names are one text. */
static double
score_of(const QmCandidate *candidate, const char *account, const char *symbol)
{
    static const QmSipSecret everybodys = {{0, 0}};
    char text[512];
    int len = snprintf(text, sizeof(text), "%s\n%s:%s", candidate->name, account, symbol);
    uint64 hash = qm_siphash(&everybodys, text, (size_t) Min(len, (int) sizeof(text) - 1));
    double fraction = ((double) (hash >> 11) + 0.5) / 9007199254740992.0; /* 2^53 */

    return -candidate->weight / log(fraction);
}

/* is_better says whether the candidate comes before the best so far: not a standby, then the score, then the name. */
static bool
is_better(const QmCandidate *candidate, double score, const QmCandidate *best, double best_score)
{
    if (best == NULL || candidate->standby != best->standby)
        return best == NULL || best->standby;
    if (score != best_score)
        return score > best_score;
    return strcmp(candidate->name, best->name) < 0;
}
