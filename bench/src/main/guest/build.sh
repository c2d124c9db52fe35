#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the benchmark guest. usage: build.sh [DIRECTORY], by default the resources of this module.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../resources/guest}
link=$here/../../../../bundles/dev.faultline.shell/src/main/guest/link-guest.sh
"$link" "$out/hotloop.elf" "$here/hotloop.c" "$here/kernels.S"
