// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.verify;

/**
 * What is certain of registers at one place of the code. Everything about r13, and everything
 * derived from it, is about the value that r13 has now.
 */
final class Facts {
    static final int RAX = 0;
    static final int RCX = 1;
    static final int RDX = 2;
    static final int R13 = 13;
    static final int R14 = 14;

    /** What r14 is. */
    enum Index {
        UNKNOWN,
        /** r13 >> 12. */
        PAGE,
        /** The low 16 bits of that: an index into tables of accesses. */
        PAGE_INDEX,
        /** The low 16 bits of r13: an index into tables of jumps. */
        RIP_INDEX,
        READ_TAG,
        WRITE_TAG,
        /** What the host address is above r13, if the tag said so. */
        ADDEND
    }

    /** What rcx is. */
    enum Scratch {
        UNKNOWN,
        /** r13 + size - 1. */
        LAST,
        /** That >> 12. */
        LAST_PAGE,
        /** 0 if {@link #size} bytes at r13 may be read. */
        READ_SUM,
        /** 0 if {@link #size} bytes at r13 may be written. */
        WRITE_SUM,
        JUMP_TAG,
        /** 0 if there is a target for r13. */
        JUMP_SUM,
        /** 0 if r13 is a multiple of {@link #size}. */
        MISALIGNMENT,
        /** Constant, {@link #size}. */
        NUMBER,
        /** rdx, of which {@link #size} bytes. */
        COPY_OF_RDX,
        /** The sign of {@link #size} bytes of rax: 0 or 1. */
        SIGN,
        /** 0 if so many bytes of rdx are that sign, all over. */
        SIGN_SUM,
        /** What was in rcx and 1, in {@link #size} bytes. */
        PLUS_ONE,
        /** Not -1 in {@link #size} bytes. */
        NOT_MINUS_ONE,
        /** 0 if the guest may clear IF. */
        CLI_REFUSED,
        /** Host address of the word that is polled. */
        NOTICE
    }

    Index r14 = Index.UNKNOWN;
    Scratch rcx = Scratch.UNKNOWN;

    /** Of {@link #rcx}. */
    int size;

    /** The upper half of rcx is 0. */
    private boolean narrow;

    private boolean notZero;

    /** Bytes from r13 on, all in one page. */
    private int readable;

    private int writable;

    /** r13 is a multiple of it; at least 1. */
    private int alignment;

    private boolean targetKnown;
    private int zeroOfRdx;

    /** Bytes of rdx that are the sign of as many of rax. */
    private int signInRdx;

    /** What r14 is, if it is a constant; else -1. */
    private int numberInR14;

    private boolean cliAllowed;

    /** Nothing is certain: here code can come from elsewhere. */
    void clear() {
        written(RAX);
        written(RCX);
        written(RDX);
        written(R13);
        written(R14);
        cliAllowed = false;
    }

    /** The general register has another value. */
    void written(int register) {
        switch (register) {
            case RAX -> forgetSign();
            case RCX -> {
                rcx = Scratch.UNKNOWN;
                narrow = false;
                notZero = false;
            }
            case RDX -> {
                zeroOfRdx = 0;
                forgetSign();
                if (rcx == Scratch.COPY_OF_RDX) {
                    rcx = Scratch.UNKNOWN;
                }
            }
            case R13 -> {
                setR14(Index.UNKNOWN);
                readable = 0;
                writable = 0;
                alignment = 1;
                targetKnown = false;
                if (rcx.ordinal() <= Scratch.MISALIGNMENT.ordinal()) {
                    rcx = Scratch.UNKNOWN;
                }
            }
            case R14 -> setR14(Index.UNKNOWN);
            default -> {
                // of others nothing is known
            }
        }
    }

    void setRcx(Scratch to, int itsSize) {
        written(RCX);
        rcx = to;
        size = itsSize;
    }

    /** The last instruction that wrote rcx wrote 32 bits. */
    void setNarrow() {
        narrow = true;
    }

    void setR14(Index to) {
        r14 = to;
        numberInR14 = -1;
    }

    void setNumberInR14(int number) {
        numberInR14 = number;
    }

    /** rax or rdx may have changed. */
    void forgetSign() {
        signInRdx = 0;
        if (rcx == Scratch.SIGN || rcx == Scratch.SIGN_SUM) {
            rcx = Scratch.UNKNOWN;
        }
    }

    /** rcx was found to be 0. */
    void rcxIsZero() {
        switch (rcx) {
            case READ_SUM -> readable = Math.max(readable, size);
            case WRITE_SUM -> writable = Math.max(writable, size);
            case MISALIGNMENT -> alignment = Math.max(alignment, size);
            case JUMP_SUM -> targetKnown = true;
            case COPY_OF_RDX -> zeroOfRdx = size;
            case SIGN_SUM -> signInRdx = size;
            case CLI_REFUSED -> cliAllowed = true;
            default -> {
                // says nothing
            }
        }
    }

    /** rcx was found not to be 0. */
    void rcxIsNotZero() {
        notZero = true;
    }

    // ---- what follows

    /** Whether r14 + r13 is the host address of a page that a probe allowed. */
    boolean located() {
        return r14 == Index.ADDEND;
    }

    boolean mayRead(int bytes) {
        return readable >= bytes;
    }

    boolean mayWrite(int bytes) {
        return writable >= bytes;
    }

    boolean isAligned(int bytes) {
        return alignment >= bytes;
    }

    boolean isNumberInR14(int number) {
        return numberInR14 == number;
    }

    /** Whether so many bytes of rcx are known not to be 0. */
    boolean isNotZero(int bytes) {
        return notZero && (bytes == 8 || narrow);
    }

    /** Whether rdx:rax divided by rcx raises nothing. */
    boolean mayDivide(int bytes, boolean signed) {
        boolean fits =
                signed
                        ? signInRdx == bytes && rcx == Scratch.NOT_MINUS_ONE && size == bytes
                        : zeroOfRdx >= bytes;
        return fits && isNotZero(bytes);
    }

    /** Whether the table of targets has one for r13, at r14. */
    boolean mayJumpByTable() {
        return targetKnown && r14 == Index.RIP_INDEX;
    }

    boolean mayClearInterruptFlag() {
        return cliAllowed;
    }

    /** Whether rcx is an address of the host's, which the guest is not to see. */
    boolean isSecret() {
        return rcx == Scratch.NOTICE;
    }
}
