/*
 * Small durable files in the data directory: a header with magic number, size
 * and checksum, then bytes of the caller's. Written beside and renamed, so that
 * a file is always the old one or the new one. Each file has one writer.
 */
#include "state_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file_perm.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#define STATE_MAGIC 0x514D0001 /* "QM", layout 1 */

typedef struct StateHeader
{
    uint32 magic;
    uint32 size;
    pg_crc32c checksum;
} StateHeader;

static pg_crc32c checksum_of(const void *data, Size size);
static const char *replace_file(const char *path, const void *data, Size size);
static bool write_all(const char *path, const StateHeader *header, const void *data);

/* checksum_of returns the checksum of the caller's bytes. */
static pg_crc32c
checksum_of(const void *data, Size size)
{
    pg_crc32c checksum;

    INIT_CRC32C(checksum);
    COMP_CRC32C(checksum, data, size);
    FIN_CRC32C(checksum);
    return checksum;
}

/*
 * qm_state_write replaces the file's content durably. False when it could not;
 * then the old content is still there, and the first time in a row a LOG line
 * says why.
 */
bool
qm_state_write(const char *path, const void *data, Size size)
{
    static const char *failing = NULL;
    const char *step = replace_file(path, data, size);

    if (step == NULL)
    {
        if (failing == path)
            ereport(LOG, (errmsg("quantmesh can write file \"%s\" again", path)));
        failing = failing == path ? NULL : failing;
        return true;
    }
    if (failing != path)
        ereport(LOG,
                (errcode_for_file_access(),
                 errmsg("quantmesh could not %s file \"%s\": %m", step, path),
                 errdetail("It is tried again, and said when it is well.")));
    failing = path;
    return false;
}

/* replace_file writes beside the file and renames; returns NULL, or what failed, with errno. */
static const char *
replace_file(const char *path, const void *data, Size size)
{
    StateHeader header = {.magic = STATE_MAGIC, .size = (uint32) size, .checksum = checksum_of(data, size)};
    char new_path[MAXPGPATH];

    if (MakePGDirectory(QM_STATE_DIR) == 0)
        fsync_fname(".", true);
    else if (errno != EEXIST)
        return "make the folder of";
    snprintf(new_path, sizeof(new_path), "%s.new", path);
    if (!write_all(new_path, &header, data))
    {
        int saved_errno = errno;

        unlink(new_path);
        errno = saved_errno;
        return "write";
    }
    return durable_rename(new_path, path, DEBUG1) == 0 ? NULL : "replace";
}

/* write_all writes header and data to a new file; errno says why not. durable_rename will sync it. */
static bool
write_all(const char *path, const StateHeader *header, const void *data)
{
    int file = OpenTransientFile(path, O_WRONLY | O_CREAT | O_TRUNC | PG_BINARY);
    bool written;
    int saved_errno;

    if (file < 0)
        return false;
    errno = 0;
    written = write(file, header, sizeof(*header)) == (ssize_t) sizeof(*header) &&
              (header->size == 0 || write(file, data, header->size) == (ssize_t) header->size);
    saved_errno = errno == 0 ? ENOSPC : errno;
    if (CloseTransientFile(file) != 0 && written)
    {
        written = false;
        saved_errno = errno;
    }
    errno = saved_errno;
    return written;
}

/*
 * qm_state_read reads a file of at most max_size bytes and says how many it
 * had. Missing is not an error; everything else that keeps it from being read
 * whole is damage.
 */
QmStateRead
qm_state_read(const char *path, void *data, Size max_size, Size *size)
{
    StateHeader header;
    int file = OpenTransientFile(path, O_RDONLY | PG_BINARY);
    bool good;

    if (file < 0)
        return errno == ENOENT ? QM_STATE_MISSING : QM_STATE_DAMAGED;
    good = read(file, &header, sizeof(header)) == (ssize_t) sizeof(header) && header.magic == STATE_MAGIC &&
           header.size <= max_size && read(file, data, header.size) == (ssize_t) header.size &&
           EQ_CRC32C(checksum_of(data, header.size), header.checksum);
    CloseTransientFile(file);
    if (!good)
        return QM_STATE_DAMAGED;
    *size = header.size;
    return QM_STATE_OK;
}

/* qm_state_remove removes the file if it is there. Not durable: after a crash it may be back. */
void
qm_state_remove(const char *path)
{
    if (unlink(path) != 0 && errno != ENOENT)
        ereport(LOG, (errcode_for_file_access(), errmsg("could not remove file \"%s\": %m", path)));
}
