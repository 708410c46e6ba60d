/*
 * schema.h: the parts of the report's JSON Schema that come from the tables of the source.
 */
#ifndef HAKMEM_MAN_SCHEMA_H
#define HAKMEM_MAN_SCHEMA_H

#include <stdbool.h>

/*
 * Writes the part `name` to `page`: the schema of an object with the members of a table, the properties of a part of an object, or the names of an
 * enumeration. False if there is no such table.
 */
bool schema_write(const char *name);

#endif
