// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.fault;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A handler's answer. Immutable; the common ones are constants, so that answering allocates
 * nothing. Keep what the factories return if a handler answers the same again and again.
 */
public final class Resolution {
    /** What to do; see the constant or factory of the same name. */
    public enum Kind {
        RETRY,
        PASS,
        STEP,
        SUPPLY,
        DISCARD,
        INJECT,
        STOP
    }

    /** I filled or opened something: execute the instruction again. */
    public static final Resolution RETRY = new Resolution(Kind.RETRY, null, 0, 0);

    /** Not mine: ask the next handler. */
    public static final Resolution PASS = new Resolution(Kind.PASS, null, 0, 0);

    /**
     * This one access may go on as far as the asked layer is concerned: its bytes, with all its
     * kinds, until the instruction (of a REP string instruction: the iteration; for a device: its
     * request) is through. No rights change: other accesses of the instruction, other vCPUs and the
     * next instruction are stopped as before.
     */
    public static final Resolution STEP = new Resolution(Kind.STEP, null, 0, 0);

    /**
     * This one write is dropped; memory stays as it is. An answer to writes only, that of a
     * read-modify-write included.
     */
    public static final Resolution DISCARD = new Resolution(Kind.DISCARD, null, 0, 0);

    /** Leave the run loop with this fault as the exit. */
    public static final Resolution STOP = new Resolution(Kind.STOP, null, 0, 0);

    private static final int EXCEPTIONS = 32;

    /**
     * Vectors that push an error code: #DF #TS #NP #SS #GP #PF #AC #CP. SDM 3A, table
     * "Protected-Mode Exceptions and Interrupts".
     */
    private static final int WITH_ERROR_CODE = 1 << 8 | 0x1F << 10 | 1 << 17 | 1 << 21;

    private final Kind kind;
    private final byte @Nullable [] bytes;
    private final int vector;
    private final int errorCode;
    private final @Nullable String reason;

    private Resolution(Kind kind, byte @Nullable [] bytes, int vector, int errorCode) {
        this(kind, bytes, vector, errorCode, null);
    }

    private Resolution(
            Kind kind,
            byte @Nullable [] bytes,
            int vector,
            int errorCode,
            @Nullable String reason) {
        this.kind = kind;
        this.bytes = bytes;
        this.vector = vector;
        this.errorCode = errorCode;
        this.reason = reason;
    }

    /**
     * As {@link #STOP}, and says why: the machine's exit has it as its reason.
     *
     * @param reason one line for people
     */
    public static Resolution stop(String reason) {
        return new Resolution(Kind.STOP, null, 0, 0, Objects.requireNonNull(reason, "reason"));
    }

    /**
     * The read or fetch is answered with these bytes, from the faulting byte on; memory stays as it
     * is. Bytes past the page's end are ignored. An access that starts inside them and reads past
     * them finds zeros; one of the same instruction that starts elsewhere is another fault. An
     * answer to reads and fetches only.
     *
     * @param bytes at least 1; copied
     */
    public static Resolution supply(byte... bytes) {
        Objects.requireNonNull(bytes, "bytes");
        if (bytes.length == 0) {
            throw new IllegalArgumentException("supply: no bytes, expected at least 1");
        }
        return new Resolution(Kind.SUPPLY, bytes.clone(), 0, 0);
    }

    /**
     * Raises a guest exception without an error code at the instruction, which did not execute. Not
     * an answer to a device.
     *
     * @param vector 0..31
     */
    public static Resolution inject(int vector) {
        return exception(vector, false, PendingFault.NO_ERROR_CODE);
    }

    /**
     * As {@link #inject(int)} for an exception with an error code. A page fault (14) also sets CR2
     * to the fault's gva.
     *
     * @param vector one of 8, 10..14, 17, 21
     */
    public static Resolution inject(int vector, int errorCode) {
        return exception(vector, true, errorCode);
    }

    private static Resolution exception(int vector, boolean withCode, int errorCode) {
        if (vector < 0 || vector >= EXCEPTIONS || vector == 2) {
            throw new IllegalArgumentException(
                    "inject: vector %d, expected an exception: 0 .. 31 without 2"
                            .formatted(vector));
        }
        if ((WITH_ERROR_CODE >> vector & 1) != 0 != withCode) {
            throw new IllegalArgumentException(
                    "inject: exception %d has %s error code"
                            .formatted(vector, withCode ? "no" : "an"));
        }
        return new Resolution(Kind.INJECT, null, vector, errorCode);
    }

    public Kind kind() {
        return kind;
    }

    /** For providers: bytes of a SUPPLY, not to be changed; else null. */
    public byte @Nullable [] bytes() {
        return bytes;
    }

    /** Of an INJECT. */
    public int vector() {
        return vector;
    }

    /** Of an INJECT; {@link PendingFault#NO_ERROR_CODE} if it has none. */
    public int errorCode() {
        return errorCode;
    }

    /** Of a {@link #stop}: why; else null. */
    public @Nullable String reason() {
        return reason;
    }

    @Override
    public String toString() {
        return switch (kind) {
            case STOP -> reason == null ? "STOP" : "STOP(%s)".formatted(reason);
            case SUPPLY ->
                    "SUPPLY(%d bytes)"
                            .formatted(Objects.requireNonNull(bytes, "a SUPPLY has bytes").length);
            case INJECT ->
                    errorCode == PendingFault.NO_ERROR_CODE
                            ? "INJECT(%d)".formatted(vector)
                            : "INJECT(%d, 0x%x)".formatted(vector, errorCode);
            default -> kind.name();
        };
    }
}
