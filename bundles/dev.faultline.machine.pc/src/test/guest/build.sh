#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the test guests. usage: build.sh [DIRECTORY], by default the test resources of this bundle.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../resources/guest}
link=$here/../../../../dev.faultline.shell/src/main/guest/link-guest.sh
for guest in hello triple hostile smp litmus; do
    "$link" "$out/$guest.elf" "$here/$guest.c"
done
