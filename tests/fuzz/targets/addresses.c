/*
 * addresses: each line is what one of the options --to, --push, --label and --listen may be given. Nothing is connected to, and no name is looked up.
 */
#include "tests/fuzz/input.h"

#include <jansson.h>

#include "common/error.h"
#include "export/store/receiver.h"
#include "listen/address.h"
#include "session/relay/relay.h"

static bool is_visible(const char *text) {
  for (; *text != '\0'; text++) {
    if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f) return false;
  }
  return true;
}

static void check_relay(const char *text) {
  struct relay r;
  if (!relay_parse(&r, text)) return;
  MUST(r.host[0] != '\0' && r.port[0] != '\0' && strspn(r.port, "0123456789") == strlen(r.port));
  relay_close(&r);
}

static void check_listen(const char *text) {
  char *host, *port;
  if (!address_split(text, &host, &port)) return;
  MUST(host[0] != '\0' && port[0] != '\0' && strspn(port, "0123456789") == strlen(port) && strlen(port) <= 5);
  free(host);
  free(port);
}

/* What is sent to a store of profiles: a URL of visible letters, and JSON, whatever the labels and the program are called. */
static void check_push(const char *url, const char *label, const char *program) {
  enum receiver receiver;
  struct package package;
  struct delivery d = {.profile = program, .size = strlen(program), .from_ns = 1, .until_ns = 2, .program = program};
  if (!receiver_find(url, &receiver)) return;
  MUST(is_visible(url));
  char *const shown = receiver_shown(url);
  MUST(strlen(shown) <= strlen(url));
  free(shown);
  labels_read(&d.labels, label);
  receiver_pack(receiver, url, &d, &package);
  MUST(is_visible(package.url));
  if (package.owns_body) {
    json_t *const body = json_loadb(package.body, package.size, 0, NULL);
    MUST(json_is_object(body) && json_array_size(json_object_get(body, "series")) == 1);
    json_decref(body);
  }
  receiver_unpack(&package);
  labels_free(&d.labels);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct input in = {bytes, bytes + size};
  char *const address = input_line(&in), *const label = input_line(&in), *const program = input_line(&in);
  check_relay(address);
  check_listen(address);
  check_push(address, label, program);
  free(address);
  free(label);
  free(program);
  return 0;
}
