/*
 * The paper exchange's journal: every call that has changed the world, a line each, so that doing them again brings
 * the world back.
 *
 * A line ends with a checksum. The first one names the options, as a hash: with others the same calls would be another
 * world. A last line that is torn was never answered for (qm_paper_world_sync comes before replies), and is
 * dropped; a damaged line before it is an error. The file is locked, for two exchanges would mix their lines.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "paper_inside.h"

#define HEADER "quantmesh-paper 1"

static QmCode fail(const char *path, const char *what, QmError *error);
static QmCode read_back(QmPaperWorld *world, FILE *file, QmError *error);
static const char *read_line(QmPaperWorld *world, char *line, bool is_first);
static bool is_whole(char *line, size_t length);
static uint64_t hash_add(uint64_t hash, const void *bytes, size_t length);
static uint64_t hash_options(const QmPaperWorld *world);
static uint64_t hash_board(uint64_t hash, const QmPaperBoard *board);

/* qm_paper_journal_open brings back what the file has, or begins it. */
QmCode
qm_paper_journal_open(QmPaperWorld *world, const char *path, QmError *error)
{
    FILE *file = fopen(path, "a+e");
    QmCode code;

    if (file == NULL)
        return fail(path, strerror(errno), error);
    if (strlen(path) >= sizeof(world->journal.path))
        code = fail("the path", "it is too long", error);
    else if (flock(fileno(file), LOCK_EX | LOCK_NB) != 0)
        code = fail(path, errno == EWOULDBLOCK ? "another exchange has it" : strerror(errno), error);
    else
    {
        strcpy(world->journal.path, path);
        code = read_back(world, file, error);
    }
    if (code != QM_OK)
    {
        fclose(file);
        return code;
    }
    world->journal.file = file;
    if (ftell(file) == 0)
        qm_paper_journal_note(world, HEADER " %016" PRIx64, hash_options(world));
    return qm_paper_world_sync(world, error);
}

/* fail says that the journal cannot be used. */
static QmCode
fail(const char *path, const char *what, QmError *error)
{
    return qm_error_set(error, QM_ERROR_ARGUMENT, "", "", "journal \"%s\": %s", path, what);
}

/* qm_paper_journal_close lets go of the file. What was answered for has been synced before. */
void
qm_paper_journal_close(QmPaperWorld *world)
{
    if (world->journal.file != NULL)
        fclose(world->journal.file);
    world->journal.file = NULL;
}

/* read_back does what the file says, and cuts off a torn last line. The file is left at its end. */
static QmCode
read_back(QmPaperWorld *world, FILE *file, QmError *error)
{
    char *line = NULL;
    size_t space = 0;
    ssize_t length;
    off_t good = 0, seen = 0;
    int number = 0;
    const char *what = NULL;
    char message[128];

    rewind(file);
    while (what == NULL && (length = getline(&line, &space, file)) >= 0)
    {
        number++;
        seen += length;
        if (good != seen - length)
            what = "damaged in the middle";
        else if (is_whole(line, (size_t) length))
        {
            what = read_line(world, line, number == 1);
            good = seen;
        }
        else if (number == 1 && strncmp(line, HEADER, strnlen(line, strlen(HEADER))) != 0)
            what = "not a journal"; /* nor is it cut off: it is somebody's file */
    }
    if (what != NULL)
        snprintf(message, sizeof(message), "line %d: %s", number - (good != seen && number > 1), what);
    else if (ferror(file) || (good != seen && ftruncate(fileno(file), good) != 0) || fseeko(file, 0, SEEK_END) != 0)
        snprintf(message, sizeof(message), "%s", strerror(errno));
    else
        *message = '\0';
    free(line);
    return *message == '\0' ? QM_OK : fail(world->journal.path, message, error);
}

/* read_line does what a line says, whose checksum is gone. NULL: done. */
static const char *
read_line(QmPaperWorld *world, char *line, bool is_first)
{
    char wanted[sizeof(HEADER) + 32];

    if (!is_first)
        return qm_paper_replay(world, line);
    snprintf(wanted, sizeof(wanted), HEADER " %016" PRIx64, hash_options(world));
    return strcmp(line, wanted) == 0 ? NULL : "written with other options, data or version";
}

/* is_whole checks a line's checksum and cuts it off. */
static bool
is_whole(char *line, size_t length)
{
    char *mark = memrchr(line, '#', length);
    char *end;
    unsigned long sum;

    if (mark == NULL || mark == line || line[length - 1] != '\n')
        return false;
    sum = strtoul(mark + 1, &end, 16);
    if (end != mark + 9 || *end != '\n')
        return false;
    mark[-1] = '\0';
    return sum == (uint32_t) hash_add(0, line, strlen(line));
}

/* qm_paper_journal_note appends a line. Whether it could be written is known at the next sync. */
void
qm_paper_journal_note(QmPaperWorld *world, const char *format, ...)
{
    char line[QM_PAPER_JOURNAL_LINE_MAX];
    va_list args;
    int length;

    if (world->journal.file == NULL)
        return;
    va_start(args, format);
    length = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (length < 0 || (size_t) length >= sizeof(line) ||
        fprintf(world->journal.file, "%s #%08" PRIx32 "\n", line, (uint32_t) hash_add(0, line, (size_t) length)) < 0)
        world->journal.has_failed = true;
    world->journal.is_dirty = true;
}

