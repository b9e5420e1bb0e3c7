/*
 * The paper exchange's server as a whole: opened, run, closed. What a turn of the
 * loop has done becomes safe before anybody is told of it.
 */
#include "paper_server_inside.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

#define STEPS_MAX 64 /* of the world in one turn */

static void set_defaults(QmPaperServerOptions *options);
static bool copy_texts(QmPaperServerOptions *options);
static int64_t prepare(void *context);
static void turn_end(void *context);
static void stop_now(void *context);

/* qm_paper_server_open listens on both ports. NULL, and error says why. */
QmPaperServer *
qm_paper_server_open(QmPaperWorld *world, const QmPaperServerOptions *options, QmError *error)
{
    QmPaperServer *server = calloc(1, sizeof(*server));

    qm_error_clear(error);
    if (server == NULL)
    {
        qm_error_no_memory(error);
        return NULL;
    }
    server->world = world;
    server->options = *options;
    set_defaults(&server->options);
    server->replies_end = &server->replies;
    server->loop = (QmPaperLoop){.epoll = -1, .wake = -1, .prepare = prepare, .turn_end = turn_end, .context = server};
    server->opened_ms = qm_paper_wire_ms(server);
    server->stop_timer = (QmPaperTimer){.fire = stop_now, .context = server};
    if (!copy_texts(&server->options) || !qm_paper_loop_open(&server->loop))
        qm_error_no_memory(error);
    else if ((options->tls_certificate == NULL) != (options->tls_key == NULL))
        qm_error_set(error, QM_ERROR_ARGUMENT, "22023", NULL, "certificate and key go together");
    else if ((server->exchange = qm_paper_http_open(server, false, error)) != NULL &&
             (server->admin = qm_paper_http_open(server, true, error)) != NULL)
    {
        qm_paper_user_watch(server);
        qm_paper_streams_begin(server);
        return server;
    }
    qm_paper_server_close(server);
    return NULL;
}

/* set_defaults fills in what was left out. */
static void
set_defaults(QmPaperServerOptions *options)
{
    if (options->address == NULL)
        options->address = "127.0.0.1";
    if (options->weight_max == 0)
        options->weight_max = 6000;
    if (options->orders_10s_max == 0)
        options->orders_10s_max = 100;
    if (options->orders_day_max == 0)
        options->orders_day_max = 200000;
    if (options->stream_life_ms == 0)
        options->stream_life_ms = INT64_C(24) * 3600 * 1000;
    if (options->ping_ms == 0)
        options->ping_ms = 20000;
    if (options->listen_key_ms == 0)
        options->listen_key_ms = 3600 * 1000;
    if (options->connections_max == 0)
        options->connections_max = 512;
    if (options->request_max == 0)
        options->request_max = 64 * 1024;
    if (options->queue_max == 0)
        options->queue_max = 8 * 1024 * 1024;
    if (options->subscriptions_max == 0)
        options->subscriptions_max = 1024;
}

/* copy_texts makes the texts the server's own; false without memory. */
static bool
copy_texts(QmPaperServerOptions *options)
{
    const char **texts[] = {&options->address, &options->tls_certificate, &options->tls_key};
    bool good = true;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (*texts[i] != NULL)
        {
            *texts[i] = strdup(*texts[i]);
            good = good && *texts[i] != NULL;
        }
    return good;
}

/* qm_paper_server_run serves until it is stopped, or until the world cannot keep what it says. */
QmCode
qm_paper_server_run(QmPaperServer *server, QmError *error)
{
    qm_error_clear(error);
    if (!qm_paper_loop_run(&server->loop))
        return qm_error_set(error, QM_ERROR_LIMIT, "53000", NULL, "the system cannot wait for descriptors");
    if (server->failure != QM_OK)
        return qm_error_copy(error, &server->error);
    return QM_OK;
}

/* qm_paper_server_stop ends qm_paper_server_run. */
void
qm_paper_server_stop(QmPaperServer *server)
{
    qm_paper_loop_stop(&server->loop);
}

static void
stop_now(void *context)
{
    qm_paper_server_stop(context);
}

/* prepare returns how long a turn may wait. */
static int64_t
prepare(void *context)
{
    QmPaperServer *server = context;
    const int64_t waits[] = {qm_paper_world_due(server->world),
                             qm_paper_http_wait_ms(server->exchange),
                             qm_paper_http_wait_ms(server->admin),
                             server->has_undrained_step || qm_paper_sockets_stuck(server) ? 1 : -1};
    int64_t least = -1;

    if (server->replies != NULL || server->has_output)
        return 0;
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
        if (waits[i] >= 0 && (least < 0 || waits[i] < least))
            least = waits[i];
    return least;
}

/* turn_end lets the world go on, makes safe what the turn has done, and tells of it: events first, then replies. */
static void
turn_end(void *context)
{
    QmPaperServer *server = context;

    for (int i = 0; i < STEPS_MAX && qm_paper_world_due(server->world) == 0; i++)
        if (!qm_paper_world_advance(server->world))
            break;
    qm_paper_user_flush(server);
    server->failure = qm_paper_world_sync(server->world, &server->error);
    if (server->failure != QM_OK)
    {
        qm_paper_server_stop(server);
        return;
    }
    qm_paper_sockets_flush(server);
    qm_paper_admin_steps(server);
    qm_paper_calls_reply(server);
    qm_paper_sockets_flush(server);
    qm_paper_http_turn(server->exchange);
    qm_paper_http_turn(server->admin);
    qm_paper_bonds_sweep(server);
}

/* qm_paper_server_close cuts what is still connected, and frees the server; the world stays. */
void
qm_paper_server_close(QmPaperServer *server)
{
    if (server == NULL)
        return;
    qm_paper_sockets_close(server);
    qm_paper_calls_drop(server);
    qm_paper_follow_close(server);
    qm_paper_http_close(server->exchange);
    qm_paper_http_close(server->admin);
    qm_paper_bonds_sweep(server);
    qm_paper_user_close(server);
    qm_paper_streams_end(server);
    qm_paper_loop_close(&server->loop);
    free((void *) (uintptr_t) server->options.address);
    free((void *) (uintptr_t) server->options.tls_certificate);
    free((void *) (uintptr_t) server->options.tls_key);
    free(server);
}

/* qm_paper_server_port returns the port of the exchange. */
int
qm_paper_server_port(const QmPaperServer *server)
{
    return qm_paper_http_port(server->exchange);
}

/* qm_paper_server_admin_port returns the port of the operator. */
int
qm_paper_server_admin_port(const QmPaperServer *server)
{
    return qm_paper_http_port(server->admin);
}
