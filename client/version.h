/*
 * Versions: which extensions this library can work with.
 */
#ifndef QM_CLIENT_VERSION_H
#define QM_CLIENT_VERSION_H

#include "quantmesh.h"

typedef enum QmVersionFit
{
    QM_VERSION_FITS,
    QM_VERSION_OLDER, /* the extension is too old for the library */
    QM_VERSION_NEWER, /* it is too new */
    QM_VERSION_UNREADABLE
} QmVersionFit;

extern QmVersionFit qm_version_fit(const char *library, const char *extension);

#endif
