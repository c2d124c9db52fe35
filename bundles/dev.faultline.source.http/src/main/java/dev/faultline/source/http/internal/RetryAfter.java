// SPDX-License-Identifier: Apache-2.0
package dev.faultline.source.http.internal;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import org.jspecify.annotations.Nullable;

/** The header Retry-After (RFC 9110, section 10.2.3): seconds, or a date. */
final class RetryAfter {
    private static final Duration MOST = Duration.ofDays(1);

    private RetryAfter() {}

    /** At most a day; null if it is absent or makes no sense. */
    static @Nullable Duration of(String header) {
        return of(header, Instant.now());
    }

    static @Nullable Duration of(String header, Instant now) {
        String s = header.strip();
        if (s.matches("[0-9]{1,18}")) {
            return Duration.ofSeconds(Math.min(Long.parseLong(s), MOST.toSeconds()));
        }
        if (s.matches("[0-9]+")) {
            return MOST;
        }
        try {
            Instant at = ZonedDateTime.parse(s, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
            Duration d = Duration.between(now, at);
            return d.isNegative() ? Duration.ZERO : d.compareTo(MOST) > 0 ? MOST : d;
        } catch (DateTimeException | ArithmeticException e) {
            return null;
        }
    }
}
