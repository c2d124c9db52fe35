// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static dev.faultline.api.cpu.Gpr.RAX;
import static dev.faultline.api.cpu.Gpr.RCX;
import static dev.faultline.api.cpu.Gpr.RDI;
import static dev.faultline.api.cpu.Gpr.RDX;
import static dev.faultline.api.cpu.Gpr.RSI;
import static dev.faultline.api.cpu.Gpr.RSP;
import static dev.faultline.api.hax.HaxAbi.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuEngine;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.api.hax.HaxOp;
import dev.faultline.api.hax.HaxPlatform;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.cpu.interpreter.internal.InterpreterFactory;
import dev.faultline.testkit.HangGuard;
import dev.faultline.testkit.cpu.FakeEngines;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Small guests, run as a client runs them: flat 32-bit protected mode, 64 KiB of RAM at 0, a device
 * at 0x100000.
 */
class GuestRunTest {
    private static final int RAM = 0x1_0000;
    private static final int DEVICE = 0x10_0000;
    private static final String HLT = "f4";

    private Client c = Client.linux();

    @AfterEach
    void close() {
        c.close();
    }

    private void guest(String code) {
        c.ram(RAM).code(code + HLT);
    }

    // ---- ports

    @Test
    void outLeavesWithItsValueAndGoesOn() {
        guest("b0 5a e6 80"); // mov al,5ah; out 80h,al
        assertThat(c.run()).isEqualTo(EXIT_IO);
        assertThat(c.io()).isEqualTo("out1 80 5a");
        assertThat(c.get("_rip")).isEqualTo(Client.CODE + 4);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.get("_rip")).isEqualTo(Client.CODE + 5);
    }

    @Test
    void inTakesTheClientsAnswer() {
        guest("66 ed"); // in ax,dx
        c.gpr(RAX, 0x1122_3344).gpr(RDX, 0x3F8);
        assertThat(c.run()).isEqualTo(EXIT_IO);
        assertThat(c.io()).isEqualTo("in2 3f8");
        assertThat(c.get("_rip")).isEqualTo(Client.CODE);
        c.answerIo(0xFFFF_BEEFL);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.gpr(RAX)).isEqualTo(0x1122_BEEF);
    }

    @Test
    void aRepeatedInsExitsOncePerElement() {
        guest("f3 6c"); // rep insb
        c.gpr(RCX, 3).gpr(RDX, 0x1F0).gpr(RDI, 0x2000);
        for (int i = 0; i < 3; i++) {
            assertThat(c.run()).isEqualTo(EXIT_IO);
            assertThat(c.io()).isEqualTo("in1 1f0");
            assertThat(c.gpr(RCX)).isEqualTo(3 - i);
            c.answerIo('a' + i);
        }
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(HostBytes.get32(c.ram + 0x2000)).isEqualTo(0x63_6261);
        assertThat(c.gpr(RDI)).isEqualTo(0x2003);
    }

    // ---- device space

    @Test
    void deviceSpaceLeavesAsFastMmio() {
        guest("a1 04 00 10 00  a3 08 00 10 00"); // mov eax,[100004h]; mov [100008h],eax
        assertThat(c.run()).isEqualTo(EXIT_FAST_MMIO);
        assertThat(c.mmio()).isEqualTo("read4 100004");
        c.answerMmio(0x1234_5678);
        assertThat(c.run()).isEqualTo(EXIT_FAST_MMIO);
        assertThat(c.mmio()).isEqualTo("write4 100008 12345678");
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.gpr(RAX)).isEqualTo(0x1234_5678);
    }

    /**
     * Ports and device space in one run of instructions: the client sees them in the guest's order
     * and nothing runs ahead.
     */
    @Test
    void everythingComesInTheGuestsOrder() {
        guest(
                "c7 05 00 00 10 00 01 00 00 00" // mov dword [100000h],1
                        + "c7 05 00 20 00 00 07 00 00 00" // mov dword [2000h],7
                        + "a1 04 00 10 00" // mov eax,[100004h]
                        + "e7 10" // out 10h,eax
                        + "e5 14"); // in eax,14h
        assertThat(c.run()).isEqualTo(EXIT_FAST_MMIO);
        assertThat(c.mmio()).isEqualTo("write4 100000 1");
        assertThat(HostBytes.get32(c.ram + 0x2000)).isZero();
        assertThat(c.run()).isEqualTo(EXIT_FAST_MMIO);
        assertThat(c.mmio()).isEqualTo("read4 100004");
        assertThat(HostBytes.get32(c.ram + 0x2000)).isEqualTo(7);
        c.answerMmio(0xAB);
        assertThat(c.run()).isEqualTo(EXIT_IO);
        assertThat(c.io()).isEqualTo("out4 10 ab");
        assertThat(c.run()).isEqualTo(EXIT_IO);
        assertThat(c.io()).isEqualTo("in4 14");
        c.answerIo(0xCD);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.gpr(RAX)).isEqualTo(0xCD);
    }

    /**
     * The vectors "Emulator resume", with the correct flags: CF 1, PF 4, AF 10, ZF 40, SF 80, OF
     * 800.
     */
    @ParameterizedTest
    @CsvSource({
        "01 05 00 00 10 00, 1, 7fffffff, 100000, 80000000, 0, 894", // add [100000h],eax
        "11 05 00 00 10 00, 0, ffffffff, 100000, 0, 1, 55", // adc [100000h],eax, CF = 1
        "0f ab 05 00 00 10 00, 9, 0, 100000, 200, 0, 0", // bts [100000h],eax
        "f7 1d 00 00 10 00, 0, 1, 100000, ffffffff, 0, 95" // neg dword [100000h]
    })
    void readModifyWriteResumesRight(
            String code,
            String eax,
            String read,
            String gpa,
            String written,
            int cf,
            String flags) {
        guest(code);
        c.gpr(RAX, Long.parseLong(eax, 16));
        c.put("_rflags", 2 | cf);
        assertThat(c.run()).isEqualTo(EXIT_FAST_MMIO);
        assertThat(c.mmio()).isEqualTo("read4 " + gpa);
        c.answerMmio(Long.parseLong(read, 16));
        assertThat(c.run()).isEqualTo(EXIT_FAST_MMIO);
        assertThat(c.mmio()).isEqualTo("write4 " + gpa + " " + written);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.get("_rflags") & 0x8D5).isEqualTo(Long.parseLong(flags, 16));
    }

    @Test
    void repMovsToTheDeviceCountsDownAtEachExit() {
        guest("f3 a4"); // rep movsb
        HostBytes.put32(c.ram + 0x2000, 0x33_2211);
        c.gpr(RCX, 3).gpr(RSI, 0x2000).gpr(RDI, DEVICE);
        for (int i = 0; i < 3; i++) {
            assertThat(c.run()).isEqualTo(EXIT_FAST_MMIO);
            assertThat(c.mmio()).isEqualTo("write1 %x %x".formatted(DEVICE + i, 0x11 * (i + 1)));
        }
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.gpr(RCX)).isZero();
    }

    @Test
    void xchgWithTheDevice() {
        guest("87 05 00 00 10 00"); // xchg [100000h],eax
        c.gpr(RAX, 0x55);
        assertThat(c.run()).isEqualTo(EXIT_FAST_MMIO);
        c.answerMmio(0x66);
        assertThat(c.run()).isEqualTo(EXIT_FAST_MMIO);
        assertThat(c.mmio()).isEqualTo("write4 100000 55");
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.gpr(RAX)).isEqualTo(0x66);
    }

    @Test
    void aCopyWithinTheDeviceReadsOnceAndWritesOnce() {
        guest("a5"); // movsd
        c.gpr(RSI, DEVICE).gpr(RDI, DEVICE + 0x100);
        assertThat(c.run()).isEqualTo(EXIT_FAST_MMIO);
        assertThat(c.mmio()).isEqualTo("read4 100000");
        c.answerMmio(0x77);
        assertThat(c.run()).isEqualTo(EXIT_FAST_MMIO);
        assertThat(c.mmio()).isEqualTo("write4 100100 77");
        assertThat(c.run()).isEqualTo(EXIT_HLT);
    }

    @Test
    void aWriteToRomIsTheClientsAndAReadIsNot() {
        guest("a1 00 00 02 00 40 a3 00 00 02 00"); // mov eax,[20000h]; inc eax; mov [20000h],eax
        assertThat(c.set(0x20, 1, RAM_ROM | RAM_STANDALONE, romPage())).isZero();
        assertThat(c.run()).isEqualTo(EXIT_FAST_MMIO);
        assertThat(c.mmio()).isEqualTo("write4 20000 42");
        assertThat(c.run()).isEqualTo(EXIT_HLT);
    }

    private long romPage() {
        long hva = (java.lang.foreign.Arena.global().allocate(PAGE, PAGE)).address();
        HostBytes.put32(hva, 0x41);
        return hva;
    }

    // ---- stopped accesses

    @Test
    void aStoppedAccessLeavesWithItsAddressAndIsExecutedAnew() {
        guest("a1 34 52 00 00 40 a3 34 52 00 00"); // mov eax,[5234h]; inc eax; mov [5234h],eax
        HostBytes.put32(c.ram + 0x5234, 0x10);
        assertThat(c.protect(0x5000, 0x1000, PERM_NONE)).isZero();
        assertThat(c.run()).isEqualTo(EXIT_PAGEFAULT);
        assertThat(c.faultGpa()).isEqualTo(0x5234);
        assertThat(c.faultFlags()).isEqualTo(PAGEFAULT_ACC_R);
        assertThat(c.get("_rip")).isEqualTo(Client.CODE);
        assertThat(c.run()).as("still protected").isEqualTo(EXIT_PAGEFAULT);
        assertThat(c.protect(0x5000, 0x1000, 1)).isZero();
        assertThat(c.run()).isEqualTo(EXIT_PAGEFAULT);
        assertThat(c.faultGpa()).isEqualTo(0x5234);
        assertThat(c.faultFlags()).isEqualTo(PAGEFAULT_ACC_W | 1 << PAGEFAULT_PERM_SHIFT);
        assertThat(c.protect(0x5000, 0x1000, PERM_RWX)).isZero();
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(HostBytes.get32(c.ram + 0x5234)).isEqualTo(0x11);
    }

    @Test
    void aFetchFromAProtectedPageLeavesToo() {
        guest("e9 fb 1f 00 00"); // jmp 3000h
        HostBytes.put8(c.ram + 0x3000, (byte) 0xF4);
        c.protect(0x3000, 0x1000, PERM_NONE);
        assertThat(c.run()).isEqualTo(EXIT_PAGEFAULT);
        assertThat(c.faultGpa()).isEqualTo(0x3000);
        assertThat(c.faultFlags()).isEqualTo(PAGEFAULT_ACC_X);
        c.protect(0x3000, 0x1000, PERM_RWX);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.get("_rip")).isEqualTo(0x3001);
    }

    /** The reference looks at 2 MiB windows and reports the lowest protected page of them. */
    @Test
    void onlyTheAccessedPageCounts() {
        guest("a1 00 60 00 00 a1 00 80 00 00"); // mov eax,[6000h]; mov eax,[8000h]
        c.protect(0x5000, 0x1000, PERM_NONE);
        c.protect(0x8000, 0x1000, PERM_NONE);
        assertThat(c.run()).isEqualTo(EXIT_PAGEFAULT);
        assertThat(c.faultGpa()).isEqualTo(0x8000);
        c.protect(0x8000, 0x1000, PERM_RWX);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
    }

    @Test
    void protectionUnderADeviceHasNoEffect() {
        guest("a1 00 00 10 00"); // mov eax,[100000h]
        c.set(0x200, 1, 0, c.ram);
        assertThat(c.protect(DEVICE, 0x1000, PERM_NONE)).isZero();
        assertThat(c.run()).isEqualTo(EXIT_FAST_MMIO);
    }

    @Test
    void strictModeReportsThePageAndItsRightsOneBitLower() {
        c.close();
        c = Client.strict();
        guest("a1 34 52 00 00"); // mov eax,[5234h]
        c.driver.vm(0).protection.userLayer().protect(0x5000, 0x1000, 4);
        assertThat(c.run()).isEqualTo(EXIT_PAGEFAULT);
        assertThat(c.faultGpa()).isEqualTo(0x5000);
        assertThat(c.faultFlags()).isEqualTo(PAGEFAULT_ACC_R | 4 << PAGEFAULT_PERM_SHIFT_STRICT);
    }

    // ---- both at once

    /**
     * The device has been read when the destination turns out to be protected: it is not read
     * again.
     */
    @Test
    void aPageThatIsProtectedWhileTheClientAnswersStopsTheStore() {
        guest("a5"); // movsd: device to RAM
        c.gpr(RSI, DEVICE).gpr(RDI, 0x5000);
        assertThat(c.run()).isEqualTo(EXIT_FAST_MMIO);
        assertThat(c.mmio()).isEqualTo("read4 100000");
        c.answerMmio(0x99);
        c.protect(0x5000, 0x1000, PERM_NONE);
        assertThat(c.run()).isEqualTo(EXIT_PAGEFAULT);
        assertThat(c.faultGpa()).isEqualTo(0x5000);
        assertThat(HostBytes.get32(c.ram + 0x5000)).isZero();
        c.scribble();
        c.protect(0x5000, 0x1000, PERM_RWX);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(HostBytes.get32(c.ram + 0x5000)).isEqualTo(0x99);
        assertThat(c.gpr(RDI)).isEqualTo(0x5004);
    }

    @Test
    void aStoppedInsHasNotReadThePort() {
        guest("6d"); // insd
        c.gpr(RDX, 0x1F0).gpr(RDI, 0x5000);
        c.protect(0x5000, 0x1000, 1);
        assertThat(c.run()).isEqualTo(EXIT_PAGEFAULT);
        assertThat(c.faultFlags() & PERM_MASK).isEqualTo(PAGEFAULT_ACC_W);
        c.protect(0x5000, 0x1000, PERM_RWX);
        assertThat(c.run()).isEqualTo(EXIT_IO);
        assertThat(c.io()).isEqualTo("in4 1f0");
        c.answerIo(0x1357);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(HostBytes.get32(c.ram + 0x5000)).isEqualTo(0x1357);
    }

    /** What the client writes into the shared page decides nothing. */
    @Test
    void theContinuationIsNotInTheTunnel() {
        guest("a1 34 52 00 00"); // mov eax,[5234h]
        c.gpr(RAX, 0x4321);
        HostBytes.put32(c.ram + 0x5234, 0x10);
        c.protect(0x5000, 0x1000, PERM_NONE);
        assertThat(c.run()).isEqualTo(EXIT_PAGEFAULT);
        c.scribble(); // says: an unfinished IN of size a5a5h into anywhere
        c.protect(0x5000, 0x1000, PERM_RWX);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.gpr(RAX)).isEqualTo(0x10);
    }

    @Test
    void aClientThatMovesTheVcpuGetsNoAnswerMixedIn() {
        guest("ed"); // in eax,dx
        c.gpr(RAX, 1).gpr(RDX, 0x10);
        assertThat(c.run()).isEqualTo(EXIT_IO);
        c.put("_rip", Client.CODE + 1);
        c.answerIo(0x99);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.gpr(RAX)).isEqualTo(1);
    }

    /**
     * Bytes of code that a client changes behind the vCPU's back are seen after PROTECT or SET_RAM.
     */
    @Test
    void decodedCodeDoesNotOutliveItsMapping() {
        guest("e6 80"); // out 80h,al
        assertThat(c.run()).isEqualTo(EXIT_IO);
        c.protect(Client.CODE, 0x1000, PERM_NONE);
        HostBytes.put8(c.ram + Client.CODE + 1, (byte) 0x81);
        c.protect(Client.CODE, 0x1000, PERM_RWX);
        c.put("_rip", Client.CODE);
        assertThat(c.run()).isEqualTo(EXIT_IO);
        assertThat(c.io()).startsWith("out1 81");
    }

    // ---- events

    @Test
    void aTripleFaultIsAStateChangeUntilTheRegistersAreSet() {
        guest("cc"); // int3, without an IDT
        var r = c.registers();
        r.putInt(Client.at("_idt") + 4, 0);
        c.registers(r);
        assertThat(c.run()).isEqualTo(EXIT_STATECHANGE);
        assertThat(c.run()).isEqualTo(EXIT_STATECHANGE);
        c.put("_rip", Client.CODE + 1);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
    }

    /** Of an engine that shuts a vCPU down without saying why. */
    @Test
    void aShutdownWithoutAReasonIsAStateChangeToo() {
        VcpuEngine silent =
                new VcpuEngine() {
                    @Override
                    public int run() {
                        return VcpuLoop.EXIT_SHUTDOWN;
                    }

                    @Override
                    public int step() {
                        return VcpuLoop.EXIT_SHUTDOWN;
                    }

                    @Override
                    public void close() {}
                };
        FakeEngines engines =
                new FakeEngines("silent", new InterpreterFactory().cpuid(), v -> silent);
        try (Client other = new Client(HaxPlatform.LINUX, false, engines)) {
            other.ram(0x1_0000).code("90");
            assertThat(other.run()).isEqualTo(EXIT_STATECHANGE);
        }
    }

    /** Interrupt through a real IDT: handler at 1100h writes AL to port 20h. */
    @Test
    void anInterruptIsDeliveredWhenTheGuestTakesThem() {
        guest("fb 90 eb fd"); // sti; nop; jmp $-1
        idt(0x21, 0x1100, "e6 20 f4"); // out 20h,al; hlt
        assertThat(c.vcpu(HaxOp.INTERRUPT, Client.buffer(4).putInt(0, 0x21))).isZero();
        assertThat(c.run()).isEqualTo(EXIT_IO);
        assertThat(c.io()).startsWith("out1 20");
        assertThat(c.vcpu(HaxOp.INTERRUPT, Client.buffer(4).putInt(0, 256))).isEqualTo(EINVAL);
    }

    private void idt(int vector, int handler, String code) {
        c.idt(vector, handler, code);
    }

    @Test
    void strictModeTakesTheVectorsLowByte() {
        c.close();
        c = Client.strict();
        guest("fb 90 eb fe"); // sti; nop; jmp $
        idt(0x21, 0x1100, "e6 20 f4"); // out 20h,al; hlt
        assertThat(c.vcpu(HaxOp.INTERRUPT, Client.buffer(4).putInt(0, 0xABCD_0021))).isZero();
        assertThat(c.run()).isEqualTo(EXIT_IO);
    }

    /** No interrupt comes between a device's answer and the end of the instruction that asked. */
    @Test
    void anInterruptWaitsForTheDevicesAnswer() {
        guest("ed e7 10"); // in eax,dx; out 10h,eax
        idt(0x21, 0x1100, "e7 20 cf"); // out 20h,eax; iret
        c.gpr(RDX, 0x30);
        c.put("_rflags", 0x202);
        assertThat(c.run()).isEqualTo(EXIT_IO);
        c.vcpu(HaxOp.INTERRUPT, Client.buffer(4).putInt(0, 0x21));
        c.answerIo(0xAA);
        assertThat(c.run()).isEqualTo(EXIT_IO);
        assertThat(c.io()).isEqualTo("out4 20 aa");
        assertThat(c.run()).isEqualTo(EXIT_IO);
        assertThat(c.io()).isEqualTo("out4 10 aa");
        assertThat(c.run()).isEqualTo(EXIT_HLT);
    }

    @Test
    void theInterruptWindowIsTold() {
        guest("e6 80 fb 90 90 eb fe"); // out 80h,al; sti; nop; nop; jmp $
        assertThat(c.run()).isEqualTo(EXIT_IO);
        assertThat(c.tunnel("ready_for_interrupt_injection")).isZero();
        c.tunnel("request_interrupt_window", 1);
        assertThat(c.run()).isEqualTo(EXIT_INTERRUPT);
        assertThat(c.tunnel("ready_for_interrupt_injection")).isEqualTo(1);
    }

    @Test
    void aUserEventEndsARunInProgress() throws InterruptedException {
        guest("ff 05 00 50 00 00 eb f8"); // inc dword [5000h]; jmp $-6
        Thread t =
                Thread.ofPlatform()
                        .start(() -> {
                            awaitRun();
                            c.tunnel("user_event_pending", 1);
                        });
        assertThat(c.run()).isEqualTo(EXIT_INTERRUPT);
        t.join();
    }

    @Test
    void protectReachesARunningVcpu() throws InterruptedException {
        guest("ff 05 00 50 00 00 eb f8"); // inc dword [5000h]; jmp $-6
        int[] seen = new int[1];
        Thread t =
                Thread.ofPlatform()
                        .start(() -> {
                            awaitRun();
                            c.protect(0x5000, 0x1000, PERM_NONE);
                            seen[0] = HostBytes.get32(c.ram + 0x5000);
                        });
        assertThat(c.run()).isEqualTo(EXIT_PAGEFAULT);
        t.join();
        assertThat(c.faultGpa()).isEqualTo(0x5000);
        assertThat(HostBytes.get32(c.ram + 0x5000))
                .as("nothing after protect returned")
                .isEqualTo(seen[0]);
    }

    private void awaitRun() {
        HangGuard.until("the guest counts", () -> HostBytes.get32(c.ram + 0x5000) != 0);
    }

    @Test
    void aPauseIsAnswered() {
        guest("eb fe"); // jmp $
        c.tunnel("_exit_reason", REASON_PAUSED);
        assertThat(c.run()).isEqualTo(EXIT_PAUSED);
    }

    /**
     * Whatever the event is: it waits for its page and comes once. Handler at 1100h: out 20h,eax;
     * hlt.
     */
    @ParameterizedTest
    @CsvSource({
        "cd 30, 30, 2", // int 30h
        "0f 0b, 6, 0", // ud2: a fault, comes before its instruction
        "cc, 3, 1" // int3: a trap, comes after it
    })
    void anEventThatWasStoppedIsDeliveredOnce(String code, String vector, int pushed) {
        guest(code);
        int v = Integer.parseInt(vector, 16);
        idt(v, 0x1100, "e7 20 f4");
        c.protect(0x3000, 0x1000, PERM_NONE);
        assertThat(c.run()).isEqualTo(EXIT_PAGEFAULT);
        assertThat(c.faultGpa() & -PAGE).isEqualTo(0x3000);
        assertThat(c.faultFlags() & PERM_MASK).isEqualTo(PAGEFAULT_ACC_W);
        assertThat(c.gpr(RSP)).isEqualTo(0x4000);
        c.protect(0x3000, 0x1000, PERM_RWX);
        assertThat(c.run()).isEqualTo(EXIT_IO);
        assertThat(c.gpr(RSP)).isEqualTo(0x4000 - 12);
        assertThat(HostBytes.get32(c.ram + 0x4000 - 12)).isEqualTo(Client.CODE + pushed);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
    }

    @Test
    void anInterruptThatWasStoppedIsNotLost() {
        guest("fb 90 90"); // sti; nop; nop
        idt(0x21, 0x1100, "e7 20 f4");
        c.vcpu(HaxOp.INTERRUPT, Client.buffer(4).putInt(0, 0x21));
        c.protect(0x3000, 0x1000, PERM_NONE);
        assertThat(c.run()).isEqualTo(EXIT_PAGEFAULT);
        c.protect(0x3000, 0x1000, PERM_RWX);
        assertThat(c.run()).isEqualTo(EXIT_IO);
        assertThat(c.io()).startsWith("out4 20");
        assertThat(c.run()).isEqualTo(EXIT_HLT);
    }

    // ---- the vectors "Violation"

    /**
     * A slot whose 2 MiB of backing are not aligned as its gpas are: the reference opened the
     * protected page with its neighbours.
     */
    @Test
    void aProtectedNeighbourStaysClosedWhateverTheAlignment() {
        guest("a1 00 00 20 00 a1 00 00 35 00"); // mov eax,[200000h]; mov eax,[350000h]
        long bytes = 0x20_0000;
        long hva = java.lang.foreign.Arena.global().allocate(bytes, PAGE).address();
        assertThat(c.setRam(0x20_0000, bytes, RAM_STANDALONE, hva)).isZero();
        assertThat(c.protect(0x35_0000, 0x1000, PERM_NONE)).isZero();
        assertThat(c.run()).isEqualTo(EXIT_PAGEFAULT);
        assertThat(c.faultGpa()).isEqualTo(0x35_0000);
    }

    /** 4 GiB of addresses of which 64 KiB are there: only what the guest touches is touched. */
    @Test
    void nothingIsPinned() {
        long hva = java.lang.foreign.Arena.global().allocate(RAM, PAGE).address();
        assertThat(c.addBlock(hva, 1L << 32)).isZero();
        assertThat(c.setRam(0, 1L << 32, 0, hva)).isZero();
        c.ram = hva;
        c.code("a1 00 50 00 00" + HLT); // mov eax,[5000h]
        c.protect(0x6000, (1L << 32) - 0x6000, PERM_NONE);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
    }

    @Test
    void theCpuSaysHowWideGuestPhysicalAddressesAre() {
        guest("0f a2"); // cpuid
        c.gpr(RAX, 0x8000_0008L);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
        assertThat(c.gpr(RAX) & 0xFF).isEqualTo(Vm.PHYSICAL_ADDRESS_BITS);
    }

    // ---- PAE

    /**
     * CR3 under PAE stands for four entries in guest memory: reading them may be stopped like any
     * access, and is tried again.
     */
    @Test
    void aProtectedPdptIsAnExitNotAPanic() {
        guest("90");
        HostBytes.put64(c.ram + 0x6000, 0x7001);
        HostBytes.put64(c.ram + 0x7000, 0x83); // a 2 MiB page at 0
        c.protect(0x6000, 0x1000, PERM_NONE);
        var r = c.registers();
        r.putLong(Client.at("_cr0"), 0x8000_0011L).putLong(Client.at("_cr3"), 0x6000);
        r.putLong(Client.at("_cr4"), 0x20);
        c.registers(r);
        assertThat(c.run()).isEqualTo(EXIT_PAGEFAULT);
        assertThat(c.faultGpa() & -PAGE).isEqualTo(0x6000);
        c.protect(0x6000, 0x1000, PERM_RWX);
        assertThat(c.run()).isEqualTo(EXIT_HLT);
    }
}
