// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa.generator;

/**
 * An operand of one form of an instruction: where it is, and the Java that reads and writes it
 * there.
 *
 * @param name a, b or c: of the Op's field
 * @param size bytes: 1, 2, 4, 8 or 16
 */
record Operand(String name, Place place, int size) {
    enum Place {
        /** General register; the field is its number. */
        REGISTER("R"),
        /** XMM register; the field is the index of its low half. */
        XMM("X"),
        /** MMX register; the field is its number. */
        MMX("Mm"),
        /** The bytes at {@code h}. */
        MEMORY("M"),
        /** The field is its value. */
        IMMEDIATE("I"),
        /** The field is its value, of one byte without a sign. */
        BYTE("I"),
        /** The field is the operation that an immediate chooses. */
        OPERATION("I"),
        /** Count of a shift: the field, 1 at least. */
        COUNT("N"),
        /** Count of a shift: CL, masked. */
        CL("Cl"),
        /** Count of a shift: 0. */
        ZERO("Z"),
        /** Where a near jump goes. */
        TARGET("");

        private final String letter;

        Place(String letter) {
            this.letter = letter;
        }
    }

    private int bits() {
        return size * 8;
    }

    /** In the name of the Op's class. */
    String className() {
        boolean sized = place == Place.REGISTER || place == Place.MEMORY;
        return place.letter + (sized ? bits() : "");
    }

    boolean memory() {
        return place == Place.MEMORY;
    }

    boolean register() {
        return place == Place.REGISTER || place == Place.XMM || place == Place.MMX;
    }

    /** Whether the Op is told its value, in a constructor argument with its name. */
    boolean given() {
        return register() || place == Place.COUNT;
    }

    private String type() {
        return size == 8 ? "long" : "int";
    }

    /** Declarations of what the Op keeps of it. */
    String fields() {
        return switch (place) {
            case REGISTER ->
                    size == 1
                            ? "private final int %1$s;\nprivate final int %1$sShift;\n"
                                    .formatted(name)
                            : "private final int %s;\n".formatted(name);
            case IMMEDIATE -> "private final %s %s;\n".formatted(type(), name);
            case OPERATION -> "private final FpOp %s;\n".formatted(name);
            case COUNT, BYTE, XMM, MMX -> "private final int %s;\n".formatted(name);
            case MEMORY, CL, ZERO, TARGET -> "";
        };
    }

    /**
     * What the constructor does for {@link #fields}.
     *
     * @param kernel that of the instruction
     */
    String assignments(String kernel) {
        return switch (place) {
            case REGISTER ->
                    size == 1
                            ? "this.%1$s = d.byteRegister(%1$s);\n%1$sShift = d.byteShift(%1$s);\n"
                                    .formatted(name)
                            : "this.%1$s = %1$s;\n".formatted(name);
            case IMMEDIATE -> "%s = %sd.imm;\n".formatted(name, size == 8 ? "" : "(int) ");
            case BYTE -> "%s = (int) d.imm & 0xFF;\n".formatted(name);
            case OPERATION -> "%s = %s((int) d.imm & 0xFF);\n".formatted(name, kernel);
            case XMM -> "this.%1$s = %1$s * 2;\n".formatted(name);
            case MMX -> "this.%1$s = %1$s & 7;\n".formatted(name);
            case COUNT -> "this.%1$s = %1$s;\n".formatted(name);
            case MEMORY, CL, ZERO, TARGET -> "";
        };
    }

    /** Of a vector operand: the low quadword, or what there is of it, zero-extended. */
    Expression low() {
        return !memory() ? value() : size >= 8 ? quadword("h") : value().and(mask());
    }

    /** Of a vector operand: the high quadword, 0 if there is none. */
    Expression high() {
        if (place == Place.XMM) {
            return Expression.of("x[" + name + " + 1]");
        }
        return memory() && size == 16 ? quadword("h + 8") : Expression.of("0");
    }

    private static Expression quadword(String at) {
        return Expression.of("HostBytes.get64(" + at + ")");
    }

    /** For kernels: of type long if it has 8 bytes, else int; above its size anything. */
    Expression value() {
        return switch (place) {
            case REGISTER ->
                    switch (size) {
                        case 8 -> inRegister();
                        case 1 -> inRegister().shiftedRight(name + "Shift").cast("int");
                        default -> inRegister().cast("int");
                    };
            case MEMORY -> Expression.of("HostBytes.get%d(h)".formatted(bits()));
            case IMMEDIATE, BYTE, COUNT, CL -> Expression.of(name);
            case XMM -> Expression.of("x[" + name + "]");
            case MMX -> Expression.of("Mmx.get(v, " + name + ")");
            case ZERO, TARGET, OPERATION ->
                    throw new IllegalStateException(place + " has no value");
        };
    }

    private Expression inRegister() {
        return Expression.of("r[" + name + "]");
    }

    /** Of type long. */
    Expression zeroExtended() {
        if (size == 8) {
            return value();
        }
        Expression x =
                !register()
                        ? value()
                        : size == 1 ? inRegister().shiftedRight(name + "Shift") : inRegister();
        return x.and(mask());
    }

    /** Of type long, or a smaller signed one. */
    Expression signExtended() {
        if (size == 8 || memory() || place == Place.IMMEDIATE) {
            return value();
        }
        if (size == 1) {
            return inRegister().shiftedRight(name + "Shift").cast("byte");
        }
        return inRegister().cast(size == 4 ? "int" : "short");
    }

    /** All ones of its size. */
    String mask() {
        return switch (size) {
            case 8 -> "-1L";
            case 4 -> "0xFFFF_FFFFL";
            case 2 -> "0xFFFFL";
            default -> "0xFFL";
        };
    }

    /**
     * A statement that writes it.
     *
     * @param x of type long, zero-extended from its size
     */
    String store(Expression x) {
        if (memory()) {
            Expression part =
                    switch (size) {
                        case 8 -> x;
                        case 4 -> x.cast("int");
                        case 2 -> x.cast("short");
                        default -> x.cast("byte");
                    };
            return "HostBytes.put%d(h, %s);\n".formatted(bits(), part);
        }
        Expression whole =
                switch (size) {
                    case 8, 4 -> x;
                    case 2 -> x.or(inRegister().and("~0xFFFFL"));
                    default ->
                            x.shiftedLeft(name + "Shift")
                                    .or(inRegister().and("~(0xFFL << %sShift)".formatted(name)));
                };
        return "%s = %s;\n".formatted(inRegister(), whole);
    }
}
