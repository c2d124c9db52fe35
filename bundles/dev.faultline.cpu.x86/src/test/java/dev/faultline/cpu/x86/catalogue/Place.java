// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.catalogue;

import java.util.Arrays;
import java.util.List;

/**
 * What one row of a vector's table tells of: a register, the flags, a piece of memory, the
 * exception. Knows its text in a {@link State}, and puts such a text back.
 *
 * @param name label of the row
 * @param bytes how many bytes from {@code offset} it is about
 * @param view of vector registers, x87 registers and memory; else null
 */
record Place(String name, Kind kind, int offset, int bytes, View view) {
    /** Ways to be written. */
    enum Kind {
        HEX,
        FLAGS,
        FSW,
        MXCSR,
        EXCEPTION,
        LANES,
        ST,
        MM
    }

    static final List<String> GPR_NAMES =
            List.of(
                    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10",
                    "r11", "r12", "r13", "r14", "r15");

    private static final List<String> SELECTORS = List.of("es", "ds", "fs", "gs");

    private static final List<String> EXCEPTIONS =
            List.of(
                    "DE", "DB", "2", "BP", "OF", "BR", "UD", "NM", "DF", "9", "TS", "NP", "SS",
                    "GP", "PF", "15", "MF", "AC", "MC", "XM");

    /** Which exceptions have an error code: bits by vector. */
    private static final int WITH_ERROR_CODE = 1 << 8 | 0x1F << 10 | 1 << 17;

    static final Bits FLAG_BITS =
            new Bits("CF 0 PF 2 AF 4 ZF 6 SF 7 DF 10 OF 11 NT 14 AC 18 ID 21");

    static final Bits FSW_BITS =
            new Bits("IE 0 DE 1 ZE 2 OE 3 UE 4 PE 5 SF 6 ES 7 C0 8 C1 9 C2 10 C3 14 B 15");

    private static final Bits MXCSR_BITS = new Bits("IE 0 DE 1 ZE 2 OE 3 UE 4 PE 5 DAZ 6 FTZ 15");

    /**
     * The place that a label names.
     *
     * @param text its contents, which tell how long a piece of memory is; else not looked at
     */
    static Place of(String label, String text) {
        int dot = label.indexOf('.');
        String name = dot < 0 ? label : label.substring(0, dot);
        View view = dot < 0 ? null : View.named(label.substring(dot + 1));
        if (name.startsWith("[")) {
            return memory(label, name, view == null ? View.I8 : view, text);
        }
        if (GPR_NAMES.contains(name)) {
            return hex(name, State.GPR + 8 * GPR_NAMES.indexOf(name), 8);
        }
        if (SELECTORS.contains(name)) {
            return hex(name, State.SELECTORS + 2 * SELECTORS.indexOf(name), 2);
        }
        return switch (name) {
            case "rip" -> hex(name, State.RIP, 8);
            case "fsbase" -> hex(name, State.FS_BASE, 8);
            case "gsbase" -> hex(name, State.GS_BASE, 8);
            case "fcw" -> hex(name, State.FCW, 2);
            case "flags" -> new Place(name, Kind.FLAGS, State.FLAGS, 8, null);
            case "fsw" -> new Place(name, Kind.FSW, State.FSW, 2, null);
            case "mxcsr" -> new Place(name, Kind.MXCSR, State.MXCSR, 4, null);
            case "exception" -> new Place(name, Kind.EXCEPTION, State.EXCEPTION, 12, null);
            default -> numbered(label, name, view);
        };
    }

    private static Place hex(String name, int offset, int bytes) {
        return new Place(name, Kind.HEX, offset, bytes, null);
    }

    private static Place memory(String label, String name, View view, String text) {
        long address = Long.parseUnsignedLong(name.substring(1, name.length() - 1), 16);
        int n = view.count(text) * view.width;
        return new Place(label, Kind.LANES, State.memory(address, n), n, view);
    }

    /** XMM, MMX and x87 registers. */
    private static Place numbered(String label, String name, View view) {
        String file = name.replaceAll("\\d", "");
        String digits = name.substring(file.length());
        int i = digits.isEmpty() ? -1 : Integer.parseInt(digits);
        if (file.equals("xmm") && i >= 0 && i < 16) {
            return new Place(
                    label, Kind.LANES, State.XMM + 16 * i, 16, view == null ? View.I64 : view);
        }
        if (file.equals("mm") && i >= 0 && i < 8) {
            return new Place(label, Kind.MM, State.ST + 16 * i, 8, view == null ? View.I64 : view);
        }
        if (file.equals("st") && i >= 0 && i < 8 && view == null) {
            return new Place(label, Kind.ST, State.ST + 16 * i, 10, View.F80);
        }
        throw new IllegalArgumentException("no register or address: " + label);
    }

    /** Whether a row of this place shows a change of the other one, too. */
    boolean shows(Place other) {
        return offset <= other.offset && other.offset + other.bytes <= offset + bytes
                || kind == Kind.MM && other.kind == Kind.ST && offset == other.offset;
    }

    /** Then its text is the same, too. */
    boolean sameBytes(State a, State b) {
        return Arrays.equals(a.bytes(offset, bytes), b.bytes(offset, bytes))
                && (kind != Kind.ST || a.empty(st()) == b.empty(st()));
    }

