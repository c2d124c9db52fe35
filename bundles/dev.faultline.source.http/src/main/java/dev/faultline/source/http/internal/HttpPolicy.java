// SPDX-License-Identifier: Apache-2.0
package dev.faultline.source.http.internal;

import java.net.URI;
import java.time.Duration;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;

/**
 * What an operator allows.
 *
 * @param connect for a connection to be there
 * @param answer for the head of an answer to be there
 * @param redirectHosts hosts, in lower case, that a server may send us to besides itself
 */
record HttpPolicy(Duration connect, Duration answer, Set<String> redirectHosts) {
    static final HttpPolicy DEFAULT =
            new HttpPolicy(Duration.ofSeconds(5), Duration.ofSeconds(30), Set.of());

    private static final long LONGEST = 300_000;

    static HttpPolicy of(long connectMillis, long answerMillis, String[] hosts) {
        check("connect.timeout", connectMillis);
        check("answer.timeout", answerMillis);
        Set<String> names = new HashSet<>();
        for (String h : hosts) {
            if (!h.isBlank()) {
                names.add(h.strip().toLowerCase(Locale.ROOT));
            }
        }
        return new HttpPolicy(
                Duration.ofMillis(connectMillis),
                Duration.ofMillis(answerMillis),
                Set.copyOf(names));
    }

    private static void check(String name, long millis) {
        if (millis < 1 || millis > LONGEST) {
            throw new IllegalArgumentException(
                    "%s=%d: expected 1 to %d milliseconds".formatted(name, millis, LONGEST));
        }
    }

    /**
     * Whether a server at {@code from} may send us to {@code to}: on the same host and port, from
     * http to https on the same host, or where the operator allows it.
     */
    boolean mayGo(URI from, URI to) {
        String scheme = to.getScheme() == null ? "" : to.getScheme().toLowerCase(Locale.ROOT);
        if (to.getHost() == null || !scheme.equals("http") && !scheme.equals("https")) {
            return false;
        }
        boolean lessSafe = scheme.equals("http") && from.getScheme().equalsIgnoreCase("https");
        if (lessSafe || to.getRawUserInfo() != null) {
            return false;
        }
        boolean same = to.getHost().equalsIgnoreCase(from.getHost());
        boolean safer = !scheme.equalsIgnoreCase(from.getScheme());
        return same && (safer || port(to) == port(from))
                || redirectHosts.contains(to.getHost().toLowerCase(Locale.ROOT));
    }

    private static int port(URI u) {
        return u.getPort() >= 0 ? u.getPort() : u.getScheme().equalsIgnoreCase("https") ? 443 : 80;
    }
}
