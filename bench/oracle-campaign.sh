#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compares the instruction semantics with this host's own CPU, by fresh vectors of the native oracle (bench/oracle.c unless another
# source is named). See CONTRIBUTING.md.
#   oracle-campaign.sh [ORACLE.c] [--n64 N] [--n32 N] [--n16 N] [--seed S] [--family F] [--summary FILE] ...
#   oracle-campaign.sh --run FILE... [--family F] [--mnemonic M]     compares files of vectors
#   oracle-campaign.sh --select IN OUT.gz PER-LINE                   makes a compact file
# With --engine translator, 64-bit vectors are run by generated code, translated before it runs for the first time, and only they; how
# many were is told.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/bench/class-path.sh"
engine=interpreter
n=$#
while [ "$n" -gt 0 ]; do
    if [ "$1" = --engine ] && [ "$n" -gt 1 ]; then
        engine=$2
        shift 2
        n=$((n - 2))
    else
        set -- "$@" "$1"
        shift
        n=$((n - 1))
    fi
done
class_path oracle-campaign cpu.x86
case $engine in
    interpreter) ;;
    translator)
        x86=$path
        class_path oracle-campaign cpu.translator platform.posix platform.unix
        path=$x86:$path
        set -- "$@" --engine-factory dev.faultline.cpu.translator.internal.TranslatorOracle
        ;;
    *)
        echo "oracle-campaign: --engine $engine: expected interpreter or translator" >&2
        exit 2
        ;;
esac
main=OracleCampaign
case ${1:-} in
    --run) main=OracleRun; shift ;;
    --select) main=OracleSelect; shift ;;
    ''|--*) set -- "$root/bench/oracle.c" "$@" ;;
esac
exec "$jdk/bin/java" --enable-native-access=ALL-UNNAMED -XX:+UseSerialGC \
    -cp "$path" "dev.faultline.cpu.x86.oracle.$main" "$@"