    String text(State s) {
        return switch (kind) {
            case HEX -> "%X".formatted(number(s));
            case FLAGS -> dash(FLAG_BITS.names(s.longAt(State.FLAGS)));
            case FSW -> explained("%04X", s.shortAt(offset), fswNames(s.shortAt(offset)));
            case MXCSR -> explained("%04X", s.intAt(offset), MXCSR_BITS.names(s.intAt(offset)));
            case EXCEPTION -> exception(s);
            case LANES, MM -> view.text(s.bytes(offset, bytes));
            case ST -> s.empty(st()) ? "empty" : view.text(s.bytes(offset, bytes));
        };
    }

    private int st() {
        return (offset - State.ST) / 16;
    }

    private long number(State s) {
        return bytes == 8 ? s.longAt(offset) : s.shortAt(offset);
    }

    private static String dash(String names) {
        return names.isEmpty() ? "-" : names;
    }

    private static String explained(String format, int x, String names) {
        return format.formatted(x) + (names.isEmpty() ? "" : " (" + names + ")");
    }

    private static String fswNames(int fsw) {
        int top = fsw >> 11 & 7;
        return (FSW_BITS.names(fsw) + (top == 0 ? "" : " TOP=" + top)).strip();
    }

    private static String exception(State s) {
        int vector = s.intAt(State.EXCEPTION);
        if (vector == State.NONE) {
            return "-";
        }
        boolean coded = (WITH_ERROR_CODE >> vector & 1) != 0;
        return "#"
                + EXCEPTIONS.get(vector)
                + (coded ? "(%X)".formatted(s.longAt(State.ERROR_CODE)) : "");
    }

    /** Puts a text of {@link #text} into the state. */
    void set(State s, String text) {
        String plain = kind == Kind.EXCEPTION ? text : View.plain(text);
        switch (kind) {
            case HEX -> setNumber(s, Long.parseUnsignedLong(plain, 16));
            case FLAGS ->
                    s.putLong(offset, s.longAt(offset) & ~FLAG_BITS.all() | FLAG_BITS.value(plain));
            case FSW -> setFsw(s, Integer.parseInt(plain, 16));
            case MXCSR -> s.putInt(offset, Integer.parseInt(plain, 16));
            case EXCEPTION -> setException(s, plain);
            case LANES -> s.putBytes(offset, lanes(plain));
            case MM -> setMm(s, plain);
            case ST -> {
                s.setEmpty(st(), plain.equals("empty"));
                if (!plain.equals("empty")) {
                    s.putBytes(offset, lanes(plain));
                }
            }
        }
    }

    private byte[] lanes(String text) {
        byte[] b = view.bytes(text);
        if (b.length != bytes) {
            throw new IllegalArgumentException(
                    "%s has %d bytes, not %d: %s".formatted(name, bytes, b.length, text));
        }
        return b;
    }

    private void setNumber(State s, long x) {
        if (bytes == 8) {
            s.putLong(offset, x);
        } else {
            s.putShort(offset, (int) x);
        }
    }

    /** Another top of the stack: every ST(i) is as empty as it was. */
    private static void setFsw(State s, int fsw) {
        int tags = s.shortAt(State.TAGS);
        int up = (fsw >> 11 & 7) - s.top() & 7;
        s.putShort(State.TAGS, (tags << up | tags << up >> 8) & 0xFF);
        s.putShort(State.FSW, fsw);
    }

    /** MMX code has all registers in use, and ones in all exponents. */
    private void setMm(State s, String text) {
        for (int i = 0; i < 8; i++) {
            if (s.empty(i)) {
                s.putShort(State.ST + 16 * i + 8, 0xFFFF);
                s.setEmpty(i, false);
            }
        }
        s.putBytes(offset, lanes(text));
    }

    private static void setException(State s, String text) {
        String[] parts = text.replace(")", "").split("[#(]");
        s.putInt(State.EXCEPTION, EXCEPTIONS.indexOf(parts[1]));
        s.putLong(State.ERROR_CODE, parts.length > 2 ? Long.parseLong(parts[2], 16) : 0);
    }

    /** Names of single bits. */
    record Bits(String... table) {
        Bits(String table) {
            this(table.split(" "));
        }

        String names(long x) {
            StringBuilder s = new StringBuilder();
            for (int i = 0; i < table.length; i += 2) {
                if ((x >> Integer.parseInt(table[i + 1]) & 1) != 0) {
                    s.append(s.isEmpty() ? "" : " ").append(table[i]);
                }
            }
            return s.toString();
        }

        boolean has(String name) {
            int i = Arrays.asList(table).indexOf(name);
            return i >= 0 && i % 2 == 0;
        }

        /** Of names with spaces between them; "-": none. */
        long value(String names) {
            long x = 0;
            for (String n : names.equals("-") ? new String[0] : names.split(" ")) {
                if (!has(n)) {
                    throw new IllegalArgumentException("no flag has the name " + n);
                }
                x |= 1L << Integer.parseInt(table[Arrays.asList(table).indexOf(n) + 1]);
            }
            return x;
        }

        long all() {
            long x = 0;
            for (int i = 1; i < table.length; i += 2) {
                x |= 1L << Integer.parseInt(table[i]);
            }
            return x;
        }
    }
}
