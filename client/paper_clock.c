/*
 * The paper exchange's clock: what time it is there, when the next step of the data comes, and who has to have asked
 * for it. Time never goes back, and never past a step that has not been done.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "paper_inside.h"

static int64_t live_ms(const QmPaperWorld *world);
static int64_t board_ms(const QmPaperBoard *board);
static int64_t next_ms(const QmPaperWorld *world);
static bool all_ready(const QmPaperWorld *world);
static void board_step(QmPaperBoard *board);
static QmPaperFollower *follower(QmPaperWorld *world, const char *name);

/* machine_ms is the machine's monotonic clock. */
static int64_t
machine_ms(void *context)
{
    struct timespec now;

    (void) context;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* qm_paper_clock_start lets virtual time run on from the world's. */
void
qm_paper_clock_start(QmPaperWorld *world, const QmPaperWorldOptions *options)
{
    QmPaperClock *clock = &world->clock;

    clock->speed = options->speed;
    clock->wanted = options->followers == 0 ? 1 : options->followers;
    clock->real_ms = options->real_ms == NULL ? machine_ms : options->real_ms;
    clock->real_context = options->real_context;
    clock->base_ms = world->now_ms;
    clock->real_base_ms = clock->real_ms(clock->real_context);
}

/* live_ms is the virtual time that the real one stands for. */
static int64_t
live_ms(const QmPaperWorld *world)
{
    const QmPaperClock *clock = &world->clock;

    return clock->base_ms + (clock->real_ms(clock->real_context) - clock->real_base_ms) * clock->speed;
}

/* qm_paper_clock_now is the time at which a change that comes now happens. */
int64_t
qm_paper_clock_now(const QmPaperWorld *world)
{
    int64_t now_ms = live_ms(world);

    if (now_ms > next_ms(world))
        now_ms = next_ms(world);
    return now_ms > world->now_ms ? now_ms : world->now_ms;
}

/* qm_paper_world_now_ms is the exchange's time, without faults of its clock. */
int64_t
qm_paper_world_now_ms(const QmPaperWorld *world)
{
    return qm_paper_clock_now(world);
}

/* qm_paper_world_step counts the steps done, of whatever symbols. */
int64_t
qm_paper_world_step(const QmPaperWorld *world)
{
    return world->step;
}

/* board_ms is the time of a symbol's next step. After the last one of the data its candles are closed. */
static int64_t
board_ms(const QmPaperBoard *board)
{
    return board->row.open_ms + QM_PAPER_MINUTE_MS * board->step / board->steps;
}

/* next_ms is the time of the next step; INT64_MAX when the data has ended. */
static int64_t
next_ms(const QmPaperWorld *world)
{
    int64_t next = INT64_MAX;

    for (int i = 0; i < world->board_count; i++)
        if (world->boards[i].has_row && board_ms(&world->boards[i]) < next)
            next = board_ms(&world->boards[i]);
    return next;
}

/* qm_paper_world_has_ended says whether all the data has been seen. */
bool
qm_paper_world_has_ended(const QmPaperWorld *world)
{
    return next_ms(world) == INT64_MAX;
}

/* qm_paper_world_due says how long it is until qm_paper_world_advance has something to do. */
int64_t
qm_paper_world_due(const QmPaperWorld *world)
{
    int64_t next = next_ms(world);
    int64_t moment = qm_paper_plan_next_ms(world);
    int64_t speed = world->clock.speed;

    if (moment <= qm_paper_clock_now(world))
        return 0;
    if (speed == 0)
        return next != INT64_MAX && all_ready(world) ? 0 : -1;
    if (moment < next)
        next = moment;
    if (next == INT64_MAX)
        return -1;
    return next <= live_ms(world) ? 0 : (next - live_ms(world) + speed - 1) / speed;
}

/* qm_paper_world_advance does what faults have planned for this moment, or else the next step. */
bool
qm_paper_world_advance(QmPaperWorld *world)
{
    int64_t now_ms = qm_paper_clock_now(world);

    if (qm_paper_world_due(world) != 0)
        return false;
    if (qm_paper_plan_next_ms(world) <= now_ms)
    {
        world->now_ms = now_ms;
        qm_paper_journal_note(world, "M %" PRId64, now_ms);
        qm_paper_plan_moment(world);
        return true;
    }
    qm_paper_journal_note(world, "S %" PRId64, next_ms(world));
    qm_paper_clock_step(world);
    for (int i = 0; i < world->clock.follower_count; i++)
        world->clock.followers[i].is_ready = false;
    return true;
}

/* qm_paper_clock_step does the next step of every symbol that has one then. */
void
qm_paper_clock_step(QmPaperWorld *world)
{
    world->now_ms = next_ms(world);
    world->step++;
    for (int i = 0; i < world->board_count; i++)
        if (world->boards[i].has_row && board_ms(&world->boards[i]) == world->now_ms)
            board_step(&world->boards[i]);
}

/*
 * board_step does a symbol's step, without a trade while it is halted. The last
 * one of a minute has what rounding has left of its volume.
 */
static void
board_step(QmPaperBoard *board)
{
    const QmPaperRules *rules = &board->market.rules;
    QmPaperDecimal volume = board->row.volume / board->steps;
    QmPaperDecimal price;

    qm_paper_board_close_candles(board, board->world->now_ms);
    if (board->step == board->steps)
    {
        board->has_row = false;
        qm_paper_board_tell(board);
        return;
    }
    volume -= rules->step == 0 ? 0 : volume % rules->step;
    if (board->step == board->steps - 1)
        volume = board->row.volume - board->stepped;
    board->stepped += volume;
    price = qm_paper_row_price(&board->row, board->step, board->steps, rules->tick);
    if (!rules->halted)
    {
        qm_paper_step(&board->market, price, volume, board->is_bounded, board->world->now_ms);
        qm_paper_board_quote(board, price);
    }
    if (++board->step == board->steps && qm_paper_feed_next(&board->feed, &board->row))
    {
        board->row.open_ms += board->shift_ms;
        board->step = 0;
        board->stepped = 0;
    }
    qm_paper_board_tell(board);
}

/* all_ready says whether nobody is being waited for. */
static bool
all_ready(const QmPaperWorld *world)
{
    const QmPaperClock *clock = &world->clock;

    for (int i = 0; i < clock->follower_count; i++)
        if (!clock->followers[i].is_ready)
            return false;
    return clock->has_begun && clock->follower_count > 0;
}

/* follower finds who has joined. */
static QmPaperFollower *
follower(QmPaperWorld *world, const char *name)
{
    for (int i = 0; i < world->clock.follower_count; i++)
        if (strcmp(world->clock.followers[i].name, name) == 0)
            return &world->clock.followers[i];
    return NULL;
}

/* qm_paper_world_follow lets somebody join, who is then waited for. Joining again after a crash takes back what was asked for. */
bool
qm_paper_world_follow(QmPaperWorld *world, const char *name)
{
    QmPaperClock *clock = &world->clock;
    QmPaperFollower *known = follower(world, name);

    if (known == NULL)
    {
        if (clock->follower_count == QM_PAPER_FOLLOWERS_MAX || strlen(name) >= sizeof(known->name))
            return false;
        known = &clock->followers[clock->follower_count++];
        strcpy(known->name, name);
    }
    known->is_ready = false;
    if (clock->follower_count >= clock->wanted)
        clock->has_begun = true;
    return true;
}

/* qm_paper_world_ready asks for the step after the one that the follower has seen. */
bool
qm_paper_world_ready(QmPaperWorld *world, const char *name, int64_t seen_step)
{
    QmPaperFollower *known = follower(world, name);

    if (world->step > seen_step)
        return true;
    if (known != NULL)
        known->is_ready = true;
    return false;
}

/* qm_paper_world_leave lets a follower go; nobody waits for it any longer. */
void
qm_paper_world_leave(QmPaperWorld *world, const char *name)
{
    QmPaperClock *clock = &world->clock;
    QmPaperFollower *known = follower(world, name);

    if (known != NULL)
        *known = clock->followers[--clock->follower_count];
}
