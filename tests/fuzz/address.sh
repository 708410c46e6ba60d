#!/bin/sh
# slow
# timeout: 600
# The core built with AddressSanitizer: the model test runs clean.
. "$(dirname "$0")/sanitize.inc"
sanitize address
