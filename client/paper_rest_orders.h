/*
 * Orders at the paper exchange: what placing, canceling, replacing and asking for them share.
 */
#ifndef QM_PAPER_REST_ORDERS_H
#define QM_PAPER_REST_ORDERS_H

#include "paper_server_inside.h"

extern bool qm_paper_read_request(QmPaperCall *call, QmPaperRequest *request);
extern bool qm_paper_find_order(QmPaperCall *call, const char *id_name, const char *client_name, QmPaperRefusal absent,
                                const QmPaperOrder **order);
extern json_t *qm_paper_cancel_named(QmPaperCall *call, const char *id_name, const char *client_name,
                                     const char *cancel_name);

#endif
