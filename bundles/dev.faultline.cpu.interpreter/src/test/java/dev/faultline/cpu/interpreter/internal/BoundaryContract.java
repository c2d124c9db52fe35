// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.internal;

import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.CODE;
import static dev.faultline.cpu.interpreter.internal.LongModeVcpu.STACK;
import static org.assertj.core.api.Assertions.assertThat;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.testkit.cpu.FakeInterrupts;
import dev.faultline.testkit.cpu.NoDevices;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Whatever makes an event deliverable, it is delivered at the very next instruction boundary: the
 * frame that the event pushes names the instruction that it came before. SDM 3A, "Priority Among
 * Concurrent Events", "Masking Maskable Hardware Interrupts", "Handling Multiple NMIs".
 */
@ParameterizedClass
@CsvSource({"coded,false", "thrown,false", "coded,true", "thrown,true"})
public abstract class BoundaryContract {
    private static final int GDT = 0x6000;
    private static final int IDT = 0x7000;
    private static final int HANDLERS = 0x12000;
    private static final int TARGET = 0x14000;
    private static final int MMIO = 0x40_0000;
    private static final int MMIO_LIN = 0x1F_0000;
    private static final int NMI = 2;
    private static final int GP = 13;
    private static final int VECTOR = 0x45;

    private static final String NOP = "90";
    private static final String INC_RAX = "48 FF C0";
    private static final String STI = "FB";
    private static final String POPF = "9D";
    private static final String IRETQ = "48 CF";
    private static final String MOV_CR8_RDX = "44 0F 22 C2";
    private static final String OUT_AL = "E6 80";
    private static final String STORE_EDX_AT_RBX = "89 13";
    private static final String MOV_SS_CX = "8E D1";
    private static final String WRMSR = "0F 30";
    private static final String HLT = "F4";

    private final VcpuEngineFactory engines;
    private final String style;
    private final boolean stepped;
    private final Port port = new Port();
    private LongModeVcpu cpu;
    private VcpuContext v;

    /** What the device does when it is written to. */
    private Runnable device = () -> {};

    protected BoundaryContract(VcpuEngineFactory engines, String style, boolean stepped) {
        this.engines = engines;
        this.style = style;
        this.stepped = stepped;
    }

    @BeforeEach
    void open() {
        cpu = new LongModeVcpu(engines, style);
        v = cpu.v;
        v.interrupts = port;
        v.bus = new Devices();
        cpu.put64(GDT + 8, 0x00AF_9B00_0000_FFFFL);
        cpu.put64(GDT + 16, 0x00CF_9300_0000_FFFFL);
        v.gdtBase = GDT;
        v.gdtLimit = 0x17;
        v.idtBase = IDT;
        v.idtLimit = 0xFFF;
        for (int vector : new int[] {NMI, GP, VECTOR}) {
            long handler = handler(vector);
            cpu.put64(
                    IDT + 16 * vector,
                    handler & 0xFFFF | 8L << 16 | 0x8EL << 40 | handler >> 16 << 48);
            cpu.put64(IDT + 16 * vector + 8, 0);
            cpu.put((int) handler, HLT);
        }
        cpu.map(MMIO_LIN, MMIO);
        v.gpr[3] = MMIO_LIN;
    }

    @AfterEach
    void close() {
        cpu.close();
    }

    private static long handler(int vector) {
        return HANDLERS + 16 * vector;
    }

    /** Runs to the handler's HLT. */
    private void run() {
        int exit;
        int most = 100;
        do {
            exit = stepped ? cpu.engine.step() : cpu.engine.run();
            assertThat(most--).as("exits").isPositive();
        } while (exit == VcpuLoop.EXIT_REQUEST);
        assertThat(exit).isEqualTo(VcpuLoop.EXIT_HALT);
    }

    private void delivered(int vector, long rip, long rax) {
        run();
        assertThat(v.rip).as("in the handler").isEqualTo(handler(vector) + 1);
        assertThat(cpu.get64((int) v.gpr[4])).as("interrupted before").isEqualTo(rip);
        assertThat(v.gpr[0]).isEqualTo(rax);
    }

    private void interruptible(boolean on) {
        v.eflags = on ? v.eflags | VcpuContext.IF : v.eflags & ~VcpuContext.IF;
    }

