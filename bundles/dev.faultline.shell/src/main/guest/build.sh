#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the embedded guest. usage: build.sh [DIRECTORY], by default the resources of this bundle.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../resources/guest}
"$here/link-guest.sh" "$out/keyed.elf" "$here/keyed.c" "$here/float.c"
