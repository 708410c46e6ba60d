/*
 * options.h: the names and values of options. The library and the companion program read them with the same functions, so that
 * `hakmem run -O` refuses the options that the library would refuse.
 */
#ifndef HAKMEM_OPTIONS_H
#define HAKMEM_OPTIONS_H

#include "config.h"

#define OPTION_PREFIX "HAKMEM_"

enum option_kind { OPTION_NUMBER, OPTION_CHOICE, OPTION_TEXT, OPTION_BYTES };

struct config_option {
  const char *name;
  enum option_kind kind;
  size_t offset; /* of the member in struct config */
  uint32_t default_value, lowest, highest;
  const char *form; /* unit, choices, or what the text is */
  const char *meaning;
};

/* All of them, in the order of CONFIG_OPTIONS; the last one's name is NULL. */
extern const struct config_option option_table[];

/* The option with the name name[length], without its prefix; NULL if there is none. */
const struct config_option *option_find(const char *name, size_t length);

/* A name that used to be an option. */
struct old_option {
  const char *name;
  const char *now; /* its new name; NULL if the option was removed */
};
/* All of them; the last one's name is NULL. */
extern const struct old_option option_old_names[];

/* The old option called name[length]; NULL if it never was an option, or is one now. */
const struct old_option *option_find_old(const char *name, size_t length);

/* How many letters have to be replaced, added or left out to get from name[length] to `known`, which has at most OPTION_NAME_MOST letters (Levenshtein). */
#define OPTION_NAME_MOST 31 /* letters of an option's name, old or new */
size_t option_distance(const char *name, size_t length, const char *known);

/* The option that is probably meant by the wrong name name[length]: at most every third letter differs. NULL if there is none. */
const struct config_option *option_nearest(const char *name, size_t length);

/* Reads the value of an option. False if it is not allowed; *out may have changed. Except for a text, *out becomes the value of the member of struct config. */
bool option_parse(const struct config_option *o, const char *text, uint64_t *out);

/* A number, with k, K, m, M, g or G behind it for 1024, 1024^2 and 1024^3. False if it is not a number, or above `highest`. */
bool option_parse_number(const char *text, uint64_t highest, uint64_t *out);

/* The choice number `index` (from 0) in "a|b|c": its start, and its length in *length. NULL past the last one. */
const char *option_choice(const char *choices, uint32_t index, size_t *length);

/* The words of HAKMEM_LOG, as a set. False if one of them is unknown; the others are in the set all the same. */
enum { OPTION_LOG_DRAIN = 1, OPTION_LOG_SS = 2, OPTION_LOG_HDR = 4 };
bool option_log_words(const char *list, uint32_t *set);

/* The number of the signal called `name`, with or without SIG, or written as a number; 0 if there is none. */
int option_signal(const char *name);

#endif
