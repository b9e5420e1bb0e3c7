/*
 * Lockstress: one client's life. It connects, picks a way to lock and hot keys
 * at random, runs one attempt, and does so again until it is told to stop. A
 * broken connection is made anew.
 */
#include "stress.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
    RECONNECT_US = 5000
};

/* qf_random returns a number from 0 to below - 1, from the client's own seed. */
long
qf_random(Client *client, long below)
{
    return below <= 0 ? 0 : nrand48(client->seed) % below;
}

/* qf_think passes up to us_max; every second time none, so that tight races happen too. */
void
qf_think(Client *client, long us_max)
{
    if (us_max > 0 && qf_random(client, 2) == 0)
        usleep((useconds_t) qf_random(client, us_max + 1));
}

/* qf_pick_key chooses one of the hot keys and returns its number: half are order keys with a TTL, half custom without. */
long
qf_pick_key(Client *client, char *key)
{
    long number = qf_random(client, qf_options.keys);

    snprintf(key, KEY_SIZE, number % 2 == 0 ? "order:stress:HOTUSDT:%ld" : "hot/%ld", number);
    return number;
}

/* qf_count_failure counts the last failed statement by its SQLSTATE; a cut connection is counted once by the loop. */
void
qf_count_failure(Client *client)
{
    StateCount *states = client->counts.states;

    if (client->link.state[0] == '\0')
        return;
    for (int i = 0; i < STATES_MAX; i++)
    {
        if (states[i].count > 0 && strcmp(states[i].state, client->link.state) != 0)
            continue;
        memcpy(states[i].state, client->link.state, sizeof(states[i].state));
        states[i].count++;
        return;
    }
}

/* qf_client_connect connects, however long that takes; false when the run ended first. */
bool
qf_client_connect(Client *client)
{
    while (!atomic_load(&qf_stop))
    {
        if (qf_link_open(&client->link, qf_options.conninfo, client->owner))
        {
            client->counts.connections++;
            return true;
        }
        usleep(RECONNECT_US);
    }
    return false;
}

/* pick_variant chooses among the wanted variants by weight. */
static const Variant *
pick_variant(Client *client)
{
    long total = 0, pick;

    for (int i = 0; i < qf_variant_count; i++)
        total += qf_variant_wanted(&qf_variants[i]) ? qf_variants[i].weight : 0;
    pick = qf_random(client, total);
    for (int i = 0; i < qf_variant_count; i++)
    {
        if (!qf_variant_wanted(&qf_variants[i]))
            continue;
        pick -= qf_variants[i].weight;
        if (pick < 0)
            return &qf_variants[i];
    }
    return &qf_variants[0];
}

/* qf_client_main is a client's thread. */
void *
qf_client_main(void *argument)
{
    Client *client = argument;

    while (qf_client_connect(client))
    {
        while (!atomic_load(&qf_stop) && !qf_link_broken(&client->link))
        {
            const Variant *variant = pick_variant(client);

            variant->run(client, variant);
            qf_link_rollback(&client->link);
            qf_think(client, qf_options.think_us);
        }
        if (qf_link_broken(&client->link))
            client->counts.broken++;
        qf_link_close(&client->link);
    }
    fclose(client->history);
    return NULL;
}
