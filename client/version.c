/*
 * Versions: which extensions this library can work with.
 */
#include "version.h"

#include <stdio.h>

/*
 * qm_version_fit compares major.minor.patch. A patch changes nothing that a
 * caller sees. From 1.0 on a minor version only adds, so a newer extension
 * fits; before that every minor version may change what it answers.
 */
QmVersionFit
qm_version_fit(const char *library, const char *extension)
{
    int ours[3];
    int theirs[3];
    char rest;

    if (sscanf(library, "%5d.%5d.%5d%c", &ours[0], &ours[1], &ours[2], &rest) != 3 ||
        sscanf(extension, "%5d.%5d.%5d%c", &theirs[0], &theirs[1], &theirs[2], &rest) != 3)
        return QM_VERSION_UNREADABLE;
    if (theirs[0] != ours[0])
        return theirs[0] < ours[0] ? QM_VERSION_OLDER : QM_VERSION_NEWER;
    if (theirs[1] < ours[1])
        return QM_VERSION_OLDER;
    return theirs[1] > ours[1] && ours[0] == 0 ? QM_VERSION_NEWER : QM_VERSION_FITS;
}
