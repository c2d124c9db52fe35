# SPDX-License-Identifier: Apache-2.0
# To be sourced by a script that has set root: programs among the tests of a bundle.
. "$root/distribution/src/main/dist/lib/find-jdk.sh"
jdk=$(find_jdk) || exit 4

# class_path NAME BUNDLE [BUNDLE...]: of the first one's tests and all of their classes. NAME is the script's, for its message.
class_path() {
    name=$1
    shift
    if [ ! -d "$root/bundles/dev.faultline.$1/target/test-classes" ]; then
        echo "$name: build first: ./faultline test -pl bundles/dev.faultline.$1 -am" >&2
        exit 1
    fi
    path=$root/bundles/dev.faultline.$1/target/test-classes:$root/testkit/target/classes:$root/isa/target/classes
    for bundle in "$@" api; do
        path=$path:$root/bundles/dev.faultline.$bundle/target/classes
    done
}
