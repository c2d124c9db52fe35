# SPDX-License-Identifier: Apache-2.0
# Sourced by bin/faultline and by the launcher of a checkout; POSIX sh.
#
# find_jdk: prints the home of a JDK that is new enough, or says on standard error how to get one and returns 4, the program's
# exit code for errors of its own.
# Order: FAULTLINE_JAVA_HOME, JAVA_HOME, java on the PATH, the usual places. The version is read from the JDK's own
# "release" file, so no JVM is started to look.

FAULTLINE_JDK_MIN=25

# jdk_version DIR: the feature version of the JDK in DIR, nothing if there is none.
jdk_version() {
    [ -x "$1/bin/java" ] && [ -x "$1/bin/javac" ] && [ -r "$1/release" ] || return 0
    while IFS= read -r jdk_line; do
        case $jdk_line in
            JAVA_VERSION=*)
                jdk_line=${jdk_line#JAVA_VERSION=}
                jdk_line=${jdk_line#\"}
                jdk_line=${jdk_line%%[!0-9]*}
                printf '%s\n' "$jdk_line"
                return 0
                ;;
        esac
    done <"$1/release"
}

# jdk_fits DIR: true if DIR is a JDK that is new enough.
jdk_fits() {
    [ -n "$1" ] || return 1
    jdk_found=$(jdk_version "$1")
    [ -n "$jdk_found" ] && [ "$jdk_found" -ge "$FAULTLINE_JDK_MIN" ]
}

find_jdk() {
    if [ -n "${FAULTLINE_JAVA_HOME:-}" ]; then
        if jdk_fits "$FAULTLINE_JAVA_HOME"; then
            printf '%s\n' "$FAULTLINE_JAVA_HOME"
            return 0
        fi
        echo "faultline: FAULTLINE_JAVA_HOME=$FAULTLINE_JAVA_HOME is no JDK $FAULTLINE_JDK_MIN or newer; looking on" >&2
    fi
    if jdk_fits "${JAVA_HOME:-}"; then
        printf '%s\n' "$JAVA_HOME"
        return 0
    fi
    jdk_java=$(command -v java 2>/dev/null) || jdk_java=
    if [ -n "$jdk_java" ]; then
        jdk_java=$(readlink -f "$jdk_java" 2>/dev/null) || jdk_java=
        jdk_java=${jdk_java%/bin/java}
        if jdk_fits "$jdk_java"; then
            printf '%s\n' "$jdk_java"
            return 0
        fi
    fi
    if [ -x /usr/libexec/java_home ]; then
        jdk_dir=$(/usr/libexec/java_home -v "$FAULTLINE_JDK_MIN+" 2>/dev/null) || jdk_dir=
        if jdk_fits "$jdk_dir"; then
            printf '%s\n' "$jdk_dir"
            return 0
        fi
    fi
    for jdk_dir in \
        /usr/lib/jvm/* /usr/lib64/jvm/* /usr/java/* /usr/local/java/* /opt/java/* /opt/jdk* \
        "${SDKMAN_DIR:-${HOME:-}/.sdkman}"/candidates/java/* "${HOME:-}"/.jdks/* \
        "${HOME:-}"/.jbang/cache/jdks/* "${HOME:-}"/.local/share/mise/installs/java/* \
        "${HOME:-}"/.asdf/installs/java/* \
        /Library/Java/JavaVirtualMachines/*/Contents/Home \
        /opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home; do
        if jdk_fits "$jdk_dir"; then
            printf '%s\n' "$jdk_dir"
            return 0
        fi
    done
    cat >&2 <<TXT
faultline: no JDK $FAULTLINE_JDK_MIN or newer found.
Looked at FAULTLINE_JAVA_HOME, JAVA_HOME, java on the PATH and the usual places (such as /usr/lib/jvm).
Get one, for example Eclipse Temurin $FAULTLINE_JDK_MIN from https://adoptium.net, or with SDKMAN:
    sdk install java $FAULTLINE_JDK_MIN-tem
then set FAULTLINE_JAVA_HOME to its folder if it is not found by itself.
TXT
    return 4
}
