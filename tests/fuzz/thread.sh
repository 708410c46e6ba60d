#!/bin/sh
# slow
# timeout: 600
# The core built with ThreadSanitizer: the model test runs clean.
. "$(dirname "$0")/sanitize.inc"
sanitize thread
