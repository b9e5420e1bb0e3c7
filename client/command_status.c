/*
 * quantmesh status: whether anything needs attention, and what there is.
 *
 * The verdict comes first and decides the exit code, so that the same command
 * serves people, cron and monitoring.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "status_sections.h"
#include "terminal.h"

enum
{
    SECTIONS_MAX = 16
};

/* The answers to all sections. */
typedef struct Answers
{
    PGresult *results[SECTIONS_MAX];
    int problems;
} Answers;

static QmExit status_run(QmInvocation *invocation);
static const char *value(const PGresult *result, int row, const char *column);
static bool status_print(const Answers *answers);
static bool verdict_print(const Answers *answers);
static bool problem_print(const char *problem, const char *advice);
static bool section_print(const QmStatusSection *section, const PGresult *result);
static bool status_json(const Answers *answers);
static json_t *problems_json(const Answers *answers);

const QmCommand qm_command_status = {
    .name = "status",
    .summary = "say whether anything needs attention, and show what there is",
    .about =
        "Server, trading states, live orders, open discrepancies, instances, tasks, workers and locks. Exit code 1:\n"
        "something needs attention, and the first lines say what.",
    .needs = QM_NEED_DATABASE | QM_NEED_LISTING,
    .run = status_run,
};

/* status_run asks for everything before it prints anything: half a status could be taken for a whole one. */
static QmExit
status_run(QmInvocation *invocation)
{
    Answers answers = {0};
    QmExit exit_code = QM_EXIT_OK;

    for (int i = 0; i < qm_status_section_count && exit_code == QM_EXIT_OK; i++)
    {
        exit_code = qm_database_ask(invocation, &qm_status_sections[i].statement, NULL, &answers.results[i]);
        for (int row = 0; exit_code == QM_EXIT_OK && row < PQntuples(answers.results[i]); row++)
            answers.problems += value(answers.results[i], row, "problem") != NULL;
    }
    if (exit_code == QM_EXIT_OK &&
        !(qm_option(invocation, "json") != NULL ? status_json(&answers) : status_print(&answers)))
        exit_code = qm_say_no_memory();
    if (exit_code == QM_EXIT_OK && answers.problems > 0)
        exit_code = QM_EXIT_ATTENTION;
    for (int i = 0; i < qm_status_section_count; i++)
        PQclear(answers.results[i]);
    return exit_code;
}

/* value returns a value of an answer; NULL, too, for an empty one. */
static const char *
value(const PGresult *result, int row, const char *column)
{
    QmRows rows = qm_rows_of_result(result);
    const char *text = rows.cell(rows.source, row, column);

    return text == NULL || text[0] == '\0' ? NULL : text;
}

/* status_print prints everything for people. */
static bool
status_print(const Answers *answers)
{
    bool printed = verdict_print(answers);

    for (int i = 0; printed && i < qm_status_section_count; i++)
        printed = section_print(&qm_status_sections[i], answers->results[i]);
    return printed;
}

/* verdict_print prints in one line how it is, and below it each problem with the next step. */
static bool
verdict_print(const Answers *answers)
{
    if (answers->problems == 0)
    {
        qm_terminal_print(QM_COLOR_GREEN, "OK");
        fputs(": nothing needs attention\n", stdout);
        return true;
    }
    qm_terminal_print(QM_COLOR_RED, "ATTENTION");
    printf(": %d thing%s need%s it\n",
           answers->problems,
           answers->problems == 1 ? "" : "s",
           answers->problems == 1 ? "s" : "");
    for (int i = 0; i < qm_status_section_count; i++)
    {
        for (int row = 0; row < PQntuples(answers->results[i]); row++)
        {
            const char *problem = value(answers->results[i], row, "problem");

            if (problem != NULL && !problem_print(problem, value(answers->results[i], row, "advice")))
                return false;
        }
    }
    return true;
}

/* problem_print prints one problem and the next step; both can have words of other people in them. */
static bool
problem_print(const char *problem, const char *advice)
{
    int width;
    char *first = qm_terminal_text(problem, &width);
    char *second = qm_terminal_text(advice != NULL ? advice : "", &width);
    bool made = first != NULL && second != NULL;

    if (made)
        printf("- %s\n  %s\n", first, second);
    free(first);
    free(second);
    return made;
}

/* section_print prints one section below its name. */
static bool
section_print(const QmStatusSection *section, const PGresult *result)
{
    QmRows rows = qm_rows_of_result(result);

    fputs("\n", stdout);
    qm_terminal_print(QM_COLOR_BOLD, section->name);
    fputs(rows.count == 0 ? ": none\n" : ":\n", stdout);
    if (rows.count == 0)
        return true;
    return section->single ? qm_listing_print_row(section->columns, &rows, 0, "  ")
                           : qm_listing_print(section->columns, &rows, "  ");
}

/* status_json prints everything as one object. */
static bool
status_json(const Answers *answers)
{
    json_t *json = json_object();
    bool made = json_object_set_new(json, "ok", json_boolean(answers->problems == 0)) == 0 &&
                json_object_set_new(json, "problems", problems_json(answers)) == 0;

    for (int i = 0; made && i < qm_status_section_count; i++)
    {
        const QmStatusSection *section = &qm_status_sections[i];
        QmRows rows = qm_rows_of_result(answers->results[i]);

        made = json_object_set_new(json,
                                   section->name,
                                   section->single ? qm_listing_json_row(section->columns, &rows, 0)
                                                   : qm_listing_json(section->columns, &rows)) == 0;
    }
    if (!made)
    {
        json_decref(json);
        json = NULL;
    }
    return qm_json_print(json);
}

/* problems_json returns all problems as an array; NULL when there is no memory. */
static json_t *
problems_json(const Answers *answers)
{
    static const QmColumn columns[] = {
        {"problem", NULL, QM_CELL_TEXT},
        {"advice", NULL, QM_CELL_TEXT},
        {NULL, NULL, QM_CELL_TEXT},
    };
    json_t *list = json_array();
    bool made = list != NULL;

    for (int i = 0; made && i < qm_status_section_count; i++)
    {
        QmRows rows = qm_rows_of_result(answers->results[i]);

        for (int row = 0; made && row < rows.count; row++)
        {
            json_t *problem;

            if (value(answers->results[i], row, "problem") == NULL)
                continue;
            problem = qm_listing_json_row(columns, &rows, row);
            made = json_object_set_new(problem, "section", json_string(qm_status_sections[i].name)) == 0 &&
                   json_array_append(list, problem) == 0;
            json_decref(problem);
        }
    }
    if (!made)
    {
        json_decref(list);
        list = NULL;
    }
    return list;
}
