// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.pic8259;

import dev.faultline.api.device.StateSection;

/** One 8259A (Intel 8259A data sheet). Not thread-safe: {@link PicPair} locks. */
final class Pic8259 {
    static final int ICW1 = 0x10;
    static final int ICW1_IC4 = 1;
    static final int ICW1_SNGL = 2;
    static final int ICW1_LTIM = 8;
    static final int ICW4_AEOI = 2;
    static final int ICW4_SFNM = 0x10;
    static final int OCW3 = 8;
    static final int OCW3_POLL = 4;
    static final int OCW3_RR = 2;
    static final int OCW3_RIS = 1;
    static final int OCW3_ESMM = 0x40;
    static final int OCW3_SMM = 0x20;
    private static final int NONE = 8;

    private final boolean master;

    /** Inputs that ELCR may make level-triggered. */
    private final int elcrMask;

    private int lines;
    private int irr;
    private int imr;
    private int isr;
    private int elcr;
    private boolean allLevel;

    /** Input with the highest priority. */
    private int top;

    private int base;
    private boolean readIsr;
    private boolean poll;
    private boolean specialMask;
    private boolean autoEoi;
    private boolean rotateOnAutoEoi;
    private boolean specialFullyNested;
    private boolean expectIcw4;
    private boolean single;

    /** ICW expected next at the odd port: 2..4; 0 = none. */
    private int nextIcw;

    Pic8259(boolean master, int elcrMask) {
        this.master = master;
        this.elcrMask = elcrMask;
    }

    /** Power-on: as after ICW1, but with everything masked until software programs it. */
    void reset() {
        elcr = 0;
        initialise(0);
        base = 0;
        nextIcw = 0;
        imr = 0xFF;
    }

    private void initialise(int icw1) {
        allLevel = (icw1 & ICW1_LTIM) != 0;
        irr = lines & triggerLevel();
        imr = 0;
        isr = 0;
        top = 0;
        readIsr = false;
        poll = false;
        specialMask = false;
        autoEoi = false;
        rotateOnAutoEoi = false;
        specialFullyNested = false;
        expectIcw4 = (icw1 & ICW1_IC4) != 0;
        single = (icw1 & ICW1_SNGL) != 0;
        nextIcw = 2;
    }

    private int triggerLevel() {
        return allLevel ? 0xFF : elcr;
    }

    void setLine(int input, boolean asserted) {
        int bit = 1 << input;
        if (asserted) {
            if ((lines & bit) == 0 || (triggerLevel() & bit) != 0) {
                irr |= bit;
            }
            lines |= bit;
        } else {
            lines &= ~bit;
            if ((triggerLevel() & bit) != 0) {
                irr &= ~bit;
            }
        }
    }

    /** Forgets a latched request: its source is known to have none any more. */
    void withdraw(int input) {
        irr &= ~(1 << input);
    }

    private int priority(int inputs) {
        for (int p = 0; p < NONE; p++) {
            if ((inputs & 1 << (p + top & 7)) != 0) {
                return p;
            }
        }
        return NONE;
    }

    /** The input to be served now, or -1. */
    int request() {
        int wanted = priority(irr & ~imr);
        if (wanted == NONE) {
            return -1;
        }
        int serving = isr;
        if (specialMask) {
            serving &= ~imr;
        }
        if (specialFullyNested && master) {
            serving &= ~4;
        }
        return wanted < priority(serving) ? wanted + top & 7 : -1;
    }

    /** INTA for {@code input}. */
    void acknowledge(int input) {
        int bit = 1 << input;
        if ((triggerLevel() & bit) == 0) {
            irr &= ~bit;
        }
        if (autoEoi) {
            if (rotateOnAutoEoi) {
                top = input + 1 & 7;
            }
        } else {
            isr |= bit;
        }
    }

    /** ICW1 has said that there is no other 8259A: an input is never another one's output. */
    boolean single() {
        return single;
    }

    int vector(int input) {
        return base + input;
    }

    int read(int port) {
        if (poll) {
            poll = false;
            int input = request();
            if (input < 0) {
                return 0;
            }
            acknowledge(input);
            return 0x80 | input;
        }
        if (port != 0) {
            return imr;
        }
        return readIsr ? isr : irr;
    }

