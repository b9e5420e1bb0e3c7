/*
 * Text of configurations: what may stand in a file, how a value is shown in a
 * message, and how far two words are apart.
 */
#include "config_text.h"

#include <stdint.h>
#include <string.h>

enum
{
    SHOWN_MAX = 60,   /* bytes of a value in a message */
    COMPARED_MAX = 64 /* bytes of a word that may be compared with others */
};

static size_t character(const unsigned char *text, size_t len, uint32_t *code);
static bool is_printable(uint32_t code);
static int lower(char letter);
static size_t smallest(size_t a, size_t b, size_t c);

/*
 * qm_text_check_file tells whether the text is UTF-8 with no other characters
 * than YAML allows, and where it is not. The YAML parser would refuse them too,
 * but knows no line or column then.
 */
bool
qm_text_check_file(const char *text, size_t len, QmTextFault *fault)
{
    *fault = (QmTextFault){.line = 1, .column = 1};
    while (fault->at < len)
    {
        uint32_t code;
        size_t bytes = character((const unsigned char *) text + fault->at, len - fault->at, &code);

        if (bytes == 0)
            fault->problem = "not UTF-8";
        else if (code != '\t' && code != '\n' && code != '\r' && code != 0x85 && !is_printable(code))
            fault->problem = "a character that YAML does not allow";
        if (fault->problem != NULL)
            return false;

        fault->at += bytes;
        fault->column++;
        if (code == '\n' || (code == '\r' && (fault->at == len || text[fault->at] != '\n')))
        {
            fault->line++;
            fault->column = 1;
        }
    }
    return true;
}

/*
 * qm_text_value_problem says why text cannot be a value, or returns NULL. Line
 * breaks and other control characters are in no name, address or secret; where
 * they get in, by a block of YAML or from the environment, it is a mistake.
 */
const char *
qm_text_value_problem(const char *text, size_t len)
{
    size_t at = 0;

    while (at < len)
    {
        uint32_t code;
        size_t bytes = character((const unsigned char *) text + at, len - at, &code);

        if (bytes == 0)
            return "not UTF-8";
        if (code == '\n' || code == '\r' || code == 0x85 || code == 0x2028 || code == 0x2029)
            return "has a line break in it";
        if (!is_printable(code))
            return "has a control character in it";
        at += bytes;
    }
    return NULL;
}

/* character decodes one character of UTF-8 and returns its length in bytes, 0 where there is none. */
static size_t
character(const unsigned char *text, size_t len, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t bytes = text[0] < 0x80   ? 1
                   : text[0] < 0xC0 ? 0
                   : text[0] < 0xE0 ? 2
                   : text[0] < 0xF0 ? 3
                   : text[0] < 0xF8 ? 4
                                    : 0;

    if (bytes == 0 || bytes > len)
        return 0;
    *code = bytes == 1 ? text[0] : text[0] & (0x7Fu >> bytes);
    for (size_t i = 1; i < bytes; i++)
    {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        *code = *code << 6 | (text[i] & 0x3F);
    }
    if (*code < least[bytes] || *code > 0x10FFFF || (*code >= 0xD800 && *code <= 0xDFFF))
        return 0;
    return bytes;
}

/* is_printable tells whether a character is visible or a space: what YAML allows, without breaks, tabs and C1. */
static bool
is_printable(uint32_t code)
{
    return (code >= 0x20 && code <= 0x7E) || (code >= 0xA0 && code <= 0xD7FF) ||
           (code >= 0xE000 && code <= 0xFFFD && code != 0xFEFF) || code >= 0x10000;
}

/*
 * qm_text_quote returns the text in quotes for a message: shortened, and with
 * what a terminal would act on written as \xNN.
 */
const char *
qm_text_quote(QmArena *arena, const char *text)
{
    static const char digits[] = "0123456789abcdef";
    char quoted[4 * SHOWN_MAX + sizeof("\"...\"")];
    size_t len = strlen(text);
    size_t at = 0;
    size_t used = 0;

    quoted[used++] = '"';
    while (at < len)
    {
        uint32_t code;
        size_t bytes = character((const unsigned char *) text + at, len - at, &code);

        if (at + (bytes == 0 ? 1 : bytes) > SHOWN_MAX)
            break;
        if (bytes > 0 && is_printable(code))
        {
            memcpy(quoted + used, text + at, bytes);
            used += bytes;
            at += bytes;
            continue;
        }
        quoted[used++] = '\\';
        quoted[used++] = 'x';
        quoted[used++] = digits[(unsigned char) text[at] >> 4];
        quoted[used++] = digits[(unsigned char) text[at] & 15];
        at++;
    }
    if (at < len)
    {
        memcpy(quoted + used, "...", 3);
        used += 3;
    }
    quoted[used++] = '"';
    return qm_arena_text(arena, quoted, used);
}

/* qm_text_join returns three texts as one. */
const char *
qm_text_join(QmArena *arena, const char *first, const char *second, const char *third)
{
    size_t lens[] = {strlen(first), strlen(second), strlen(third)};
    char *joined = qm_arena_alloc(arena, lens[0] + lens[1] + lens[2] + 1, 1);

    if (joined == NULL)
        return "";
    memcpy(joined, first, lens[0]);
    memcpy(joined + lens[0], second, lens[1]);
    memcpy(joined + lens[0] + lens[1], third, lens[2]);
    return joined;
}

/*
 * qm_text_distance returns how many letters must be typed otherwise, added, left
 * out or swapped with their neighbour to make one word from the other; the case
 * of letters does not count. Words that are too long are infinitely far.
 */
size_t
qm_text_distance(const char *left, const char *right)
{
    size_t rows[3][COMPARED_MAX + 1];
    size_t left_len = strlen(left);
    size_t right_len = strlen(right);

    if (left_len > COMPARED_MAX || right_len > COMPARED_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= right_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= left_len; i++)
    {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *above_that = rows[(i + 1) % 3];
        int a = lower(left[i - 1]);

        row[0] = i;
        for (size_t j = 1; j <= right_len; j++)
        {
            int b = lower(right[j - 1]);

            row[j] = smallest(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b));
            if (i > 1 && j > 1 && a == lower(right[j - 2]) && b == lower(left[i - 2]))
                row[j] = smallest(row[j], row[j], above_that[j - 2] + 1);
        }
    }
    return rows[left_len % 3][right_len];
}

/* qm_text_is_word tells whether two texts are the same but for the case of letters, in any locale. */
bool
qm_text_is_word(const char *left, const char *right)
{
    while (*left != '\0' && lower(*left) == lower(*right))
    {
        left++;
        right++;
    }
    return *left == *right;
}

static int
lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : (unsigned char) letter;
}

static size_t
smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* qm_text_is_near tells whether a word at this distance may well be a mistyped candidate. */
bool
qm_text_is_near(const char *word, const char *candidate, size_t distance)
{
    size_t word_len = strlen(word);
    size_t candidate_len = strlen(candidate);
    size_t shorter = word_len < candidate_len ? word_len : candidate_len;

    return distance <= (shorter < 3 ? 0 : shorter < 6 ? 1 : shorter / 3);
}
