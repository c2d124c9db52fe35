// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.snapshot;

import java.io.IOException;
import java.io.Serial;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link PageSource} throws that knows more of a failure than that there was one: whether
 * asking again is of use, and when.
 */
public final class SourceException extends IOException {
    @Serial private static final long serialVersionUID = 1L;

    private final boolean permanent;
    private final transient @Nullable Duration retryAfter;

    private SourceException(String message, boolean permanent, @Nullable Duration retryAfter) {
        super(message);
        this.permanent = permanent;
        this.retryAfter = retryAfter;
    }

    /** Asking again gives the same answer: it is not done. */
    public static SourceException permanent(String message) {
        return new SourceException(message, true, null);
    }

    /**
     * It is worth asking again.
     *
     * @param after not before that time; it is waited for only as far as the deadline allows. Null:
     *     whenever one likes
     */
    public static SourceException passing(String message, @Nullable Duration after) {
        return new SourceException(message, false, after);
    }

    public boolean isPermanent() {
        return permanent;
    }

    /** May be null. */
    public @Nullable Duration retryAfter() {
        return retryAfter;
    }
}
