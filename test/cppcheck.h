/*
 * What the server's macros look like to cppcheck, which does not read the server's headers.
 */
#define PG_MODULE_MAGIC extern int magic
#define PG_FUNCTION_INFO_V1(name) extern int info_of_##name
#define StaticAssertDecl(condition, text) extern int checked
#define INT64_FORMAT "%ld"
#define UINT64_FORMAT "%lu"

#define foreach(cell, list) while (list)
#define dlist_foreach(iter, head) while (head)
#define dlist_foreach_modify(iter, head) while (head)

/* From ERROR on a report does not return. */
#define LOG 15
#define NOTICE 18
#define WARNING 19
#define ERROR 21
#define FATAL 22
#define PANIC 23
#define ereport(level, ...) ((level) >= ERROR ? exit(1) : (void) 0)
#define elog(level, ...) ((level) >= ERROR ? exit(1) : (void) 0)
