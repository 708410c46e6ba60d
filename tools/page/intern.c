#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "page.h"

struct interns {
  json_t *frames, *stacks;               /* arrays of data */
  json_t *frame_numbers, *stack_numbers; /* the numbers, by the text of the value */
};

/* The number of `value` in `list`. A new value is added. Takes the reference. */
static json_int_t number_of(json_t *list, json_t *numbers, json_t *value) {
  char *const key = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
  const json_t *const known = key != NULL ? json_object_get(numbers, key) : NULL;
  if (known != NULL) {
    free(key);
    json_decref(value);
    return json_integer_value(known);
  }
  const json_int_t number = (json_int_t)json_array_size(list);
  json_array_append_new(list, value);
  if (key != NULL) json_object_set_new(numbers, key, json_integer(number));
  free(key);
  return number;
}

static json_t *stack_number(const struct interns *in, const json_t *stack) {
  json_t *const frames = json_array();
  size_t i;
  json_t *frame;
  json_array_foreach(stack, i, frame) json_array_append_new(frames, json_integer(number_of(in->frames, in->frame_numbers, json_incref(frame))));
  return json_integer(number_of(in->stacks, in->stack_numbers, frames));
}

static void walk(const struct interns *in, json_t *value) {
  const char *key;
  json_t *member;
  size_t i;
  if (json_is_array(value)) {
    json_array_foreach(value, i, member) walk(in, member);
  } else if (json_is_object(value)) {
    json_object_foreach(value, key, member) {
      if (strcmp(key, "stack") == 0 && json_is_array(member)) json_object_set_new(value, key, stack_number(in, member));
      else walk(in, member);
    }
  }
}

void page_intern_stacks(json_t *data, json_t *value) {
  const struct interns in = {json_array(), json_array(), json_object(), json_object()};
  walk(&in, value);
  json_object_set_new(data, "frames", in.frames);
  json_object_set_new(data, "stacks", in.stacks);
  json_decref(in.frame_numbers);
  json_decref(in.stack_numbers);
}
