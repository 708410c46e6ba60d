/*
 * frames.c: a stack as text: for each frame its object and the offset in it, in the form that addr2line and `hakmem symbolize` take.
 *
 *       #0 /usr/lib/libexample.so.1+0x1a2b
 *
 * A frame is a return address. The text has the byte before it, which belongs to the call. Signal safe.
 */
#include <string.h>

#include "frames.h"
#include "modules.h"
#include "stacks.h"

#define SHOWN 12
#define OWN_LIBRARY "libhakmem"

/* Whether the path is this library's. The innermost frames of every stack lie in it. */
static bool is_own(const char *path) {
  const char *slash = path != NULL ? strrchr(path, '/') : NULL;
  return slash != NULL && strncmp(slash + 1, OWN_LIBRARY, strlen(OWN_LIBRARY)) == 0;
}

void frames_put(struct message *m, uint32_t stack) {
  const struct stack_frames *frames = stacks_frames(stack);
  if (frames == NULL) return;
  uint32_t first = 0;
  uintptr_t own;
  while (first < frames->count && is_own(modules_path(frames->frame[first], frames->epoch, &own))) first++;
  for (uint32_t f = first; f < frames->count && f < first + SHOWN; f++) {
    own = frames->frame[f];
    const char *path = modules_path(frames->frame[f], frames->epoch, &own);
    message_text(m, "\n    #");
    message_number(m, f - first);
    message_text(m, " ");
    if (path != NULL) {
      message_quoted(m, path);
      message_text(m, "+");
    }
    message_pointer(m, own - 1);
  }
}
