// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

import java.util.List;

/**
 * What an instruction does to the flags. Bits as in EFLAGS (SDM 1, "EFLAGS Register"). SDM 1,
 * appendix "EFLAGS Cross-Reference".
 *
 * @param read its result, or what it does, depends on them
 * @param written defined afterwards, whatever was there
 * @param undefined the SDM leaves them undefined; ours act as hardware does where that is known
 * @param maybe written or left as they were: it depends on a count
 */
public record FlagEffects(int read, int written, int undefined, int maybe) {
    /** Of an instruction that knows no flags. */
    public static final FlagEffects NONE = new FlagEffects(0, 0, 0, 0);

    /** CF PF AF ZF SF OF. */
    public static final int STATUS = 0x8D5;

    private static final int ALL = STATUS | 0x400 | 0x200 | 0x40000 | 0x200000;

    /** Letters of the table: flag, or a group. */
    private static int bits(String letters, String context) {
        int bits = 0;
        for (int i = 0; i < letters.length(); i++) {
            bits |=
                    switch (letters.charAt(i)) {
                        case 'O' -> 0x800;
                        case 'S' -> 0x80;
                        case 'Z' -> 0x40;
                        case 'A' -> 0x10;
                        case 'P' -> 4;
                        case 'C' -> 1;
                        case 'D' -> 0x400;
                        case 'I' -> 0x200;
                        case 'K' -> 0x40000;
                        case '*' -> ALL;
                        default ->
                                throw new IllegalStateException(
                                        "instruction table: flag '%s' of OSZAPCDIK* in: %s"
                                                .formatted(letters.charAt(i), context));
                    };
        }
        return bits;
    }

    /**
     * @param words each {@code r:FLAGS}, {@code w:FLAGS}, {@code u:FLAGS} or {@code m:FLAGS}
     * @param context for messages
     */
    static FlagEffects parse(List<String> words, String context) {
        int[] sets = new int[4];
        for (String w : words) {
            int kind = w.length() > 2 && w.charAt(1) == ':' ? "rwum".indexOf(w.charAt(0)) : -1;
            if (kind < 0 || sets[kind] != 0) {
                throw new IllegalStateException(
                        "instruction table: \"%s\" is not r:, w:, u: or m: with flags, once each, in: %s"
                                .formatted(w, context));
            }
            sets[kind] = bits(w.substring(2), context);
        }
        if ((sets[1] & sets[2] | (sets[1] | sets[2]) & sets[3]) != 0) {
            throw new IllegalStateException(
                    "instruction table: a flag is written, undefined or maybe written, one of them: "
                            + context);
        }
        return new FlagEffects(sets[0], sets[1], sets[2], sets[3]);
    }

    /** Flags that may be others afterwards. */
    public int changed() {
        return written | undefined | maybe;
    }

    /** Whether flags matter to the instruction at all. */
    public boolean none() {
        return (read | changed()) == 0;
    }
}
