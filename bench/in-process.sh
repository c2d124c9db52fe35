# SPDX-License-Identifier: Apache-2.0
# Builds, and runs a class of bench/ in one JVM with the built distribution. For the scripts beside it; they set $here, and
# more_jars, below bundles/, if they use more than the API.
top=$(dirname "$here")
. "$top/distribution/src/main/dist/lib/find-jdk.sh"

in_process() {
    class=$1
    shift
    jdk=$(find_jdk) || exit 4
    "$top/faultline" build
    home=$top/distribution/target/faultline/faultline
    cp=$home/lib/dev.faultline.launcher.jar:$home/lib/org.apache.felix.framework.jar
    for jar in 3-faultline/dev.faultline.api.jar ${more_jars:-}; do
        cp=$cp:$home/bundles/$jar
    done
    exec "$jdk/bin/java" --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow \
        -XX:+UseSerialGC -XX:+UseCondCardMark -Xmx2g -Dfaultline.home="$home" \
        -Dfaultline.bench.source="$here/src/main/java/dev/faultline/bench/$class.java" \
        -cp "$cp" \
        "$here/src/main/java/dev/faultline/bench/$class.java" "$@"
}
