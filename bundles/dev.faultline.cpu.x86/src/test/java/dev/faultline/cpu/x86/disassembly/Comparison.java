// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.disassembly;

import java.io.IOException;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;

/** Compares with objdump and counts. */
final class Comparison {
    private static final int SHOWN = Integer.getInteger("shown", 20);
    private static final int PORTION = 0xF000;
    private static final int ADDRESS = 0x400;
    private static final HexFormat HEX = HexFormat.ofDelimiter(" ");

    private final Disassembler disassembler = new Disassembler();
    private final PrintStream out;
    private final Map<String, Integer> differentBy = new TreeMap<>();
    private final Map<String, Integer> unclaimedBy = new TreeMap<>();

    long instructions;
    long claimed;
    long different;

    /** The table has no line for it. */
    long unclaimed;

    /** Neither the table nor objdump knows it. */
    long unknown;

    /** The table has a line, objdump says that it does not exist. */
    long ours;

    /** Different, and we are right. */
    long explained;

    /** FWAIT that objdump writes as part of the next instruction. */
    long joined;

    Comparison(PrintStream out) {
        this.out = out;
    }

    /** All of {@code code}, one instruction after the other as objdump sees them. */
    void all(byte[] code, int codeBits, long address) throws IOException {
        Objdump.run(code, codeBits, address, line -> one(code, codeBits, address, line));
    }

    /**
     * What stands at the start of each slot. In portions: objdump lets short branches with a 16-bit
     * operand size leave the first 64 Kbyte, what processors do not.
     */
    void slots(Slots slots) throws IOException {
        byte[] code = slots.bytes();
        for (int from = 0; from < code.length; from += PORTION) {
            byte[] some = Arrays.copyOfRange(code, from, Math.min(from + PORTION, code.length));
            Objdump.run(
                    some,
                    slots.codeBits,
                    ADDRESS,
                    line -> {
                        if (line.address() % Slots.SIZE == 0) {
                            one(some, slots.codeBits, ADDRESS, line);
                        }
                    });
        }
    }

    private void one(byte[] code, int codeBits, long address, Objdump.Line line) {
        int at = (int) (line.address() - address);
        instructions++;
        if ((code[at] & 0xFF) == 0x9B && line.length() > 1) {
            joined++;
            at++;
        }
        byte[] bytes = Arrays.copyOfRange(code, at, Math.min(at + 16, code.length));
        long start = address + at;
        Instruction i = disassembler.disassemble(bytes, bytes.length, codeBits, start);
        boolean bad = line.text().contains("(bad)");
        if (i == null || i.row() == null) {
            count(bad, line);
            return;
        }
        if (bad) {
            ours++;
            if (Boolean.getBoolean("ours")) {
                out.println("ours " + HEX.formatHex(bytes) + "  " + i.text() + "  " + line.text());
            }
            return;
        }
        claimed++;
        boolean behindWait = at != line.address() - address;
        int length = i.length() + (behindWait ? 1 : 0);
        String text = behindWait ? i.text().replaceFirst("^fn", "f") : i.text();
        if (length != line.length() || !text.equals(line.text())) {
            if (Explained.is(line.text())) {
                explained++;
            } else {
                difference(i, bytes, codeBits, line);
            }
        }
    }

    private void count(boolean bad, Objdump.Line line) {
        if (bad) {
            unknown++;
        } else {
            unclaimed++;
            unclaimedBy.merge(name(line.text()), 1, Integer::sum);
        }
    }

    private static String name(String text) {
        return text.split(" ")[0];
    }

    private void difference(Instruction i, byte[] bytes, int codeBits, Objdump.Line line) {
        different++;
        differentBy.merge(i.row().mnemonic, 1, Integer::sum);
        if (different <= SHOWN) {
            byte[] its = Arrays.copyOf(bytes, Math.min(bytes.length, line.length()));
            out.printf(
                    "%d-bit %x: %s%n    objdump    %s%n    faultline  %s (%d bytes)%n",
                    codeBits,
                    line.address(),
                    HEX.formatHex(its),
                    line.text(),
                    i.text(),
                    i.length());
        }
    }

    void print(String what) {
        out.printf(
                "%s: %,d instructions, %,d claimed by the table, %,d different, %,d explained;"
                        + " not claimed %,d, objdump's (bad): ours too %,d, not ours %,d;"
                        + " %,d joined with FWAIT%n",
                what,
                instructions,
                claimed,
                different,
                explained,
                unclaimed,
                unknown,
                ours,
                joined);
        print("different", differentBy);
        print("not claimed", unclaimedBy);
    }

    private void print(String what, Map<String, Integer> by) {
        if (!by.isEmpty()) {
            StringBuilder s = new StringBuilder("  " + what + ":");
            by.forEach((name, n) -> s.append(' ').append(name).append(' ').append(n));
            out.println(s);
        }
    }
}
