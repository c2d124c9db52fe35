#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs a fuzz target under Jazzer for some time, from the seeds of the tests. See CONTRIBUTING.md.
#   fuzz.sh Cbor|Manifest|Index|Chunk|Trace|Image SECONDS
# What it finds is written to bench/target/fuzz/TARGET/found; put it into src/test/resources/fuzz/TARGET of the bundle.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/distribution/src/main/dist/lib/find-jdk.sh"
jdk=$(find_jdk) || exit 4
target=${1:?fuzz.sh TARGET SECONDS}
seconds=${2:?fuzz.sh TARGET SECONDS}
case $target in
    Cbor|Manifest|Trace) bundle=dev.faultline.snapshot package=dev.faultline.snapshot.internal.format ;;
    Index|Chunk) bundle=dev.faultline.snapshot package=dev.faultline.snapshot.internal.image ;;
    Image) bundle=dev.faultline.machine.pc package=dev.faultline.machine.pc.internal.load ;;
    *) echo "fuzz: no target $target; there are Cbor, Manifest, Index, Chunk, Trace, Image" >&2; exit 2 ;;
esac
work=$root/bench/target/fuzz
lib=$work/lib
if [ ! -d "$lib" ]; then
    mkdir -p "$work"
    mvn -q -B -f "$root/bench/fuzz-pom.xml" dependency:copy-dependencies "-DoutputDirectory=$lib"
fi
classes=${FAULTLINE_CLASSES:-}
if [ -z "$classes" ]; then
    for b in "$root"/bundles/*/target/classes "$root/isa/target/classes" "$root/bundles/$bundle/target/test-classes"; do
        classes=$classes:$b
    done
    mvn -q -B -f "$root/pom.xml" -pl "bundles/$bundle" -am -DskipTests package dependency:copy-dependencies \
        "-DoutputDirectory=$work/with/$bundle"
    classes=$classes:$work/with/$bundle/*
fi
mkdir -p "$work/$target/corpus" "$work/$target/found"
"$jdk/bin/java" -cp "$classes" "-Dfaultline.fuzz.seeds=$work" "$package.FuzzSeeds"
found=$root/bundles/$bundle/src/test/resources/fuzz/$target
[ -d "$found" ] && cp "$found"/* "$work/$target/corpus/" || true
exec nice "$jdk/bin/java" -Xmx1g --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow \
    -cp "$lib/*:$classes" com.code_intelligence.jazzer.Jazzer \
    "--target_class=$package.${target}Fuzz" "--instrumentation_includes=dev.faultline.**" \
    "--reproducer_path=$work/$target/found" "-artifact_prefix=$work/$target/found/" \
    -rss_limit_mb=3000 "-max_total_time=$seconds" -max_len=65536 -print_final_stats=1 \
    "$work/$target/corpus"
