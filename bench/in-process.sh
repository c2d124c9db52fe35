# SPDX-License-Identifier: Apache-2.0
# Builds, and runs a class of bench/ in one JVM with the built distribution. For the scripts beside it; they set $here.
top=$(dirname "$here")
. "$top/distribution/src/main/dist/lib/find-jdk.sh"

in_process() {
    class=$1
    shift
    jdk=$(find_jdk) || exit 1
    "$top/faultline" build
    home=$top/distribution/target/faultline/faultline
    exec "$jdk/bin/java" --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow \
        -XX:+UseSerialGC -Xmx2g -Dfaultline.home="$home" \
        -Dfaultline.bench.source="$here/src/main/java/dev/faultline/bench/$class.java" \
        -cp "$home/lib/dev.faultline.launcher.jar:$home/lib/org.apache.felix.framework.jar:$home/bundles/3-faultline/dev.faultline.api.jar" \
        "$here/src/main/java/dev/faultline/bench/$class.java" "$@"
}
