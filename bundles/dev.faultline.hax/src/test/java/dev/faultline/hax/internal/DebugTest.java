// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static dev.faultline.api.cpu.Gpr.RAX;
import static dev.faultline.api.cpu.Gpr.RCX;
import static dev.faultline.api.cpu.Gpr.RDI;
import static dev.faultline.api.cpu.Gpr.RSI;
import static dev.faultline.api.cpu.Gpr.RSP;
import static dev.faultline.api.hax.HaxAbi.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.hax.HaxOp;
import dev.faultline.api.memory.HostBytes;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * DEBUG: a client's breakpoints and steps in small guests. DR6's bits: 1 to 8 the breakpoints, 4000
 * a step; DR7: 1 enables the first, 3 at bit 16 makes it one for accesses, 3 at bit 18 four bytes
 * long.
 */
class DebugTest {
    private static final int RAM = 0x1_0000;
    private static final int CODE = Client.CODE;
    private static final int TF = 0x100;
    private static final int RF = 0x1_0000;
    private static final long DR6_ONES = 0xFFFF_0FF0L;
    private static final int HARDWARE = DEBUG_ENABLE | DEBUG_USE_HW_BP;
    private static final int SOFTWARE = DEBUG_ENABLE | DEBUG_USE_SW_BP;
    private static final int STEP = DEBUG_ENABLE | DEBUG_STEP;

    private Client c = Client.linux();

    @AfterEach
    void close() {
        c.close();
    }

    private void strict() {
        c.close();
        c = Client.strict();
    }

    private void guest(String code) {
        c.ram(RAM).code(code + "f4"); // hlt
    }

    private void debugged(long rip, long dr6) {
        assertThat(c.run()).isEqualTo(EXIT_DEBUG);
        assertThat(c.debugged()).startsWith("%x %x ".formatted(rip, dr6));
        assertThat(c.get("_rip")).isEqualTo(rip);
        assertThat(c.tunnel("_exit_reason")).isEqualTo(REASON_EXCEPTION_OR_NMI);
    }

    // ---- steps

