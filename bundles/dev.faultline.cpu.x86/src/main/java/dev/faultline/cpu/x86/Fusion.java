// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86;

import dev.faultline.cpu.x86.isa.InstructionTable;
import org.jspecify.annotations.Nullable;

/** Which neighbours of 64-bit code become one {@link FusedOp}. */
final class Fusion {
    private static final int RET = 0xC3;

    private Fusion() {}

    /**
     * @param a the first instruction; if {@code first} is a run already, its last one
     * @return one Op for both, or null
     */
    static @Nullable Op of(Decoded a, Op first, Decoded b, Op second) {
        if (!plain(a) || !plain(b)) {
            return null;
        }
        if (isJcc(b)) {
            return first instanceof FusedOp ? null : branch(a, first, b, second);
        }
        if (isPush(b)) {
            return push(a, first, b.rm, second);
        }
        return pop(a, first, b, second);
    }

    private static boolean plain(Decoded d) {
        return d.row != InstructionTable.NONE && !d.lock && d.rep == 0 && d.codeBits == 64;
    }

    // ---- flags, then a branch
    private static boolean isJcc(Decoded d) {
        return d.operandSize == 8
                && (d.map == 0 && d.opcode >> 4 == 7 || d.map == 1 && d.opcode >> 4 == 8);
    }

    private static @Nullable Op branch(Decoded a, Op first, Decoded j, Op second) {
        if (a.map != 0 || !FusedBranch.takes(j)) {
            return null;
        }
        return switch (a.opcode) {
            case 0x38, 0x80, 0x84, 0xF6 -> bytes(a, first, j, second);
            default ->
                    switch (a.operandSize) {
                        case 8 -> wide(a, first, j, second);
                        case 4 -> narrow(a, first, j, second);
                        default -> null;
                    };
        };
    }

    private static @Nullable Op bytes(Decoded a, Op first, Decoded j, Op second) {
        boolean cmp = a.opcode == 0x38 || a.opcode == 0x80 && digit(a) == 7;
        boolean test = a.opcode == 0x84 || a.opcode == 0xF6 && digit(a) == 0;
        if (a.mem && !(first instanceof MemOp)) {
            return null;
        }
        if (cmp) {
            return a.mem
                    ? new FusedBranch.CmpM8(a, first, j, second)
                    : new FusedBranch.CmpR8(a, first, j, second);
        }
        if (test) {
            return a.mem
                    ? new FusedBranch.TestM8(a, first, j, second)
                    : new FusedBranch.TestR8(a, first, j, second);
        }
        return null;
    }

    private static @Nullable Op wide(Decoded a, Op first, Decoded j, Op second) {
        if (a.mem) {
            return first instanceof MemOp ? wideMemory(a, first, j, second) : null;
        }
        return switch (a.opcode) {
            case 0x39, 0x3B -> new FusedBranch.CmpRR64(a, first, j, second);
            case 0x3D -> new FusedBranch.CmpRI64(a, first, j, second);
            case 0x85 -> new FusedBranch.TestRR64(a, first, j, second);
            case 0x81, 0x83 ->
                    switch (digit(a)) {
                        case 0 -> new FusedBranch.AddRI64(a, first, j, second);
                        case 4 -> new FusedBranch.AndRI64(a, first, j, second);
                        case 5 -> new FusedBranch.SubRI64(a, first, j, second);
                        case 7 -> new FusedBranch.CmpRI64(a, first, j, second);
                        default -> null;
                    };
            case 0xFF -> digit(a) == 1 ? new FusedBranch.DecR64(a, first, j, second) : null;
            default -> null;
        };
    }

    private static @Nullable Op wideMemory(Decoded a, Op first, Decoded j, Op second) {
        return switch (a.opcode) {
            case 0x39 -> new FusedBranch.CmpMR64(a, first, j, second);
            case 0x3B -> new FusedBranch.CmpRM64(a, first, j, second);
            case 0x81, 0x83 -> digit(a) == 7 ? new FusedBranch.CmpMI64(a, first, j, second) : null;
            default -> null;
        };
    }

    private static @Nullable Op narrow(Decoded a, Op first, Decoded j, Op second) {
        if (a.mem) {
            return first instanceof MemOp ? narrowMemory(a, first, j, second) : null;
        }
        return switch (a.opcode) {
            case 0x39, 0x3B -> new FusedBranch.CmpRR32(a, first, j, second);
            case 0x3D -> new FusedBranch.CmpRI32(a, first, j, second);
            case 0x85 -> new FusedBranch.TestRR32(a, first, j, second);
            case 0x81, 0x83 ->
                    switch (digit(a)) {
                        case 0 -> new FusedBranch.AddRI32(a, first, j, second);
                        case 4 -> new FusedBranch.AndRI32(a, first, j, second);
                        case 5 -> new FusedBranch.SubRI32(a, first, j, second);
                        case 7 -> new FusedBranch.CmpRI32(a, first, j, second);
                        default -> null;
                    };
            case 0xFF -> digit(a) == 1 ? new FusedBranch.DecR32(a, first, j, second) : null;
            default -> null;
        };
    }

    private static @Nullable Op narrowMemory(Decoded a, Op first, Decoded j, Op second) {
        return switch (a.opcode) {
            case 0x39 -> new FusedBranch.CmpMR32(a, first, j, second);
            case 0x3B -> new FusedBranch.CmpRM32(a, first, j, second);
            case 0x81, 0x83 -> digit(a) == 7 ? new FusedBranch.CmpMI32(a, first, j, second) : null;
            default -> null;
        };
    }

    private static int digit(Decoded d) {
        return d.modrm >> 3 & 7;
    }

    // ---- the stack
    private static boolean isPush(Decoded d) {
        return d.map == 0 && d.opcode >> 3 == 0x50 >> 3 && d.operandSize == 8;
    }

    private static boolean isPop(Decoded d) {
        return d.map == 0 && d.opcode >> 3 == 0x58 >> 3 && d.operandSize == 8;
    }

    private static @Nullable Op push(Decoded a, Op first, int register, Op second) {
        if (!isPush(a) || !FusedStack.takes(register)) {
            return null;
        }
        if (first instanceof FusedStack.Pushes run) {
            return run.registers.length == FusedStack.MOST
                    ? null
                    : new FusedStack.Pushes(
                            FusedStack.more(run, second), FusedStack.more(run, register));
        }
        return FusedStack.takes(a.rm)
                ? new FusedStack.Pushes(new Op[] {first, second}, a.rm, register)
                : null;
    }

    private static @Nullable Op pop(Decoded a, Op first, Decoded b, Op second) {
        if (!isPop(a) || !FusedStack.takes(a.rm)) {
            return null;
        }
        FusedStack.Pops run = first instanceof FusedStack.Pops r ? r : null;
        if (b.map == 0 && b.opcode == RET && b.operandSize == 8) {
            return run != null
                    ? new FusedStack.Return(FusedStack.more(run, second), run.registers)
                    : new FusedStack.Return(new Op[] {first, second}, a.rm);
        }
        if (!isPop(b) || !FusedStack.takes(b.rm)) {
            return null;
        }
        if (run != null) {
            return run.registers.length == FusedStack.MOST
                    ? null
                    : new FusedStack.Pops(FusedStack.more(run, second), FusedStack.more(run, b.rm));
        }
        return new FusedStack.Pops(new Op[] {first, second}, a.rm, b.rm);
    }
}