    private void frame(long rip, long flags) {
        v.gpr[4] = STACK - 40;
        cpu.put64(STACK - 40, rip);
        cpu.put64(STACK - 32, 8);
        cpu.put64(STACK - 24, flags);
        cpu.put64(STACK - 16, STACK);
        cpu.put64(STACK - 8, 16);
    }

    private void post() {
        v.post(VcpuContext.REQ_INTERRUPT);
    }

    @Test
    void nmiThatWaitedComesAfterIret() {
        frame(TARGET, 2);
        cpu.put(CODE, NOP + NOP + IRETQ);
        cpu.put(TARGET, INC_RAX + INC_RAX + HLT);
        v.nmiBlocked = true;
        port.nmi = true;
        delivered(NMI, TARGET, 0);
        assertThat(v.nmiBlocked).isTrue();
    }

    @Test
    void nmiStaysBlockedUntilThere() {
        cpu.put(CODE, INC_RAX + NOP + INC_RAX + HLT);
        v.nmiBlocked = true;
        port.nmi = true;
        run();
        assertThat(v.gpr[0]).isEqualTo(2);
        assertThat(v.rip).isEqualTo(CODE + 8);
    }

    @Test
    void nmiThatWaitedComesAfterAnIretThatFaults() {
        frame(0x8000_0000_0000_0000L, 2); // not canonical
        cpu.put(CODE, NOP + IRETQ);
        v.nmiBlocked = true;
        port.nmi = true;
        delivered(NMI, handler(GP), 0);
    }

    @Test
    void interruptComesAfterIretThatSetsIf() {
        frame(TARGET, 2 | VcpuContext.IF);
        cpu.put(CODE, NOP + IRETQ);
        cpu.put(TARGET, INC_RAX + INC_RAX + HLT);
        port.vector = VECTOR;
        delivered(VECTOR, TARGET, 0);
    }

    @Test
    void interruptComesAfterPopfThatSetsIf() {
        v.gpr[4] = STACK - 8;
        cpu.put64(STACK - 8, 2 | VcpuContext.IF);
        cpu.put(CODE, NOP + POPF + INC_RAX + INC_RAX + HLT);
        port.vector = VECTOR;
        delivered(VECTOR, CODE + 2, 0);
    }

    @Test
    void interruptComesOneInstructionAfterSti() {
        cpu.put(CODE, NOP + STI + INC_RAX + INC_RAX + HLT);
        port.vector = VECTOR;
        delivered(VECTOR, CODE + 5, 1);
    }

    @Test
    void interruptComesBeforeHltUnderStiOnlyIfItWaitedAlready() {
        cpu.put(CODE, STI + HLT + INC_RAX);
        port.vector = VECTOR;
        run(); // HLT is what the shadow covers
        assertThat(v.rip).isEqualTo(CODE + 2);
        v.activity = VcpuContext.HALTED;
        delivered(VECTOR, CODE + 2, 0);
    }

    @Test
    void interruptComesOneInstructionAfterMovSs() {
        movSs();
        port.vector = VECTOR;
        delivered(VECTOR, CODE + 5, 1);
    }

    @Test
    void nmiComesOneInstructionAfterMovSs() {
        movSs();
        port.nmi = true;
        delivered(NMI, CODE + 5, 1);
    }

    private void movSs() {
        cpu.put(CODE, MOV_SS_CX + INC_RAX + INC_RAX + HLT);
        v.gpr[1] = 16;
        interruptible(true);
        assertThat(cpu.engine.step()).isEqualTo(VcpuLoop.EXIT_REQUEST);
        assertThat(v.interruptShadow).isTrue();
    }

    @Test
    void interruptComesAfterCr8Falls() {
        cpu.put(CODE, NOP + MOV_CR8_RDX + INC_RAX + INC_RAX + HLT);
        interruptible(true);
        port.priority = 15;
        port.vector = VECTOR;
        v.gpr[2] = VECTOR >> 4;
        run(); // still masked: to HLT
        assertThat(v.rip).isEqualTo(CODE + 12);
        assertThat(v.gpr[0]).isEqualTo(2);
        v.gpr[0] = 0;
        v.gpr[2] = (VECTOR >> 4) - 1;
        cpu.start(CODE);
        delivered(VECTOR, CODE + 5, 0);
    }

