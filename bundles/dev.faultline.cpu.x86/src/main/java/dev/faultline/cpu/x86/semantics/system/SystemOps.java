// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.semantics.system;

import dev.faultline.api.cpu.Segments;
import dev.faultline.cpu.x86.Decoded;
import dev.faultline.cpu.x86.Faults;
import dev.faultline.cpu.x86.Op;
import dev.faultline.cpu.x86.semantics.Semantics;

/** Mnemonics of system.tab to their classes. */
public final class SystemOps {
    private SystemOps() {}

    /** One line per mnemonic. */
    public static Op make(Decoded d) {
        return switch (d.mnemonic) {
            case "JMPF" -> Transfers.far(d, false);
            case "CALLF" -> Transfers.far(d, true);
            case "RETF" -> Transfers.ret(d, d.opcode == 0xCA ? (int) d.imm & 0xFFFF : 0);
            case "IRET" -> Transfers.iret(d);
            case "INT3" -> new Transfers.Interrupt(Faults.BP, false, false);
            case "INT" -> new Transfers.Interrupt((int) d.imm & 0xFF, true, false);
            case "INTO" -> new Transfers.Interrupt(Faults.OF, false, true);
            case "INT1" -> new Transfers.DebugInterrupt();
            case "SYSCALL" -> new FastSystemCalls.Syscall();
            case "SYSRET" -> new FastSystemCalls.Sysret(d);
            case "SYSENTER" -> new FastSystemCalls.Sysenter();
            case "SYSEXIT" -> new FastSystemCalls.Sysexit(d);
            case "SWAPGS" -> new FastSystemCalls.SwapGs();
            case "RDFSBASE" -> new FastSystemCalls.SegmentBase(d, Segments.FS, false);
            case "RDGSBASE" -> new FastSystemCalls.SegmentBase(d, Segments.GS, false);
            case "WRFSBASE" -> new FastSystemCalls.SegmentBase(d, Segments.FS, true);
            case "WRGSBASE" -> new FastSystemCalls.SegmentBase(d, Segments.GS, true);
            case "MOV_TO_SREG" -> SegmentMoves.load(d);
            case "MOV_FROM_SREG" -> SegmentMoves.store(d);
            case "PUSH_SREG" -> SegmentMoves.push(d, segment(d));
            case "POP_SREG" -> SegmentMoves.pop(d, segment(d));
            case "LES" -> SegmentMoves.far(d, Segments.ES);
            case "LDS" -> SegmentMoves.far(d, Segments.DS);
            case "LSS" -> SegmentMoves.far(d, Segments.SS);
            case "LFS" -> SegmentMoves.far(d, Segments.FS);
            case "LGS" -> SegmentMoves.far(d, Segments.GS);
            default -> tables(d);
        };
    }

    private static int segment(Decoded d) {
        return switch (d.entry.operands) {
            case "ES" -> Segments.ES;
            case "CS" -> Segments.CS;
            case "SS" -> Segments.SS;
            case "DS" -> Segments.DS;
            case "FS" -> Segments.FS;
            case "GS" -> Segments.GS;
            default -> throw Semantics.unknown(d);
        };
    }

    private static Op tables(Decoded d) {
        return switch (d.mnemonic) {
            case "SGDT" -> SystemTables.store(d, false);
            case "SIDT" -> SystemTables.store(d, true);
            case "LGDT" -> SystemTables.load(d, false);
            case "LIDT" -> SystemTables.load(d, true);
            case "SLDT" -> SystemTables.storeSelector(d, Segments.LDTR);
            case "STR" -> SystemTables.storeSelector(d, Segments.TR);
            case "LLDT" -> SystemTables.loadSelector(d, false);
            case "LTR" -> SystemTables.loadSelector(d, true);
            case "SMSW" -> SystemTables.smsw(d);
            case "LMSW" -> SystemTables.lmsw(d);
            case "LAR" -> SegmentQueries.make(d, SegmentQueries.LAR);
            case "LSL" -> SegmentQueries.make(d, SegmentQueries.LSL);
            case "VERR" -> SegmentQueries.make(d, SegmentQueries.VERR);
            case "VERW" -> SegmentQueries.make(d, SegmentQueries.VERW);
            case "ARPL" -> SegmentQueries.arpl(d);
            case "MOV_FROM_CR" -> ControlRegisters.read(d);
            case "MOV_TO_CR" -> ControlRegisters.write(d);
            case "MOV_FROM_DR" -> DebugRegisters.make(d, false);
            case "MOV_TO_DR" -> DebugRegisters.make(d, true);
            case "CLTS" -> new ControlRegisters.ClearTaskSwitched();
            case "RDMSR" -> new Msrs.Read();
            case "WRMSR" -> new Msrs.Write();
            default -> others(d);
        };
    }

    private static Op others(Decoded d) {
        return switch (d.mnemonic) {
            case "CPUID" -> new Processor.Cpuid();
            case "RDTSC" -> new Processor.TimeStamp(false);
            case "RDTSCP" -> new Processor.TimeStamp(true);
            case "RDPMC" -> new Processor.NoCounter();
            case "HLT" -> new Processor.Halt();
            case "INVD", "WBINVD" -> new Processor.CacheControl();
            case "INVLPG" -> new Processor.InvalidatePage(d);
            case "PUSHF" -> new FlagInstructions.Pushf(d);
            case "POPF" -> new FlagInstructions.Popf(d);
            case "CLI" -> new FlagInstructions.InterruptFlag(false);
            case "STI" -> new FlagInstructions.InterruptFlag(true);
            case "CLAC" -> new FlagInstructions.AccessFlag(false);
            case "STAC" -> new FlagInstructions.AccessFlag(true);
            case "IN" -> PortIo.in(d);
            case "OUT" -> PortIo.out(d);
            case "INS" -> PortIo.ins(d);
            case "OUTS" -> PortIo.outs(d);
            default -> throw Semantics.unknown(d);
        };
    }
}
