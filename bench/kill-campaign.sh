#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Kills (SIGKILL) a process that saves, compacts and deletes snapshots without end, at random moments, and checks each time
# that the old or the new snapshot is there and every page of every snapshot is right. Ends at the first that is not.
#
#   bench/kill-campaign.sh [ROUNDS]    default 200; some 2 seconds each
set -eu

top=$(cd "$(dirname "$0")/.." && pwd -P)
cd "$top"
mvn -q -B -pl bundles/dev.faultline.snapshot -am -Dtest=KillTest -Dsurefire.failIfNoSpecifiedTests=false \
    -Dfaultline.kill.rounds="${1:-200}" -Dfaultline.hang.minutes=1440 test
