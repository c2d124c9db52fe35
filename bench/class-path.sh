# SPDX-License-Identifier: Apache-2.0
# To be sourced by a script that has set root: programs among the tests of a bundle.
. "$root/distribution/src/main/dist/lib/find-jdk.sh"
jdk=$(find_jdk) || exit 4

# class_path NAME BUNDLE [BUNDLE...]: of the first one's tests and all of their classes. NAME is the script's, for its message.
class_path() {
    name=$1
    shift
    path=
    set -- "$1" "bundles/dev.faultline.$1/target/test-classes" testkit/target/classes isa/target/classes \
        $(printf 'bundles/dev.faultline.%s/target/classes ' "$@" api)
    tests=$1
    shift
    for classes in "$@"; do
        if [ ! -d "$root/$classes" ]; then
            echo "$name: build first: ./faultline test -pl bundles/dev.faultline.$tests -am ($classes is missing)" >&2
            exit 1
        fi
        path=${path:+$path:}$root/$classes
    done
}
