/*
 * Parameters of a request to the paper exchange, wherever they stand: query, form
 * body, or the params of a WebSocket request; and the text that a signature
 * covers. What is here belongs to one request and is freed with it.
 */
#ifndef QM_PAPER_PARAMS_H
#define QM_PAPER_PARAMS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QM_PAPER_PARAMS_MAX 64

typedef struct QmPaperParams
{
    char *names[QM_PAPER_PARAMS_MAX];
    char *values[QM_PAPER_PARAMS_MAX]; /* decoded */
    size_t count;
    bool too_many;
    bool duplicate; /* a name twice in one place */
    bool malformed; /* a percent sign without two hex digits, or a NUL */
} QmPaperParams;

extern bool qm_paper_params_read(QmPaperParams *params, const char *text, size_t length);
extern bool qm_paper_params_json(QmPaperParams *params, const char *request);
extern void qm_paper_params_free(QmPaperParams *params);
extern const char *qm_paper_param(const QmPaperParams *params, const char *name);
extern bool qm_paper_param_set(QmPaperParams *params, const char *name, const char *value);
extern char *qm_paper_params_sorted(const QmPaperParams *params, bool encode);

/* paper_sign.c */
extern bool qm_paper_signature_fits(const char *secret, const char *text, size_t length, const char *signature);
extern bool qm_paper_request_signed(const char *secret, const char *query, const char *body, const char *signature);
extern bool qm_paper_message_signed(const char *secret, const QmPaperParams *params, const char *signature);
extern char *qm_paper_encode(const char *text);

#endif
