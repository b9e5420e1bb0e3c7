/*
 * A paper exchange for tests: world and server in this process, the server on a
 * thread of its own, and questions to it over HTTP as any program would send them.
 */
#ifndef QT_PAPER_HOST_H
#define QT_PAPER_HOST_H

#include <jansson.h>

#include "paper_setup.h"

#define QT_PAPER_KEY "paperkey"
#define QT_PAPER_SECRET "papersecret"

typedef struct QtPaper
{
    QmPaperSetup setup; /* to be changed between qt_paper_prepare and qt_paper_start */
    QmPaperWorld *world;
    QmPaperServer *server;
    void *thread;
    char url[64];
    char ws_api_url[64];
    char stream_url[64];
    char admin_url[64];
    json_t *answer; /* of the last question; NULL: it was no JSON */
    char headers[4096];
    long status; /* 0: there was no answer */
} QtPaper;

/* qt_paper_prepare sets up an exchange at BTC/USDT and ETH/USDT, two accounts, speed 0: nothing moves but by qt_paper_step. */
extern void qt_paper_prepare(QtPaper *paper);
extern void qt_paper_start(QtPaper *paper);
extern void qt_paper_stop(QtPaper *paper);
/* qt_paper_ask sends a request to the exchange; signed ones get a timestamp and a signature. The answer is the host's until the next. */
extern json_t *qt_paper_ask(QtPaper *paper, const char *verb, const char *path, const char *query, bool is_signed);
extern json_t *qt_paper_ask_as(QtPaper *paper, const char *key, const char *verb, const char *path, const char *query);
extern bool qt_paper_signature(const char *text, char signature[65]); /* with the secret of the account */
extern json_t *qt_paper_admin(QtPaper *paper, const char *verb, const char *path, const char *body);
/* qt_paper_step lets so many steps of data happen. */
extern void qt_paper_step(QtPaper *paper, int steps);
/* qt_paper_refused fails unless the answer is an error of this status, code and text. */
extern void qt_paper_refused(const QtPaper *paper, long status, int code, const char *message);
/* qt_paper_certificate writes a key and a certificate of its own for 127.0.0.1. */
extern void qt_paper_certificate(const char *certificate_path, const char *key_path);
extern int64_t qt_paper_now_ms(void);
extern const char *qt_paper_text(const json_t *object, const char *name);
extern json_int_t qt_paper_whole(const json_t *object, const char *name);

#endif
