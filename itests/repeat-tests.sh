#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the tests (`./faultline test`) again and again, beside busy loops if asked to, and ends with a table: one line per
# run with its counts, processor seconds, wall time and the tests that failed. Exit code 0 if every run was green.
#
#   itests/repeat-tests.sh N [--busy K] [-- MAVEN ARGS]
#
#   itests/repeat-tests.sh 10                                          everything, ten times
#   itests/repeat-tests.sh 3 --busy 6                                  beside six loops that never rest
#   itests/repeat-tests.sh 20 -- -pl bundles/dev.faultline.mmu -am     one module and those it needs
#   itests/repeat-tests.sh 50 --busy 20 -- -pl itests -am -Dit.test=SwapIT -Dtest=None -Dsurefire.failIfNoSpecifiedTests=false
#
# What a run wrote is kept, if it failed, in the folder that is named then. Interrupted, it ends what it started and says
# what it has seen.
set -uo pipefail
set -m # so that what is started can be ended with all that it started

usage() {
    echo "usage: itests/repeat-tests.sh N [--busy K] [-- MAVEN ARGS]" >&2
    exit 2
}

number() { case $1 in '' | *[!0-9]*) return 1 ;; esac; }

number "${1:-}" && [ "$1" -gt 0 ] || usage
runs=$1
shift
busy=0
while [ $# -gt 0 ]; do
    case $1 in
        --busy)
            number "${2:-}" || usage
            busy=$2
            shift 2
            ;;
        --)
            shift
            break
            ;;
        *) usage ;;
    esac
done

top=$(cd "$(dirname "$0")/.." && pwd -P)
logs=$(mktemp -d)
table=$logs/table
loops=()
tests=
bad=0

end() {
    trap - EXIT INT TERM HUP
    [ -z "$tests" ] || kill -- "-$tests" 2>/dev/null
    for pid in ${loops[@]+"${loops[@]}"}; do
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null # says nothing of it
    done
    if [ -s "$table" ]; then
        echo
        echo "$runs runs asked for, $busy busy loops beside, $(nproc) processors"
        printf '%4s %7s %7s %8s %8s %8s  %s\n' run passed failed skipped 'cpu s' 'wall s' 'failed tests'
        cat "$table"
    fi
    [ "$1" -eq 0 ] && rm -rf "$logs"
    exit "$1"
}
trap 'end 1' EXIT
trap 'echo "interrupted" >&2; end 130' INT
trap 'end 143' TERM HUP

for ((i = 0; i < busy; i++)); do
    (while :; do :; done) &
    loops+=($!)
done

# Of the reports that are newer than the run: CLASS.METHOD of each test that failed.
failed_tests() {
    find "$top" -path '*/target/*-reports/TEST-*.xml' -newer "$1" -exec awk '
        /<testcase / {
            name = $0; sub(/.*<testcase name="/, "", name); sub(/".*/, "", name)
            class = $0; sub(/.*classname="/, "", class); sub(/".*/, "", class); sub(/.*\./, "", class)
        }
        /<(failure|error)[ >]/ { print class "." name }' {} +
}

for ((run = 1; run <= runs; run++)); do
    log=$logs/run-$run.log
    touch "$logs/begin"
    echo "run $run of $runs, load $(cut -d ' ' -f 1 /proc/loadavg 2>/dev/null || echo '?')" >&2
    (
        TIMEFORMAT='%R %U %S'
        time "$top/faultline" test "$@" </dev/null >"$log" 2>&1
    ) 2>"$logs/time" &
    tests=$!
    wait "$tests"
    code=$?
    tests=
    read -r passed failed skipped < <(sed 's/\x1b\[[0-9;]*m//g' "$log" | awk '
        /Tests run: [0-9]+, Failures: [0-9]+, Errors: [0-9]+, Skipped: [0-9]+$/ {
            gsub(/[^0-9 ]/, ""); run += $1; failed += $2 + $3; skipped += $4
        }
        END { print run - failed - skipped, failed + 0, skipped + 0 }')
    names=$(failed_tests "$logs/begin" | sort -u | tr '\n' ' ')
    if [ "$code" -ne 0 ] || [ "$failed" -ne 0 ] || [ "$passed" -eq 0 ]; then
        bad=$((bad + 1))
        names="${names:-no test: $(grep -m 1 '\[ERROR\]' "$log" || echo "exit code $code")} ($log)"
    fi
    read -r wall user system < <(tail -n 1 "$logs/time")
    cpu=$(awk "BEGIN { printf \"%.0f\", $user + $system }")
    printf '%4d %7d %7d %8d %8s %8.0f  %s\n' "$run" "$passed" "$failed" "$skipped" "$cpu" "$wall" "$names" |
        tee -a "$table" >&2
done

[ "$bad" -eq 0 ] && end 0
end 1
