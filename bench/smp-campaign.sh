#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Linux on many processors: works on all of them, locked instructions of all of them, saved standing, live and incrementally in
# the midst of work, restored at once and lazily, cloned, powered off. The test SmpIT at size.
#
#   bench/smp-campaign.sh [VCPUS[,VCPUS...]] [ROUNDS]    default 2,4,8 and 2000
set -eu

top=$(cd "$(dirname "$0")/.." && pwd -P)
exec "$top/faultline" test -pl itests -am -Dit.test=SmpIT -Dtest=NoSuch -Dsurefire.failIfNoSpecifiedTests=false \
    -Dfaultline.smp.vcpus="${1:-2,4,8}" -Dfaultline.smp.rounds="${2:-2000}"
