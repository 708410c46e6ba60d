#include "inside.h"

__thread bool inside_event __attribute__((tls_model("initial-exec")));
__thread bool inside_stack __attribute__((tls_model("initial-exec")));