    @Test
    void interruptComesAfterAStoreToTheTaskPriority() {
        cpu.put(CODE, NOP + STORE_EDX_AT_RBX + INC_RAX + INC_RAX + HLT);
        interruptible(true);
        port.priority = 15;
        port.vector = VECTOR;
        device =
                () -> {
                    port.priority = 0;
                    post();
                };
        delivered(VECTOR, CODE + 3, 0);
    }

    @Test
    void interruptComesAfterAReadModifyWriteOfADevice() {
        cpu.put(CODE, NOP + "F0 21 13" + INC_RAX + INC_RAX + HLT); // lock and [rbx], edx
        interruptible(true);
        device =
                () -> {
                    port.vector = VECTOR;
                    post();
                };
        delivered(VECTOR, CODE + 4, 0);
    }

    @Test
    void interruptComesAfterExchangeWithADevice() {
        cpu.put(CODE, NOP + "87 13" + INC_RAX + INC_RAX + HLT); // xchg [rbx], edx
        interruptible(true);
        device =
                () -> {
                    port.vector = VECTOR;
                    post();
                };
        delivered(VECTOR, CODE + 3, 0);
    }

    @Test
    void interruptComesAfterOutWithoutARequest() {
        cpu.put(CODE, NOP + OUT_AL + INC_RAX + INC_RAX + HLT);
        interruptible(true);
        device = () -> port.vector = VECTOR;
        delivered(VECTOR, CODE + 3, 0);
    }

    @Test
    void nmiComesAfterOutWithoutARequest() {
        cpu.put(CODE, NOP + OUT_AL + INC_RAX + INC_RAX + HLT);
        device = () -> port.nmi = true;
        delivered(NMI, CODE + 3, 0);
    }

    @Test
    void interruptComesBetweenIterationsOfOuts() {
        cpu.put(CODE, NOP + "F3 6E" + INC_RAX + HLT); // rep outsb
        interruptible(true);
        v.gpr[1] = 5;
        v.gpr[6] = LongModeVcpu.DATA;
        v.gpr[2] = 0x80;
        device =
                () -> {
                    port.vector = VECTOR;
                    post();
                };
        delivered(VECTOR, CODE + 1, 0);
        assertThat(v.gpr[1]).isEqualTo(4);
    }

    @Test
    void interruptComesAfterWrmsr() {
        cpu.put(CODE, NOP + WRMSR + INC_RAX + INC_RAX + HLT);
        interruptible(true);
        v.gpr[1] = 0x1B;
        port.onApicBase = () -> port.vector = VECTOR;
        delivered(VECTOR, CODE + 3, 0);
    }

    @Test
    void requestToStopIsObeyedAfterTheStoreThatMadeIt() {
        cpu.put(CODE, NOP + STORE_EDX_AT_RBX + INC_RAX + INC_RAX + HLT);
        device = () -> v.post(VcpuContext.REQ_STOP);
        int exit;
        do {
            exit = stepped ? cpu.engine.step() : cpu.engine.run();
        } while (v.rip < CODE + 3);
        assertThat(exit).isEqualTo(VcpuLoop.EXIT_REQUEST);
        assertThat(v.rip).isEqualTo(CODE + 3);
        assertThat(v.gpr[0]).isZero();
    }

    @Test
    void nmiComesBeforeAnInterrupt() {
        cpu.put(CODE, NOP + OUT_AL + INC_RAX + HLT);
        interruptible(true);
        device =
                () -> {
                    port.vector = VECTOR;
                    port.nmi = true;
                };
        delivered(NMI, CODE + 3, 0);
        assertThat(port.vector).isEqualTo(VECTOR);
    }

    /** Its base register does something. */
    private static final class Port extends FakeInterrupts {
        Runnable onApicBase = () -> {};

        @Override
        public boolean apicBase(long value) {
            onApicBase.run();
            return super.apicBase(value);
        }
    }

    private final class Devices extends NoDevices {
        @Override
        public void portOut(int port, int size, int value) {
            device.run();
        }

        @Override
        public void mmioWrite(long gpa, int size, long value) {
            device.run();
        }
    }
}