    void write(int port, int value) {
        if (port != 0) {
            writeOdd(value);
        } else if ((value & ICW1) != 0) {
            initialise(value);
        } else if ((value & OCW3) != 0) {
            poll = (value & OCW3_POLL) != 0;
            if ((value & OCW3_RR) != 0) {
                readIsr = (value & OCW3_RIS) != 0;
            }
            if ((value & OCW3_ESMM) != 0) {
                specialMask = (value & OCW3_SMM) != 0;
            }
        } else {
            writeOcw2(value);
        }
    }

    private void writeOdd(int value) {
        switch (nextIcw) {
            case 2 -> {
                base = value & 0xF8;
                nextIcw = single ? expectIcw4 ? 4 : 0 : 3;
            }
            case 3 -> nextIcw = expectIcw4 ? 4 : 0; // the cascade is wired to input 2
            case 4 -> {
                autoEoi = (value & ICW4_AEOI) != 0;
                specialFullyNested = (value & ICW4_SFNM) != 0;
                nextIcw = 0;
            }
            default -> imr = value;
        }
    }

    private void writeOcw2(int value) {
        int level = value & 7;
        switch (value >> 5) {
            case 0 -> rotateOnAutoEoi = false;
            case 1, 5 -> {
                int p = priority(specialMask ? isr & ~imr : isr);
                if (p != NONE) {
                    int input = p + top & 7;
                    isr &= ~(1 << input);
                    if (value >> 5 == 5) {
                        top = input + 1 & 7;
                    }
                }
            }
            case 3 -> isr &= ~(1 << level);
            case 4 -> rotateOnAutoEoi = true;
            case 6 -> top = level + 1 & 7;
            case 7 -> {
                isr &= ~(1 << level);
                top = level + 1 & 7;
            }
            default -> {} // 2: no operation
        }
    }

    int elcr() {
        return elcr;
    }

    void elcr(int value) {
        elcr = value & elcrMask;
        irr |= lines & elcr;
    }

    void save(StateSection to, String prefix) {
        to.put(
                prefix,
                new int[] {
                    lines,
                    irr,
                    imr,
                    isr,
                    elcr,
                    top,
                    base,
                    nextIcw,
                    bit(allLevel, 0)
                            | bit(readIsr, 1)
                            | bit(poll, 2)
                            | bit(specialMask, 3)
                            | bit(autoEoi, 4)
                            | bit(rotateOnAutoEoi, 5)
                            | bit(specialFullyNested, 6)
                            | bit(expectIcw4, 7)
                            | bit(single, 8)
                });
    }

    void load(StateSection from, String prefix) {
        int[] s = new int[9];
        from.getInto(prefix, s);
        int[] may = {0xFF, 0xFF, 0xFF, 0xFF, elcrMask, 7, 0xF8, 7, 0x1FF};
        for (int i = 0; i < may.length; i++) {
            if ((s[i] & ~may[i]) != 0) {
                throw bad(prefix, s[i]);
            }
        }
        if (s[7] == 1 || s[7] > 4) {
            throw bad(prefix, s[7]);
        }
        lines = s[0];
        irr = s[1];
        imr = s[2];
        isr = s[3];
        elcr = s[4];
        top = s[5];
        base = s[6];
        nextIcw = s[7];
        allLevel = (s[8] & 1) != 0;
        readIsr = (s[8] & 2) != 0;
        poll = (s[8] & 4) != 0;
        specialMask = (s[8] & 8) != 0;
        autoEoi = (s[8] & 0x10) != 0;
        rotateOnAutoEoi = (s[8] & 0x20) != 0;
        specialFullyNested = (s[8] & 0x40) != 0;
        expectIcw4 = (s[8] & 0x80) != 0;
        single = (s[8] & 0x100) != 0;
    }

    private static IllegalArgumentException bad(String key, int value) {
        return new IllegalArgumentException(
                "pic: key %s holds no 8259A: 0x%x".formatted(key, value));
    }

    private static int bit(boolean b, int at) {
        return b ? 1 << at : 0;
    }
}
