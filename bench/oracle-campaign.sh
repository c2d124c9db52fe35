#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compares the instruction semantics with this host's own CPU, by fresh vectors of the native oracle (bench/oracle.c unless another
# source is named). See CONTRIBUTING.md.
#   oracle-campaign.sh [ORACLE.c] [--n64 N] [--n32 N] [--n16 N] [--seed S] [--family F] [--summary FILE] ...
#   oracle-campaign.sh --run FILE... [--family F] [--mnemonic M]     compares files of vectors
#   oracle-campaign.sh --select IN OUT.gz PER-LINE                   makes a compact file
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/bench/class-path.sh"
class_path oracle-campaign cpu.x86
main=OracleCampaign
case ${1:-} in
    --run) main=OracleRun; shift ;;
    --select) main=OracleSelect; shift ;;
    ''|--*) set -- "$root/bench/oracle.c" "$@" ;;
esac
exec "$jdk/bin/java" --enable-native-access=ALL-UNNAMED -XX:+UseSerialGC \
    -cp "$path" "dev.faultline.cpu.x86.oracle.$main" "$@"
