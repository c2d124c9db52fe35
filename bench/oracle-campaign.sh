#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compares the instruction semantics with this host's own CPU, by fresh vectors of the native oracle (bench/oracle.c unless another
# source is named). See CONTRIBUTING.md.
#   oracle-campaign.sh [ORACLE.c] [--n64 N] [--n32 N] [--n16 N] [--seed S] [--family F] [--summary FILE] ...
#   oracle-campaign.sh --run FILE... [--family F] [--mnemonic M]     compares files of vectors
#   oracle-campaign.sh --select IN OUT.gz PER-LINE                   makes a compact file
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/distribution/src/main/dist/lib/find-jdk.sh"
jdk=$(find_jdk) || exit 4
cpu=$root/bundles/dev.faultline.cpu.x86/target
api=$root/bundles/dev.faultline.api/target/classes
if [ ! -d "$cpu/test-classes" ] || [ ! -d "$api" ]; then
    echo "oracle-campaign: build first: ./faultline test -pl bundles/dev.faultline.cpu.x86 -am" >&2
    exit 1
fi
main=OracleCampaign
case ${1:-} in
    --run) main=OracleRun; shift ;;
    --select) main=OracleSelect; shift ;;
    ''|--*) set -- "$root/bench/oracle.c" "$@" ;;
esac
exec "$jdk/bin/java" --enable-native-access=ALL-UNNAMED -XX:+UseSerialGC \
    -cp "$cpu/classes:$cpu/test-classes:$root/isa/target/classes:$api:$root/testkit/target/classes" "dev.faultline.cpu.x86.oracle.$main" "$@"
