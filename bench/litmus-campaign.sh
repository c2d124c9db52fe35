#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Four processors, litmus tests, locked instructions and code that is modified, while pages of the guest lose their rights and get
# them back. The test LitmusIT at size; prints what was seen.
#   bench/litmus-campaign.sh [--engine interpreter|translator] [--minutes N] [--rounds N]
#   default: both engines, 10 minutes each, 20 rounds of each test in a run
set -eu
top=$(cd "$(dirname "$0")/.." && pwd -P)
engines=interpreter,translator
minutes=10
rounds=20
while [ $# -gt 1 ]; do
    case $1 in
        --engine) engines=$2 ;;
        --minutes) minutes=$2 ;;
        --rounds) rounds=$2 ;;
        *) break ;;
    esac
    shift 2
done
if [ $# -gt 0 ]; then
    echo "litmus-campaign: unknown option $1" >&2
    exit 2
fi
exec "$top/faultline" test -pl itests -am -Dit.test=LitmusIT -Dtest=NoSuch -Dsurefire.failIfNoSpecifiedTests=false \
    -Dfaultline.litmus.engines="$engines" -Dfaultline.litmus.minutes="$minutes" -Dfaultline.litmus.rounds="$rounds"