/* qm_paper_journal_request notes a placement. An illegal client id may be any bytes; one as illegal stands for it. */
void
qm_paper_journal_request(QmPaperWorld *world, char kind, int symbol, const QmPaperRequest *request)
{
    const char *id = request->client_id;

    if (id != NULL && !qm_paper_id_is_legal(id))
        id = "?";
    qm_paper_journal_note(world,
                          "%c %" PRId64 " %d %d %d %d %d %d %" PRId64 " %" PRId64 " %" PRId64 " %s%s",
                          kind,
                          world->now_ms,
                          symbol,
                          request->account,
                          (int) request->side,
                          (int) request->type,
                          (int) request->force,
                          (int) request->stp,
                          request->price,
                          request->quantity,
                          request->amount,
                          id == NULL ? "~" : "=",
                          id == NULL ? "" : id);
}

/* qm_paper_journal_rules notes new rules. */
void
qm_paper_journal_rules(QmPaperWorld *world, int symbol, const QmPaperRules *rules)
{
    qm_paper_journal_note(world,
                          "R %" PRId64 " %d %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
                          " %" PRId64 " %d %" PRId64 " %" PRId64 " %d",
                          world->now_ms,
                          symbol,
                          rules->tick,
                          rules->price_min,
                          rules->price_max,
                          rules->step,
                          rules->quantity_min,
                          rules->quantity_max,
                          rules->notional_min,
                          rules->orders_max,
                          rules->fee_maker,
                          rules->fee_taker,
                          rules->halted);
}

/* qm_paper_journal_fault notes a fault that is added. */
void
qm_paper_journal_fault(QmPaperWorld *world, const QmPaperFault *fault)
{
    qm_paper_journal_note(world,
                          "F %" PRId64 " %d %d %d %d %d %d %d %" PRId64 " %" PRId64 " %" PRId64 " %d %d %d %" PRId64
                          " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
                          world->now_ms,
                          (int) fault->kind,
                          (int) fault->endpoint,
                          fault->account,
                          fault->symbol,
                          fault->asset,
                          fault->probability_ppm,
                          fault->count,
                          fault->at_ms,
                          fault->until_ms,
                          fault->value,
                          fault->code,
                          fault->wait_s,
                          (int) fault->side,
                          fault->price,
                          fault->amount,
                          fault->tick,
                          fault->step,
                          fault->notional_min);
}

/* qm_paper_world_sync writes the journal to the disk. */
QmCode
qm_paper_world_sync(QmPaperWorld *world, QmError *error)
{
    QmPaperJournal *journal = &world->journal;

    if (journal->file != NULL && journal->is_dirty &&
        (fflush(journal->file) != 0 || fdatasync(fileno(journal->file)) != 0))
        journal->has_failed = true;
    journal->is_dirty = false;
    if (journal->has_failed)
        return qm_error_set(error,
                            QM_ERROR_SERVER,
                            "",
                            "",
                            "the paper exchange's journal or audit could not be written");
    return QM_OK;
}

/* hash_add is FNV-1a, from 0 on. */
static uint64_t
hash_add(uint64_t hash, const void *bytes, size_t length)
{
    const unsigned char *byte = bytes;

    hash = hash == 0 ? UINT64_C(14695981039346656037) : hash;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ byte[i]) * UINT64_C(1099511628211);
    return hash;
}

/* hash_options stands for all that decides what calls do. It is taken before the first of them. */
static uint64_t
hash_options(const QmPaperWorld *world)
{
    uint64_t hash = hash_add(0, &world->seed, sizeof(world->seed));

    hash = hash_add(hash, &world->now_ms, sizeof(world->now_ms));
    for (int i = 0; i < world->account_count; i++)
    {
        hash = hash_add(hash, world->accounts[i].name, sizeof(world->accounts[i].name));
        hash = hash_add(hash, world->accounts[i].given, sizeof(world->accounts[i].given));
    }
    hash = hash_add(hash, world->assets, sizeof(world->assets));
    for (int i = 0; i < world->board_count; i++)
        hash = hash_board(hash, &world->boards[i]);
    return hash;
}

/* hash_board adds a symbol and its data. */
static uint64_t
hash_board(uint64_t hash, const QmPaperBoard *board)
{
    const QmPaperRules *rules = &board->market.rules;
    const QmPaperFeed *feed = &board->feed;
    const int64_t numbers[] = {rules->tick,         rules->price_min,    rules->price_max,    rules->step,
                               rules->quantity_min, rules->quantity_max, rules->notional_min, rules->orders_max,
                               rules->fee_maker,    rules->fee_taker,    rules->halted,       board->market.base,
                               board->market.quote, board->steps,        board->spread,       board->is_bounded,
                               feed->end,           feed->volume,        feed->volatility,    (int64_t) feed->state,
                               board->row.open_ms,  board->row.open,     board->shift_ms};

    hash = hash_add(hash, board->name, sizeof(board->name));
    hash = hash_add(hash, numbers, sizeof(numbers));
    return feed->rows == NULL ? hash : hash_add(hash, feed->rows, (size_t) feed->row_count * sizeof(*feed->rows));
}
