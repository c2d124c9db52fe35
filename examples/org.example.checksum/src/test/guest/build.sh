#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the guest that examples are tried with. usage: build.sh [DIRECTORY], by default the test resources of this project.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../resources/guest}
"$here/../../../../../bundles/dev.faultline.shell/src/main/guest/link-guest.sh" "$out/probe.elf" "$here/probe.c"
