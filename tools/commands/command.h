/*
 * command.h: the subcommands, listed once in main.c's table.
 */
#ifndef HAKMEM_TOOLS_COMMAND_H
#define HAKMEM_TOOLS_COMMAND_H

#include "words/words.h"

extern const struct argp run_argp, record_argp, report_argp, explain_argp, diff_argp, page_argp, export_argp, check_argp, top_argp, symbolize_argp, bench_argp,
  set_argp, dump_argp, trim_argp, merge_argp;
int command_run(int argc, char **argv);
int command_record(int argc, char **argv);
int command_report(int argc, char **argv);
void report_on(char *directory); /* hakmem report DIRECTORY */
int command_explain(int argc, char **argv);
int command_diff(int argc, char **argv);
int command_merge(int argc, char **argv);
int command_page(int argc, char **argv);
int command_export(int argc, char **argv);
int command_check(int argc, char **argv);
int command_set(int argc, char **argv);
int command_dump(int argc, char **argv);
int command_trim(int argc, char **argv);
int command_top(int argc, char **argv);
int command_symbolize(int argc, char **argv);
int command_bench(int argc, char **argv);

#endif
