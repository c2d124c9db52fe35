// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.source;

/**
 * What an operator allows a page source.
 *
 * @param deadlineMillis for what a guest waits for, retries included
 * @param attemptMillis for one call
 * @param retries calls made again after one that failed
 * @param backoffMillis before the first retry; each further one waits twice as long
 * @param localDeadlineMillis as {@code deadlineMillis}, of files of this host
 * @param gapBytes between two ranges up to which they are asked for as one
 */
public record SourcePolicy(
        long deadlineMillis,
        long attemptMillis,
        int retries,
        long backoffMillis,
        long localDeadlineMillis,
        int gapBytes) {
    public static final SourcePolicy DEFAULT =
            new SourcePolicy(10_000, 4_000, 3, 100, 30_000, 64 << 10);

    private static final long LONGEST = 300_000;

    public SourcePolicy {
        check("deadline", deadlineMillis, 1, LONGEST);
        check("attempt", attemptMillis, 1, LONGEST);
        check("retries", retries, 0, 100);
        check("backoff", backoffMillis, 0, LONGEST);
        check("local.deadline", localDeadlineMillis, 1, LONGEST);
        check("gap", gapBytes, 0, 1 << 20);
    }

    private static void check(String name, long is, long least, long most) {
        if (is < least || is > most) {
            throw new IllegalArgumentException(
                    "%s=%d: expected %d to %d".formatted(name, is, least, most));
        }
    }
}