    @Test
    void aStepLeavesAfterEachInstruction() {
        guest("40 40"); // inc eax; inc eax
        assertThat(c.debug(STEP, 0)).isZero();
        debugged(CODE + 1, 0x4000);
        assertThat(c.gpr(RAX)).isEqualTo(1);
        debugged(CODE + 2, 0x4000);
        assertThat(c.debug(0, 0)).isZero();
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.gpr(RAX)).isEqualTo(2);
    }

    /** The guest cannot see that it is stepped. */
    @Test
    void aStepIsNoFlagOfTheGuests() {
        guest("9c 58"); // pushfd; pop eax
        c.gpr(RSP, 0x4000);
        c.debug(STEP, 0);
        debugged(CODE + 1, 0x4000);
        debugged(CODE + 2, 0x4000);
        assertThat(c.gpr(RAX) & TF).isZero();
    }

    /** As in the reference: it is EFLAGS.TF, from the next RUN until DEBUG ends it. */
    @Test
    void strictModeStepsByTheGuestsTrapFlag() {
        strict();
        guest("9c 58 40"); // pushfd; pop eax; inc eax
        c.gpr(RSP, 0x4000);
        c.debug(STEP, 0);
        debugged(CODE + 1, 0x4000);
        debugged(CODE + 2, 0x4000);
        assertThat(c.gpr(RAX) & TF).isEqualTo(TF);
        assertThat(c.get("_rflags") & TF).isEqualTo(TF);
        c.debug(0, 0);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.get("_rflags") & TF).isZero();
    }

    /** The device's access first, then the step that made it. */
    @Test
    void aStepOverAnOutIsTwoExits() {
        guest("e6 80 e4 80 40"); // out 80h,al; in al,80h; inc eax
        c.gpr(RAX, 0x5A);
        c.debug(STEP, 0);
        assertThat(c.run()).isEqualTo(EXIT_IO);
        assertThat(c.io()).isEqualTo("out1 80 5a");
        debugged(CODE + 2, 0x4000);
        assertThat(c.run()).isEqualTo(EXIT_IO);
        assertThat(c.io()).isEqualTo("in1 80");
        c.answerIo(7);
        debugged(CODE + 4, 0x4000);
        debugged(CODE + 5, 0x4000);
        assertThat(c.gpr(RAX)).isEqualTo(8);
    }

    /** The guest debugs itself by its own TF while the client steps it: both get their trap. */
    @Test
    void theGuestsOwnTrapFlagStaysTheGuests() {
        guest("90 90"); // nop; nop
        c.idt(1, 0x1100, "e7 20 f4"); // out 20h,eax; hlt
        c.put("_rflags", 2 | TF);
        c.debug(STEP, 0);
        debugged(CODE + 1, 0x4000);
        c.debug(0, 0);
        assertThat(c.run()).isEqualTo(EXIT_IO);
        assertThat(c.get("_rip")).isEqualTo(0x1102);
        assertThat(HostBytes.get32(c.ram + 0x4000 - 12)).isEqualTo(CODE + 1);
        assertThat(c.get("_dr6") & 0x4000).as("the guest's BS").isEqualTo(0x4000);
    }

    // ---- software breakpoints

    /** The client's INT3 stops before it; with the byte put back the instruction is executed. */
    @Test
    void aSoftwareBreakpointIsHitAndSteppedOver() {
        guest("40 40 40");
        byte original = HostBytes.get8(c.ram + CODE + 1);
        HostBytes.put8(c.ram + CODE + 1, (byte) 0xCC);
        c.debug(SOFTWARE, 0);
        assertThat(c.run()).isEqualTo(EXIT_DEBUG);
        assertThat(c.debugged()).isEqualTo("%x 0 0".formatted(CODE + 1));
        assertThat(c.gpr(RAX)).isEqualTo(1);
        assertThat(c.run()).as("again, as nothing has changed").isEqualTo(EXIT_DEBUG);
        HostBytes.put8(c.ram + CODE + 1, original);
        c.debug(STEP | DEBUG_USE_SW_BP, 0);
        debugged(CODE + 2, 0x4000);
        HostBytes.put8(c.ram + CODE + 1, (byte) 0xCC);
        c.debug(SOFTWARE, 0);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.gpr(RAX)).isEqualTo(3);
    }

    @Test
    void withoutTheClientsWishInt3IsTheGuests() {
        guest("cc");
        c.idt(3, 0x1100, "e7 20 f4");
        c.debug(HARDWARE, 0);
        assertThat(c.run()).isEqualTo(EXIT_IO);
    }

    /** INT 3 in two bytes is no breakpoint, as on hardware; INT1 is the guest's. */
    @Test
    void otherInterruptsAreTheGuests() {
        guest("cd 03 f1");
        c.idt(3, 0x1100, "cf"); // iret
        c.idt(1, 0x1110, "e7 20 f4");
        c.debug(SOFTWARE | HARDWARE, 0);
        assertThat(c.run()).isEqualTo(EXIT_IO);
        assertThat(c.get("_rip")).isEqualTo(0x1112);
    }

    // ---- hardware breakpoints

    /** As gdb goes on: without the breakpoint one step, then with it again. */
    @Test
    void anInstructionBreakpointIsHitAndSteppedOver() {
        guest("b9 02 00 00 00 40 e2 fd"); // mov ecx,2; again: inc eax; loop again
        int at = CODE + 5;
        for (int i = 0; i < 2; i++) {
            c.debug(HARDWARE, 1, at);
            debugged(at, 1);
            assertThat(c.gpr(RAX)).isEqualTo(i);
            c.debug(STEP, 0);
            debugged(at + 1, 0x4000);
        }
        c.debug(HARDWARE, 1, at);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.gpr(RAX)).isEqualTo(2);
    }

    @Test
    void theResumeFlagPassesABreakpointOnce() {
        guest("40 40");
        c.debug(HARDWARE, 1, CODE);
        debugged(CODE, 1);
        debugged(CODE, 1);
        c.put("_rflags", 2 | RF);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.gpr(RAX)).isEqualTo(2);
    }

    @Test
    void aDataBreakpointLeavesBehindTheAccess() {
        guest("a3 00 20 00 00 a1 02 20 00 00 a1 04 20 00 00 40");
        // mov [2000h],eax; mov eax,[2002h]; mov eax,[2004h]; inc eax
        c.debug(HARDWARE, 0x4 | 0xDL << 20, 0, 0x2000); // the second, 4 bytes, on writes
        debugged(CODE + 5, 2);
        assertThat(c.debugged()).endsWith(" %x".formatted(0x404 | 0xDL << 20));
        c.debug(HARDWARE, 0x4 | 0xFL << 20, 0, 0x2000); // on reads too
        debugged(CODE + 10, 2);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
    }

    /** One instruction, one exit: what it met and that it was a step. */
    @Test
    void aStepThatMeetsADataBreakpointSaysBoth() {
        guest("a3 00 20 00 00 40");
        c.debug(STEP | DEBUG_USE_HW_BP, 1 | 0xDL << 16, 0x2000);
        debugged(CODE + 5, 0x4001);
        debugged(CODE + 6, 0x4000);
    }

    @Test
    void aRepeatedInstructionLeavesBehindTheElement() {
        guest("f3 a4"); // rep movsb
        c.gpr(RCX, 4).gpr(RSI, 0x2000).gpr(RDI, 0x3000);
        c.debug(HARDWARE, 1 | 0x1L << 16, 0x3001); // one byte, on writes
        debugged(CODE, 1);
        assertThat(c.gpr(RCX)).isEqualTo(2);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.gpr(RDI)).isEqualTo(0x3004);
    }

    /** The guest's registers are kept aside, work for it, and come back. */
    @Test
    void theGuestKeepsItsDebugRegisters() {
        guest("0f 21 c0 0f 23 c8 40"); // mov eax,dr0; mov dr1,eax; inc eax
        c.put("_dr0", 0x7770);
        c.debug(HARDWARE, 1, CODE + 6);
        assertThat(c.get("_dr0")).isEqualTo(0x7770);
        debugged(CODE + 6, 1);
        assertThat(c.gpr(RAX)).isEqualTo(0x7770);
        assertThat(c.get("_dr1")).isEqualTo(0x7770);
        assertThat(c.get("_dr6")).as("the hit was not the guest's").isEqualTo(DR6_ONES);
        c.put("_dr2", 0x2222);
        c.debug(0, 0);
        assertThat(c.get("_dr0")).isEqualTo(0x7770);
        assertThat(c.get("_dr1")).isEqualTo(0x7770);
        assertThat(c.get("_dr2")).isEqualTo(0x2222);
        assertThat(c.get("_dr7")).isEqualTo(0x400);
    }

    /** Breakpoints of the guest's own stop nothing of the client's, and are hit when it is gone. */
    @Test
    void theGuestsBreakpointsComeBack() {
        guest("40 40");
        c.idt(1, 0x1100, "e7 20 f4");
        ByteBuffer r = c.registers();
        r.putLong(Client.at("_dr0"), CODE + 1).putLong(Client.at("_dr7"), 1);
        c.registers(r);
        c.debug(STEP, 0);
        debugged(CODE + 1, 0x4000);
        c.debug(0, 0);
        assertThat(c.run()).isEqualTo(EXIT_IO);
        assertThat(c.get("_rip")).isEqualTo(0x1102);
        assertThat(c.get("_dr6") & 0xF).isEqualTo(1);
    }

    /** As in the reference: DEBUG clears or sets DR0-DR3, DR6 and DR7, and SET_REGS does not. */
    @Test
    void strictModeOverwritesTheGuestsDebugRegisters() {
        strict();
        guest("40 40");
        c.put("_dr0", 0x7770);
        c.debug(HARDWARE, 1, CODE + 1);
        assertThat(c.get("_dr0")).isEqualTo(CODE + 1);
        assertThat(c.get("_dr7")).isEqualTo(0x401);
        c.put("_dr0", 0x7770);
        assertThat(c.get("_dr0")).isEqualTo(CODE + 1);
        debugged(CODE + 1, 1);
        c.debug(0, 0);
        assertThat(c.get("_dr0")).isZero();
        assertThat(c.get("_dr7")).isEqualTo(0x400);
        assertThat(c.get("_dr6")).isEqualTo(DR6_ONES);
    }

    @Test
    void unknownControlsAreRefusedAndByTheReferenceIgnored() {
        guest("40");
        assertThat(c.debug(DEBUG_ENABLE | 0x10, 0)).isEqualTo(EINVAL);
        strict();
        guest("40");
        assertThat(c.debug(STEP | 0x10, 0)).isZero();
        debugged(CODE + 1, 0x4000);
        assertThat(c.debug(DEBUG_STEP, 0)).as("not enabled").isZero();
        assertThat(c.run()).isEqualTo(EXIT_HLT);
    }

    @Test
    void aBreakpointIsGoneWithItsVcpusNewPosition() {
        guest("e6 80 40"); // out 80h,al; inc eax
        c.debug(STEP, 0);
        assertThat(c.run()).isEqualTo(EXIT_IO);
        c.put("_rip", CODE + 2);
        c.put("_rip", CODE);
        assertThat(c.run()).isEqualTo(EXIT_IO);
        debugged(CODE + 2, 0x4000);
    }

    @Test
    void aKickComesThrough() {
        guest("40");
        c.debug(HARDWARE, 1, CODE + 0x100);
        c.tunnel("user_event_pending", 1);
        assertThat(c.vcpu(HaxOp.RUN, null)).isZero();
        assertThat(c.status()).isEqualTo(EXIT_INTERRUPT);
    }
}
